"""Which voxels are inside, against all tetrahedra of all faces in float32, and against exact fractions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stellate.geometry.polyhedra import polyhedron_volumes
from stellate.geometry.polyhedron_masks import (
    directions_of,
    fill_mask,
    holds,
    new_polyhedron,
    place,
    voxel_box,
)
from stellate.geometry.rays import Rays3D, rays_3d

OCTAHEDRON = Rays3D(
    np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0], [0, -1, 0], [0, 0, -1]]),
    np.array([[0, 1, 2], [0, 2, 4], [0, 4, 5], [0, 5, 1], [3, 2, 1], [3, 4, 2], [3, 5, 4], [3, 1, 5]]),
)


def slow_mask(center, distances, rays, box):
    """Every voxel against every tetrahedron, in float32 and in StarDist's order of operations."""
    center, distances = np.float32(center), np.float32(distances)
    vertices = center + distances[:, None] * rays.vertices
    z, y, x = np.mgrid[box[0] : box[1], box[2] : box[3], box[4] : box[5]].astype(np.float32)

    def not_below(a, b, c):
        m, n, p = b - a, c - a, (z - a[0], y - a[1], x - a[2])
        det = m[0] * (n[1] * p[2] - p[1] * n[2]) - m[1] * (n[0] * p[2] - n[2] * p[0])
        return det + m[2] * (n[0] * p[1] - n[1] * p[0]) >= 0

    inside = np.zeros(z.shape, dtype=bool)
    for a, b, c in vertices[rays.faces]:
        sides = not_below(center, b, a) & not_below(center, c, b) & not_below(center, a, c)
        inside |= not_below(a, b, c) & sides
    return inside


def placed(center, distances, rays):
    distances = np.asarray(distances, dtype=np.float32)
    directions = directions_of(rays, distances[None])
    polyhedron = new_polyhedron(directions)
    place(directions, np.asarray(center, dtype=np.float32), distances, polyhedron)
    return directions, polyhedron


def fast_mask(center, distances, rays, box):
    mask = np.full((box[1] - box[0], box[3] - box[2], box[5] - box[4]), 9, dtype=np.uint8)
    count = fill_mask(*placed(center, distances, rays), box, mask)
    assert count == mask.sum()
    return mask


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_rays=st.sampled_from([5, 12, 32, 96]),
    roughness=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    radius=st.floats(0.3, 7.0),
    whole_center=st.booleans(),
    whole_distances=st.booleans(),
    far=st.sampled_from([0, 100, 5000]),
)
def test_the_same_voxels_as_all_tetrahedra(
    seed, n_rays, roughness, radius, whole_center, whole_distances, far
):
    rng = np.random.default_rng(seed)
    rays = rays_3d(n_rays, (2.0, 1.0, 1.0))
    center = far + (rng.integers(-9, 9, 3) if whole_center else rng.uniform(-9, 9, 3))
    distances = np.minimum(radius * np.exp(roughness * rng.standard_normal(n_rays)), 12)
    if whole_distances:
        distances = np.ceil(distances)
    box = voxel_box(placed(center, distances, rays)[1])
    np.testing.assert_array_equal(
        fast_mask(center, distances, rays, box), slow_mask(center, distances, rays, box)
    )


