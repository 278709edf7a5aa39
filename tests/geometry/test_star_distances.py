"""Star distances and object probability against slow, obvious versions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import distance_transform_edt

from stellate.geometry.star_distances import object_probability, star_distances


def slow_star_distances(labels, n_rays, grid=(1, 1)):
    """One ray at a time, one float32 step at a time."""
    f32 = np.float32
    rows, cols = range(0, labels.shape[0], grid[0]), range(0, labels.shape[1], grid[1])
    out = np.zeros((len(rows), len(cols), n_rays), dtype=f32)
    for (a, i), (b, j), k in (
        (x, y, k) for x in enumerate(rows) for y in enumerate(cols) for k in range(n_rays)
    ):
        if labels[i, j] <= 0:
            continue
        angle = float(f32(k) * f32(2 * np.pi / n_rays))
        dy, dx = f32(np.sin(angle)), f32(np.cos(angle))
        y = x = f32(0)
        inside = True
        while inside:
            y, x = y + dy, x + dx
            ii, jj = round(float(f32(i) + y)), round(float(f32(j) + x))
            inside = (
                0 <= ii < labels.shape[0] and 0 <= jj < labels.shape[1] and labels[ii, jj] == labels[i, j]
            )
        back = f32(0.5) / max(abs(dy), abs(dx)) - f32(1)
        y, x = y + back * dy, x + back * dx
        out[a, b, k] = np.sqrt(y * y + x * x)
    return out


def slow_object_probability(labels, grid=(1, 1)):
    """A distance transform of each object alone."""
    labels = labels[:: grid[0], :: grid[1]]
    out = np.where(labels < 0, -1.0, 0.0).astype(np.float32)
    for value in np.unique(labels[labels > 0]):
        inside = labels == value
        if inside.all():
            inside = np.pad(inside, 1)
            distance = distance_transform_edt(inside)[1:-1, 1:-1]
        else:
            distance = distance_transform_edt(inside)
        inside = labels == value
        out[inside] = distance[inside] / distance[inside].max()
    return out


blocky_labels = arrays(
    np.int32, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.integers(-1, 3)
).flatmap(
    lambda blocks: st.tuples(st.integers(1, 6), st.integers(1, 6)).map(
        lambda size: np.kron(blocks, np.ones(size, dtype=np.int32))
    )
)


@settings(max_examples=60, deadline=None)
@given(blocky_labels, st.sampled_from([3, 4, 7, 8, 12, 32]), st.tuples(st.integers(1, 3), st.integers(1, 3)))
def test_star_distances_equal_the_slow_walk(labels, n_rays, grid):
    np.testing.assert_array_equal(
        star_distances(labels, n_rays, grid), slow_star_distances(labels, n_rays, grid)
    )


@settings(max_examples=100, deadline=None)
@given(blocky_labels, st.tuples(st.integers(1, 3), st.integers(1, 3)))
def test_object_probability_equals_single_distance_transforms(labels, grid):
    np.testing.assert_allclose(
        object_probability(labels, grid), slow_object_probability(labels, grid), rtol=1e-6
    )


def test_round_shapes_that_touch():
    yy, xx = np.mgrid[:70, :90]
    labels = np.zeros((70, 90), dtype=np.int32)
    labels[(yy - 30) ** 2 + (xx - 35) ** 2 < 28**2] = 5
    labels[(yy - 50) ** 2 / 2 + (xx - 70) ** 2 < 15**2] = 9
    labels[28:32, 30:34] = 2
    np.testing.assert_array_equal(star_distances(labels, 16, (3, 2)), slow_star_distances(labels, 16, (3, 2)))
    np.testing.assert_allclose(object_probability(labels), slow_object_probability(labels), rtol=1e-6)


def test_long_and_large_objects():
    labels = np.ones((1, 3000), dtype=np.uint8)
    wide = np.ones((1400, 1500), dtype=np.uint8)
    assert star_distances(labels, 4)[0, 1000].tolist() == [1999.5, 0.5, 1000.5, 0.5]
    assert star_distances(wide, 4, (700, 700))[1, 1].tolist() == [799.5, 699.5, 700.5, 700.5]


def test_objects_wider_than_a_machine_word():
    rng = np.random.default_rng(3)
    labels = np.ones((9, 200), dtype=np.int32)
    labels[rng.integers(0, 9, 12), rng.integers(0, 200, 12)] = 0
    for grid in ((1, 1), (2, 3)):
        np.testing.assert_array_equal(star_distances(labels, 12, grid), slow_star_distances(labels, 12, grid))


def test_objects_in_many_far_apart_pieces():
    labels = np.random.default_rng(0).integers(0, 30, (40, 41)).repeat(2, axis=0)
    np.testing.assert_array_equal(star_distances(labels, 8), slow_star_distances(labels, 8))


def test_one_pixel_object_reaches_half_a_pixel():
    labels = np.zeros((3, 3), dtype=np.uint16)
    labels[1, 1] = 65535
    distances = star_distances(labels, 8)
    np.testing.assert_allclose(distances[1, 1], np.tile([0.5, np.sqrt(0.5)], 4), rtol=1e-6)
    assert not distances.any(axis=2)[labels == 0].any()
    assert object_probability(labels)[1, 1] == 1


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.int64, np.uint64, ">i4"])
def test_integer_types_give_the_same(dtype):
    labels = np.zeros((12, 14), dtype=np.int32)
    labels[2:7, 3:9], labels[7:11, 4:12] = 3, 100
    np.testing.assert_array_equal(star_distances(labels.astype(dtype), 8), star_distances(labels, 8))
    np.testing.assert_array_equal(object_probability(labels.astype(dtype)), object_probability(labels))


def test_huge_and_negative_ids_are_told_apart():
    small = np.array([[1, 1, 2, 2, -1, 0, 3, 3]])
    huge = np.array([[7, 7, 2**40, 2**40, -(2**50), 0, 2**40 + 1, 2**40 + 1]])
    np.testing.assert_array_equal(star_distances(huge, 8), slow_star_distances(small, 8))
    np.testing.assert_array_equal(object_probability(huge), slow_object_probability(small))


def test_arguments_are_not_changed_and_views_are_read_right():
    labels = np.zeros((20, 30), dtype=np.int32)
    labels[3:15, 4:25] = 1
    before = labels.copy()
    view = labels[::-1, ::2]
    np.testing.assert_array_equal(star_distances(view, 8), slow_star_distances(view, 8))
    object_probability(view)
    np.testing.assert_array_equal(labels, before)


def test_an_empty_image_gives_empty_maps():
    assert star_distances(np.zeros((0, 5), dtype=np.int32), 8).shape == (0, 5, 8)
    assert object_probability(np.zeros((0, 5), dtype=np.int32)).shape == (0, 5)


@pytest.mark.parametrize("call", [lambda x: star_distances(x, 8), object_probability])
def test_wrong_labels_are_refused(call):
    with pytest.raises(ValueError, match="2D integer array, got float64"):
        call(np.zeros((4, 4)))
    with pytest.raises(ValueError, match=r"2D integer array, got int64 of shape \(4,\)"):
        call(np.zeros(4, dtype=np.int64))


def test_wrong_rays_and_grids_are_refused():
    labels = np.zeros((4, 4), dtype=np.int32)
    with pytest.raises(ValueError, match="at least 3 rays, got 2"):
        star_distances(labels, 2)
    with pytest.raises(ValueError, match=r"at least 1 pixel, got \(0, 1\)"):
        star_distances(labels, 8, (0, 1))
