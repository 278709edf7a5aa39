"""Rays in 3D, against values of StarDist 0.9.2 and against what makes a closed surface."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from stellate.geometry.rays import Rays3D, rays_2d, rays_3d

# Rays_GoldenSpiral(8, anisotropy=(2, 1, 1)) of StarDist
VERTICES = [
    [-1.0, 0.0, 0.0],
    [-0.4545454680919647, 0.6016750931739807, -0.6567918062210083],
    [-0.23076923191547394, -0.9692829251289368, 0.08506597578525543],
    [-0.07198157161474228, 0.791542112827301, 0.6068605184555054],
    [0.07198157161474228, -0.17373012006282806, -0.9821590781211853],
    [0.23076923191547394, -0.522240936756134, 0.8209810853004456],
    [0.4545454680919647, 0.8601851463317871, -0.23123566806316376],
    [1.0, -0.0, -0.0],
]
FACES = [
    [0, 2, 4], [4, 2, 7], [5, 2, 0], [7, 2, 5], [6, 4, 7], [0, 4, 1],
    [4, 6, 1], [7, 5, 3], [3, 6, 7], [3, 5, 0], [0, 1, 3], [3, 1, 6],
]  # fmt: skip

OCTAHEDRON = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0], [0, -1, 0], [0, 0, -1]])
OCTAHEDRON_FACES = np.array(
    [[0, 1, 2], [0, 2, 4], [0, 4, 5], [0, 5, 1], [3, 2, 1], [3, 4, 2], [3, 5, 4], [3, 1, 5]]
)


def rotated_to_lowest(faces):
    """Triangles as a set that says which way round they run, but not where they begin."""
    return {tuple(np.roll(face, -int(np.argmin(face))).tolist()) for face in np.asarray(faces)}


def test_the_spiral_is_that_of_stardist():
    rays = rays_3d(8, (2.0, 1.0, 1.0))
    np.testing.assert_allclose(rays.vertices, VERTICES, rtol=0, atol=6e-8)
    assert rotated_to_lowest(rays.faces) == rotated_to_lowest(FACES)
    assert rays.vertices.dtype == np.float32


@settings(max_examples=30, deadline=None)
@given(st.integers(5, 120), st.tuples(st.floats(0.3, 8.0), st.floats(0.5, 2.0), st.floats(0.5, 2.0)))
def test_spirals_are_hulls_with_faces_outward(n_rays, anisotropy):
    rays = rays_3d(n_rays, anisotropy)
    assert len(rays) == n_rays
    assert len(rays.faces) == 2 * n_rays - 4  # Euler's formula
    assert (np.linalg.det(rays.vertices.astype(float)[rays.faces]) < 0).all()
    np.testing.assert_allclose(np.linalg.norm(rays.vertices, axis=1), 1, atol=1e-6)
    # in space, before they are normalised, they are on the unit sphere
    stretched = rays.vertices.astype(float) * anisotropy
    on_sphere = stretched / np.linalg.norm(stretched, axis=1, keepdims=True)
    np.testing.assert_allclose(on_sphere[:, 0], np.linspace(-1, 1, n_rays), atol=1e-5)
    assert ConvexHull(on_sphere).vertices.size == n_rays


def test_given_rays_are_turned_outward_and_frozen():
    mixed = OCTAHEDRON_FACES.copy()
    mixed[::2] = mixed[::2, ::-1]
    rays = Rays3D(OCTAHEDRON, mixed)
    assert (np.linalg.det(rays.vertices.astype(float)[rays.faces]) < 0).all()
    with pytest.raises(ValueError, match="read-only"):
        rays.vertices[0, 0] = 2
    mixed[:] = 0
    assert rays.faces.max() == 5


def test_poles_may_be_given_several_times():
    # as a grid of angles has them: a ring of five, and each pole five times with faces that have no area
    ring = np.concatenate([np.zeros((5, 1)), rays_2d(5)], axis=1)
    poles = [np.tile([[z, 1e-12, 1e-12]], (5, 1)) for z in (1.0, -1.0)]
    k = np.arange(5)
    after = (k + 1) % 5
    faces = np.concatenate(
        [
            np.stack([k, 5 + after, after], axis=1),
            np.stack([k, 5 + k, 5 + after], axis=1),
            np.stack([5 + k, 10 + after, 5 + after], axis=1),
            np.stack([5 + k, 10 + k, 10 + after], axis=1),
        ]
    )
    rays = Rays3D(np.concatenate([poles[0], ring, poles[1]]), faces)
    assert len(rays) == 15
    assert len(rays.faces) == 20


@pytest.mark.parametrize(
    ("vertices", "faces", "message"),
    [
        (OCTAHEDRON, OCTAHEDRON_FACES[:-1], "closed surface"),
        (OCTAHEDRON, np.concatenate([OCTAHEDRON_FACES, OCTAHEDRON_FACES[:1]]), "closed surface"),
        (OCTAHEDRON + np.array([3, 0, 0]), OCTAHEDRON_FACES, "surrounds the origin"),
        (OCTAHEDRON * [[0], [1], [1], [1], [1], [1]], OCTAHEDRON_FACES, "not 0"),
        (np.full((6, 3), np.inf), OCTAHEDRON_FACES, "finite"),
        (OCTAHEDRON, OCTAHEDRON_FACES + 1, "indices of the 6 vertices"),
        (OCTAHEDRON[:, :2], OCTAHEDRON_FACES, r"vertices \(n, 3\)"),
        (np.zeros((0, 3)), np.zeros((0, 3), int), "4 to 32767 faces, got 0"),
    ],
)
def test_surfaces_that_are_not_closed_are_refused(vertices, faces, message):
    with pytest.raises(ValueError, match=message):
        Rays3D(vertices, faces)


def test_wrong_numbers_of_rays_and_anisotropies_are_refused():
    with pytest.raises(ValueError, match=r"at least 5 rays.*got 4"):
        rays_3d(4)
    with pytest.raises(ValueError, match="three factors above 0"):
        rays_3d(8, (0.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="at least 3 rays, got 2"):
        rays_2d(2)