def test_voxels_on_the_border_are_inside():
    z, y, x = np.mgrid[-6:7, -6:7, -6:7]
    box = (-6, 7, -6, 7, -6, 7)
    expected = np.abs(z) + np.abs(y) + np.abs(x) <= 5
    np.testing.assert_array_equal(fast_mask([0, 0, 0], [5.0] * 6, OCTAHEDRON, box), expected)
    # in thirds, so that both the border and the sides of cones are hit; the fractions here are exact
    uneven = fast_mask([0, 0, 0], [6.0, 4, 2, 3, 5, 1], OCTAHEDRON, box)
    reach = [np.where(o >= 0, a, b) for o, a, b in ((z, 6, 3), (y, 4, 5), (x, 2, 1))]
    expected = sum(np.abs(o) * (60 // r) for o, r in zip((z, y, x), reach, strict=True)) <= 60
    np.testing.assert_array_equal(uneven, expected)


def test_boxes_within_beside_and_beyond_the_polyhedron():
    rng = np.random.default_rng(1)
    rays = rays_3d(32)
    distances = rng.uniform(4, 9, 32)
    for box in (
        (-3, 2, 0, 9, -1, 0),
        (50, 52, 50, 53, 50, 54),
        (-30, 3, -2, 1, -40, 70),
        (0, 0, 0, 5, 2, 2),
    ):
        np.testing.assert_array_equal(
            fast_mask([2, 1, 3], distances, rays, box), slow_mask([2, 1, 3], distances, rays, box)
        )


def test_polyhedra_larger_than_the_table():
    rays = rays_3d(32, (2.0, 1.0, 1.0))
    small = np.full(32, 3.0, dtype=np.float32)
    directions = directions_of(rays, small[None])
    polyhedron = new_polyhedron(directions)
    large = np.random.default_rng(2).uniform(20, 40, 32).astype(np.float32)
    place(directions, np.zeros(3, dtype=np.float32), large, polyhedron)
    box = voxel_box(polyhedron)
    mask = np.empty((box[1] - box[0], box[3] - box[2], box[5] - box[4]), dtype=np.uint8)
    fill_mask(directions, polyhedron, box, mask)
    np.testing.assert_array_equal(mask, slow_mask([0, 0, 0], large, rays, box))


def test_single_voxels_and_the_box():
    rays = rays_3d(20)
    distances = np.random.default_rng(3).uniform(1, 4, 20)
    directions, polyhedron = placed([4, 4, 4], distances, rays)
    wide = slow_mask([4, 4, 4], distances, rays, (0, 9, 0, 9, 0, 9))
    for voxel in np.ndindex(9, 9, 9):
        assert holds(directions, polyhedron, *voxel) == wide[voxel]
    box = voxel_box(polyhedron)
    assert wide[box[0] : box[1], box[2] : box[3], box[4] : box[5]].sum() == wide.sum()


def test_counted_voxels_approach_the_volume():
    rays = rays_3d(96, (2.0, 1.0, 1.0))
    distances = 25 * np.exp(0.05 * np.random.default_rng(4).standard_normal(96))
    box = voxel_box(placed([0, 0, 0], distances, rays)[1])
    count = fast_mask([0, 0, 0], distances, rays, box).sum()
    assert count == pytest.approx(polyhedron_volumes(distances[None], rays)[0], rel=0.005)


def test_slivers_and_tiny_polyhedra():
    rays = rays_3d(32)
    for distances in (np.full(32, 1e-3), np.where(np.arange(32) == 11, 12.0, 1e-3)):
        box = (-13, 14, -13, 14, -13, 14)
        found = fast_mask([0, 0, 0], distances, rays, box)
        np.testing.assert_array_equal(found, slow_mask([0, 0, 0], distances, rays, box))
        assert found[13, 13, 13] == 1


def test_poles_given_several_times_with_distances_of_their_own():
    # as a grid of angles has them; faces between copies of a pole have no solid angle, and hold nothing
    angles = np.arange(5) * 2 * np.pi / 5
    ring = np.stack([np.zeros(5), np.sin(angles), np.cos(angles)], axis=1)
    poles = np.tile([[1.0, 1e-12, 1e-12]], (5, 1))
    k, after = np.arange(5), (np.arange(5) + 1) % 5
    parts = [
        (k, 5 + after, after),
        (k, 5 + k, 5 + after),
        (5 + k, 10 + after, 5 + after),
        (5 + k, 10 + k, 10 + after),
    ]
    faces = np.concatenate([np.stack(part, axis=1) for part in parts])
    rays = Rays3D(np.concatenate([poles, ring, -poles]), faces)
    proper = np.abs(np.linalg.det(rays.vertices[rays.faces].astype(float))) > 1e-6
    assert proper.sum() == 10
    distances = np.random.default_rng(5).uniform(2, 7, 15)
    box = voxel_box(placed([0, 0, 0], distances, rays)[1])
    without = type("Rays", (), {"vertices": rays.vertices, "faces": rays.faces[proper]})
    np.testing.assert_array_equal(
        fast_mask([0, 0, 0], distances, rays, box), slow_mask([0, 0, 0], distances, without, box)
    )
