from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from stellate.errors import ConfigError
from stellate.models.stardist_config import StarDistConfig
from stellate.models.stardist_rays import read_rays

# What StarDist 0.9.2 makes of them: the sum of (k + 1) times vertex k, and the volume at distances 1 + k / n_rays.
OF_STARDIST: dict[str, tuple[dict[str, Any], int, tuple[float, float, float], float]] = {
    "Rays_Cartesian": ({"n_rays_x": 5, "n_rays_z": 4}, 20, (-46.715732, -5.874077, -4.267764), 7.656493),
    "Rays_Tetra": ({"n_level": 2}, 10, (-2.638958, -2.937817, 7.196152), 6.643324),
    "Rays_Octo": ({"n_level": 3}, 66, (-66.629098, -312.652254, -68.830320), 13.393201),
    "Rays_GoldenSpiral": (
        {"n": 9, "anisotropy": [2, 1, 1]},
        9,
        (12.324656, -2.293779, -3.473439),
        5.752150,
    ),
}


def config_of(settings: dict[str, Any]) -> StarDistConfig:
    return StarDistConfig(grid=(1, 2, 2), **read_rays(settings))


@pytest.mark.parametrize("name", OF_STARDIST)
def test_rays_are_those_of_stardist(name: str) -> None:
    values, n_rays, weighted, volume = OF_STARDIST[name]
    config = config_of({"rays_json": {"name": name, "kwargs": values}})
    rays = config.rays
    assert rays is not None
    assert config.n_rays == len(rays) == n_rays
    rank = np.arange(n_rays)
    np.testing.assert_allclose((rank + 1) @ rays.vertices, weighted, atol=1e-4)
    corners = (rays.vertices * (1 + rank / n_rays)[:, np.newaxis])[rays.faces]
    assert -np.linalg.det(corners).sum() / 6 == pytest.approx(volume, rel=1e-5)


def test_explicit_rays_are_taken_as_they_are() -> None:
    octahedron = config_of({"rays_json": {"name": "Rays_Octo", "kwargs": {"n_level": 1}}}).rays
    assert octahedron is not None
    kwargs = {"vertices0": (2 * octahedron.vertices).tolist(), "faces0": octahedron.faces.tolist()}
    rays = config_of({"rays_json": {"name": "Rays_Explicit", "kwargs": kwargs}}).rays
    assert rays is not None
    np.testing.assert_array_equal(rays.vertices, 2 * octahedron.vertices)
    np.testing.assert_array_equal(rays.faces, octahedron.faces)


@pytest.mark.parametrize(
    ("settings", "anisotropy"),
    [
        ({"rays_json": {"name": "Rays_GoldenSpiral", "kwargs": {"n": 12, "anisotropy": None}}}, (1, 1, 1)),
        (
            {"rays_json": {"name": "Rays_GoldenSpiral", "kwargs": {"n": 12}}, "anisotropy": [3, 1, 1]},
            (3, 1, 1),
        ),
        (
            {
                "rays_json": {"name": "Rays_GoldenSpiral", "kwargs": {"n": 12, "anisotropy": [2, 1, 1]}},
                "anisotropy": [3, 1, 1],
            },
            (2, 1, 1),
        ),
        ({"n_rays": 12, "anisotropy": [2.5, 1, 1]}, (2.5, 1, 1)),
    ],
)
def test_a_spiral_without_anisotropy_takes_the_models(
    settings: dict[str, Any], anisotropy: tuple[float, ...]
) -> None:
    config = config_of(settings)
    assert config.anisotropy == anisotropy
    assert config.n_rays == 12


FOUR = [[1.0, 0, 0], [-1, 1, 0], [-1, -1, 1], [-1, -1, -1]]


@pytest.mark.parametrize(
    ("rays", "words"),
    [
        ("all", "name and kwargs"),
        ({"name": "Rays_GoldenSpiral"}, "name and kwargs"),
        ({"name": "Rays_Cube", "kwargs": {}}, "Rays_Cube"),
        ({"name": "Rays_GoldenSpiral", "kwargs": {"n": "many"}}, "n_rays"),
        ({"name": "Rays_GoldenSpiral", "kwargs": {"n": 4}}, "at least 5"),
        ({"name": "Rays_GoldenSpiral", "kwargs": {"n": 9, "anisotropy": [1, 1]}}, "anisotropy.*3 numbers"),
        ({"name": "Rays_GoldenSpiral", "kwargs": {"n": 9, "anisotropy": [0, 1, 1]}}, "0.01 to 100"),
        ({"name": "Rays_Octo", "kwargs": {"n_level": 99}}, "n_level 99"),
        ({"name": "Rays_Octo", "kwargs": {"n_level": 6}}, "4 to 1024 vertices"),
        ({"name": "Rays_Cartesian", "kwargs": {"n_rays_x": 2, "n_rays_z": 9}}, "3 at least"),
        ({"name": "Rays_Explicit", "kwargs": {"vertices0": FOUR}}, "expected 4 to"),
        ({"name": "Rays_Explicit", "kwargs": {"vertices0": FOUR, "faces0": []}}, "triangles"),
        ({"name": "Rays_Explicit", "kwargs": {"vertices0": FOUR, "faces0": [[0, 1, 2]]}}, "polyhedron"),
        ({"name": "Rays_Explicit", "kwargs": {"vertices0": FOUR, "faces0": [[0, 1, "2"]]}}, "ray_faces"),
        ({"name": "Rays_Explicit", "kwargs": {"vertices0": [[1, 2]] * 4, "faces0": []}}, "ray_vertices"),
    ],
)
def test_refuses(rays: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        config_of({"rays_json": rays})
