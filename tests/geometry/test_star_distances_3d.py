"""Star distances in 3D, against one ray at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stellate.geometry.rays import Rays3D, rays_3d
from stellate.geometry.star_distances_3d import star_distances_3d

OCTAHEDRON_FACES = np.array(
    [[0, 1, 2], [0, 2, 4], [0, 4, 5], [0, 5, 1], [3, 2, 1], [3, 4, 2], [3, 5, 4], [3, 1, 5]]
)
AXES = Rays3D(np.concatenate([np.eye(3), -np.eye(3)]), OCTAHEDRON_FACES)
# steps of half a voxel are as near to one voxel as to the next, steps of 2.5 jump over some
HALVES = Rays3D(AXES.vertices * 0.5 + np.float32([0.25, 0, 0]), OCTAHEDRON_FACES)
LEAPS = Rays3D(AXES.vertices * 2.5, OCTAHEDRON_FACES)


def slow_star_distances(labels, rays, grid=(1, 1, 1)):
    """One ray at a time, one float32 step at a time."""
    f32 = np.float32
    starts = labels[:: grid[0], :: grid[1], :: grid[2]]
    out = np.zeros((*starts.shape, len(rays)), dtype=f32)
    for cell in np.argwhere(starts > 0):
        value, start = starts[tuple(cell)], cell * grid
        for k, ray in enumerate(rays.vertices):
            offset = np.zeros(3, dtype=f32)
            inside = True
            while inside:
                offset = offset + ray
                at = np.rint(start.astype(f32) + offset).astype(int)
                inside = (at >= 0).all() and (at < labels.shape).all() and labels[tuple(at)] == value
            out[(*cell, k)] = np.sqrt((np.rint(offset).astype(int) ** 2).sum())
    return out


blocky_labels = arrays(np.int32, st.tuples(*[st.integers(1, 3)] * 3), elements=st.integers(-1, 2)).flatmap(
    lambda blocks: st.tuples(*[st.integers(1, 4)] * 3).map(
        lambda size: np.kron(blocks, np.ones(size, dtype=np.int32))
    )
)
grids = st.tuples(*[st.integers(1, 3)] * 3)


@settings(max_examples=60, deadline=None)
@given(
    blocky_labels,
    st.sampled_from([rays_3d(6), rays_3d(9, (2.0, 1.0, 1.0)), rays_3d(14), AXES, HALVES, LEAPS]),
    grids,
)
def test_equal_to_the_slow_walk(labels, rays, grid):
    np.testing.assert_array_equal(
        star_distances_3d(labels, rays, grid), slow_star_distances(labels, rays, grid)
    )


def test_round_shapes_that_touch():
    z, y, x = np.mgrid[:14, :30, :34]
    labels = np.zeros(z.shape, dtype=np.int32)
    labels[4 * (z - 6) ** 2 + (y - 12) ** 2 + (x - 12) ** 2 < 11**2] = 5
    labels[4 * (z - 8) ** 2 + (y - 20) ** 2 + (x - 25) ** 2 < 9**2] = 9
    labels[5:7, 10:13, 11:14] = 2
    rays = rays_3d(16, (2.0, 1.0, 1.0))
    for grid in ((1, 2, 2), (2, 3, 1)):
        np.testing.assert_array_equal(
            star_distances_3d(labels, rays, grid), slow_star_distances(labels, rays, grid)
        )


def test_worked_distances():
    labels = np.zeros((5, 6, 7), dtype=np.uint8)
    labels[1:4, 1:5, 2:7] = 3
    found = star_distances_3d(labels, AXES)
    # to the first voxel outside: along z, y, x, and back
    assert found[2, 2, 3].tolist() == [2, 3, 4, 2, 2, 2]
    assert not found[labels == 0].any()
    diagonal = Rays3D(AXES.vertices + np.float32([0, 0, 0.3]), OCTAHEDRON_FACES)
    # (1, 0, 0.3) and (2, 0, 0.6), which is nearest to (2, 0, 1)
    assert star_distances_3d(labels, diagonal)[2, 2, 3, 0] == np.float32(np.sqrt(5))


def test_large_and_thin_objects():
    labels = np.ones((3, 150, 200), dtype=np.uint16)
    found = star_distances_3d(labels, AXES, (3, 75, 100))
    assert found[0, 1, 1].tolist() == [3, 75, 100, 1, 76, 101]


def test_objects_in_many_far_apart_pieces():
    labels = np.random.default_rng(0).integers(0, 12, (8, 9, 10)).repeat(2, axis=0)
    rays = rays_3d(7)
    np.testing.assert_array_equal(star_distances_3d(labels, rays), slow_star_distances(labels, rays))
    np.testing.assert_array_equal(star_distances_3d(labels, LEAPS), slow_star_distances(labels, LEAPS))


def test_one_voxel_objects_one_plane_and_none():
    rays = rays_3d(8)
    labels = np.zeros((1, 4, 4), dtype=np.int32)
    labels[0, 1, 1], labels[0, 2, 2], labels[0, 3, 3] = 1, -1, 70_000
    np.testing.assert_array_equal(star_distances_3d(labels, rays), slow_star_distances(labels, rays))
    assert star_distances_3d(labels, rays)[0, 3, 3].min() > 0
    assert not star_distances_3d(np.zeros((3, 3, 3), dtype=np.int32), rays).any()
    assert star_distances_3d(np.zeros((0, 3, 5), dtype=np.int32), rays, (1, 2, 2)).shape == (0, 2, 3, 8)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.int64, ">i4"])
def test_integer_types_and_views_give_the_same(dtype):
    labels = np.zeros((6, 9, 10), dtype=np.int32)
    labels[1:5, 2:7, 3:9], labels[2:4, 7:9, 4:6] = 3, 100
    rays = rays_3d(8)
    expected = slow_star_distances(labels, rays)
    np.testing.assert_array_equal(star_distances_3d(labels.astype(dtype), rays), expected)
    view = labels.astype(dtype)[::-1, ::2]
    np.testing.assert_array_equal(star_distances_3d(view, rays), slow_star_distances(view, rays))


def test_huge_ids_are_told_apart():
    small = np.array([[[1, 1, 2, 2, -1, 0, 3, 3]]])
    huge = np.array([[[7, 7, 2**40, 2**40, -(2**50), 0, 2**40 + 1, 2**40 + 1]]])
    np.testing.assert_array_equal(star_distances_3d(huge, AXES), slow_star_distances(small, AXES))


def test_wrong_labels_and_grids_are_refused():
    rays = rays_3d(8)
    with pytest.raises(ValueError, match="3D integer array, got float64"):
        star_distances_3d(np.zeros((3, 4, 4)), rays)
    with pytest.raises(ValueError, match="3D integer array, got int32"):
        star_distances_3d(np.zeros((4, 4), dtype=np.int32), rays)
    with pytest.raises(ValueError, match=r"3 steps of at least 1 pixel, got \(1, 0, 1\)"):
        star_distances_3d(np.zeros((3, 4, 4), dtype=np.int32), rays, (1, 0, 1))
