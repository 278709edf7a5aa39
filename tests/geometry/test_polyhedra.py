"""Volumes, surfaces and radii, against worked solids, convex hulls and the divergence theorem."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from stellate.geometry.polyhedra import (
    enclosing_radius,
    inscribed_radius,
    polyhedron_surfaces,
    polyhedron_vertices,
    polyhedron_volumes,
)
from stellate.geometry.rays import Rays3D, rays_3d

OCTAHEDRON = Rays3D(
    np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0], [0, -1, 0], [0, 0, -1]]),
    np.array([[0, 1, 2], [0, 2, 4], [0, 4, 5], [0, 5, 1], [3, 2, 1], [3, 4, 2], [3, 5, 4], [3, 1, 5]]),
)
ONES = np.ones(3, dtype=np.float32)


def test_an_octahedron():
    distances = np.array([[3.0] * 6, [1, 2, 3, 1, 2, 3]], dtype=np.float32)
    np.testing.assert_allclose(polyhedron_volumes(distances, OCTAHEDRON), [36, 8], rtol=1e-6)
    np.testing.assert_allclose(polyhedron_surfaces(distances[:1], OCTAHEDRON), [36 * 3**0.5], rtol=1e-6)
    assert inscribed_radius(distances[0], OCTAHEDRON.vertices, OCTAHEDRON.faces, ONES) == pytest.approx(
        3**0.5
    )
    assert enclosing_radius(distances[1], OCTAHEDRON.vertices, ONES) == 3
    assert polyhedron_vertices([[1, 2, 3]], distances[1:], OCTAHEDRON)[0].tolist() == [
        [2, 2, 3], [1, 4, 3], [1, 2, 6], [0, 2, 3], [1, 0, 3], [1, 2, 0]
    ]  # fmt: skip


def test_voxels_that_are_longer_along_z():
    tall = polyhedron_surfaces([[1, 2, 2, 1, 2, 2]], OCTAHEDRON, (2.0, 1.0, 1.0))
    np.testing.assert_allclose(tall, polyhedron_surfaces([[2.0] * 6], OCTAHEDRON), rtol=1e-6)
    scale = np.array([2, 1, 1], dtype=np.float32)
    distances = np.array([1, 2, 2, 1, 2, 2], dtype=np.float32)
    assert inscribed_radius(distances, OCTAHEDRON.vertices, OCTAHEDRON.faces, scale) == pytest.approx(
        2 / 3**0.5
    )
    assert enclosing_radius(distances, OCTAHEDRON.vertices, scale) == 2


@settings(max_examples=30, deadline=None)
@given(st.integers(6, 100), st.floats(0.5, 30), st.floats(0.7, 4.0))
def test_equal_distances_give_the_hull_of_the_rays(n_rays, radius, anisotropy):
    rays = rays_3d(n_rays, (1 / anisotropy, 1.0, 1.0))
    ellipsoid = 1 / np.linalg.norm(rays.vertices / [anisotropy, 1, 1], axis=1)
    distances = (radius * ellipsoid).astype(np.float32)
    hull = ConvexHull(rays.vertices * distances[:, None].astype(float))
    np.testing.assert_allclose(polyhedron_volumes(distances[None], rays), hull.volume, rtol=1e-4)
    np.testing.assert_allclose(polyhedron_surfaces(distances[None], rays), hull.area, rtol=1e-4)
    inscribed = inscribed_radius(distances, rays.vertices, rays.faces, ONES)
    assert inscribed == pytest.approx(-hull.equations[:, 3].max(), rel=1e-3)
    assert enclosing_radius(distances, rays.vertices, ONES) == pytest.approx(distances.max(), rel=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([6, 32, 96]))
def test_volume_of_any_polyhedron_is_the_flux_through_its_surface(seed, n_rays):
    rng = np.random.default_rng(seed)
    rays = rays_3d(n_rays, (2.0, 1.0, 1.0))
    distances = rng.uniform(0.5, 20, (3, n_rays))
    corners = polyhedron_vertices(rng.uniform(0, 50, (3, 3)), distances, rays)[:, rays.faces].astype(float)
    normals = np.cross(corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0]) / 2
    flux = -(normals * corners.mean(axis=2)).sum(axis=(1, 2)) / 3
    np.testing.assert_allclose(polyhedron_volumes(distances, rays), flux, rtol=1e-4)


def test_no_polyhedra():
    assert polyhedron_volumes(np.zeros((0, 6)), OCTAHEDRON).shape == (0,)
    assert polyhedron_surfaces([], OCTAHEDRON).shape == (0,)
    assert polyhedron_vertices([], [], OCTAHEDRON).shape == (0, 6, 3)


@pytest.mark.parametrize(
    ("points", "distances", "message"),
    [
        ([[0, 0]], [[1.0] * 6], r"points \(n, 3\) and distances \(n, 6\), got \(1, 2\)"),
        ([[0, 0, 0]], [[1.0] * 5], r"got \(1, 3\) and \(1, 5\)"),
        ([[0, 0, 0]], [[1.0] * 5 + [0.0]], "above 0, but row 0 has 0.0; floor them"),
        ([[0, 0, 0]], [[1.0] * 5 + [-1.0]], "above 0"),
        ([[0, 0, 0]], [[1.0] * 5 + [np.inf]], "distances must be finite, but row 0"),
        ([[0, np.nan, 0]], [[1.0] * 6], "points must be finite, but row 0"),
        ([[0, 0, 1e8]], [[1.0] * 6], "4 million voxels"),
    ],
)
def test_wrong_polyhedra_are_refused(points, distances, message):
    with pytest.raises(ValueError, match=message):
        polyhedron_vertices(points, distances, OCTAHEDRON)
