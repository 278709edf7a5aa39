"""Rays of StarDist's models for volumes, as its ``config.json`` describes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError

__all__ = ["read_rays"]

Surface = tuple[npt.NDArray[np.float64], list[list[int]]]
"""Directions ``(n, 3)`` (z, y, x), and triangles between them."""

MAX_RAYS = 1024
MAX_LEVEL = 6


def read_rays(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of `StarDistConfig` that define the rays.

    Parameters
    ----------
    settings
        The content of ``config.json``. Its ``rays_json`` has a ``name`` and ``kwargs``; without it, rays lie along a
        golden spiral. Where that has no anisotropy of its own, StarDist takes that of the model.

    Returns
    -------
    dict
        ``n_rays`` and ``anisotropy`` of a golden spiral, or ``n_rays``, ``ray_vertices`` and ``ray_faces``.

    Raises
    ------
    ConfigError
        If the rays are of an unknown kind, or what defines them makes no sense.
    """
    rays = settings.get("rays_json") or {
        "name": "Rays_GoldenSpiral",
        "kwargs": {"n": settings.get("n_rays", 96)},
    }
    if not isinstance(rays, Mapping) or not isinstance(rays.get("kwargs"), Mapping):
        raise ConfigError(f"rays_json {str(rays)[:60]}: expected a name and kwargs")
    name, values = rays.get("name"), rays["kwargs"]
    if name == "Rays_GoldenSpiral":
        anisotropy = values.get("anisotropy") or settings.get("anisotropy") or ()
        return {"n_rays": values.get("n", 70), "anisotropy": anisotropy}
    if name == "Rays_Explicit":
        return _fields(values.get("vertices0"), values.get("faces0"))
    if name not in KINDS:
        known = ", ".join(["Rays_GoldenSpiral", "Rays_Explicit", *KINDS])
        raise ConfigError(f"rays of the kind {name!r}: there are {known}")
    vertices, faces = KINDS[name](values)
    return _fields(vertices.tolist(), faces)


def _fields(vertices: Any, faces: Any) -> dict[str, Any]:
    if not isinstance(vertices, list) or not isinstance(faces, list) or not 4 <= len(vertices) <= MAX_RAYS:
        raise ConfigError(f"rays_json: expected 4 to {MAX_RAYS} vertices, and the faces between them")
    return {"n_rays": len(vertices), "ray_vertices": vertices, "ray_faces": faces}


def _whole(values: Mapping[str, Any], name: str, default: int, most: int) -> int:
    value = values.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ConfigError(f"rays_json: {name} {value!r}, expected a whole number from 1 to {most}")
    return value


def _cartesian(values: Mapping[str, Any]) -> Surface:
    """Circles of latitude, evenly spaced from pole to pole; at a pole, all rays of a circle are one."""
    around, circles = _whole(values, "n_rays_x", 11, MAX_RAYS), _whole(values, "n_rays_z", 5, MAX_RAYS)
    if around < 3 or circles < 3 or around * circles > MAX_RAYS:
        raise ConfigError(
            f"rays_json: {around} x {circles} rays; expected 3 at least each way, {MAX_RAYS} at most"
        )
    # steps are rounded to single precision, and poles moved a little, as StarDist does
    phi = np.arange(around) * float(np.float32(2 * np.pi / around))
    theta = np.arange(circles) * float(np.float32(np.pi / circles))
    theta[0], theta[-1] = 1e-12, np.pi - 1e-12
    ring = np.sin(theta)[:, np.newaxis]
    z = np.repeat(np.cos(theta), around)
    vertices = np.stack([z, (ring * np.sin(phi)).ravel(), (ring * np.cos(phi)).ravel()], axis=1)
    faces = []
    for ring_start in range(0, (circles - 1) * around, around):
        for k in range(around):
            a, b = ring_start + k, ring_start + (k + 1) % around
            faces += [[a, b + around, b], [a, a + around, b + around]]
    return vertices, faces


def _tetrahedron(values: Mapping[str, Any]) -> Surface:
    side, half = np.sqrt(2 / 9), np.sqrt(2 / 3)
    corners = np.array([[2 * side, 0, -1 / 3], [-side, half, -1 / 3], [-side, -half, -1 / 3], [0, 0, 1]])
    return _divided(corners, [[0, 1, 2], [0, 3, 1], [0, 2, 3], [1, 3, 2]], values)


def _octahedron(values: Mapping[str, Any]) -> Surface:
    corners = np.array([[0, 0, 1], [0, 1, 0], [0, 0, -1], [0, -1, 0], [1, 0, 0], [-1, 0, 0]], dtype=float)
    # the order in which edges come numbers the rays
    faces = [face for a in range(4) for face in ([a, (a + 1) % 4, 4], [a, 5, (a + 1) % 4])]
    return _divided(corners, faces, values)


def _divided(vertices: npt.NDArray[np.float64], faces: list[list[int]], values: Mapping[str, Any]) -> Surface:
    """Split each triangle into four, one time less than there are levels; new vertices are of unit length."""
    points = list(vertices)
    for _ in range(_whole(values, "n_level", 4, MAX_LEVEL) - 1):
        middles: dict[tuple[int, int], int] = {}
        smaller = []
        for face in faces:
            between = []
            for a, b in zip(face, [*face[1:], face[0]], strict=True):
                edge = (min(a, b), max(a, b))
                if edge not in middles:
                    middle = points[a] + points[b]
                    middles[edge] = len(points)
                    points.append(middle / np.linalg.norm(middle))
                between.append(middles[edge])
            ab, bc, ca = between
            smaller += [[face[0], ab, ca], [face[1], bc, ab], [face[2], ca, bc], between]
        faces = smaller
    return np.array(points), faces


KINDS: dict[str, Callable[[Mapping[str, Any]], Surface]] = {
    "Rays_Cartesian": _cartesian,
    "Rays_Tetra": _tetrahedron,
    "Rays_Octo": _octahedron,
}
