"""Object probability in 3D, against a distance transform of each object alone."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import distance_transform_edt

from stellate.geometry.object_probability_3d import object_probability_3d


def slow_object_probability(labels, grid=(1, 1, 1), anisotropy=(1, 1, 1)):
    out = np.where(labels < 0, -1.0, 0.0)
    for value in np.unique(labels[labels > 0]):
        inside = labels == value
        if inside.all():
            distance = distance_transform_edt(np.pad(inside, 1), sampling=anisotropy)[1:-1, 1:-1, 1:-1]
        else:
            distance = distance_transform_edt(inside, sampling=anisotropy)
        out[inside] = distance[inside] / distance[inside].max()
    return out[:: grid[0], :: grid[1], :: grid[2]]


blocky_labels = arrays(np.int32, st.tuples(*[st.integers(1, 4)] * 3), elements=st.integers(-1, 2)).flatmap(
    lambda blocks: st.tuples(*[st.integers(1, 5)] * 3).map(
        lambda size: np.kron(blocks, np.ones(size, dtype=np.int32))
    )
)


@settings(max_examples=100, deadline=None)
@given(
    blocky_labels,
    st.tuples(*[st.integers(1, 3)] * 3),
    st.tuples(*[st.sampled_from([0.127, 0.5, 1.0, 2.0, 7.3])] * 3),
)
def test_equal_to_single_distance_transforms(labels, grid, anisotropy):
    found = object_probability_3d(labels, grid, anisotropy)
    np.testing.assert_allclose(found, slow_object_probability(labels, grid, anisotropy), rtol=1e-6)
    assert found.dtype == np.float32


def test_round_shapes_that_touch_and_are_cut():
    z, y, x = np.mgrid[:20, :50, :40]
    labels = np.zeros(z.shape, dtype=np.int32)
    labels[4 * (z - 3) ** 2 + (y - 20) ** 2 + (x - 12) ** 2 < 15**2] = 700
    labels[4 * (z - 14) ** 2 + (y - 28) ** 2 + (x - 30) ** 2 < 12**2] = 2
    labels[8:10, 20:24, 10:15] = -3
    found = object_probability_3d(labels, (1, 2, 2), (2.0, 1.0, 1.0))
    np.testing.assert_allclose(found, slow_object_probability(labels, (1, 2, 2), (2, 1, 1)), rtol=1e-6)


def test_worked_slab():
    labels = np.zeros((7, 3, 3), dtype=np.uint8)
    labels[1:6] = 9
    found = object_probability_3d(labels, anisotropy=(0.5, 1, 1))
    # it has no border within its planes, as the volume's own is none
    np.testing.assert_allclose(found[:, 1, 1], [0, 1 / 3, 2 / 3, 1, 2 / 3, 1 / 3, 0], rtol=1e-6)
    assert (found == found[:, :1, :1]).all()


def test_the_maximum_is_that_of_voxels_between_grid_points_too():
    labels = np.zeros((1, 1, 7), dtype=np.int32)
    labels[..., 2:5] = 1
    assert object_probability_3d(labels, (1, 1, 2))[0, 0].tolist() == [0, 0.5, 0.5, 0]


def test_an_object_that_fills_the_volume_is_measured_from_its_border():
    found = object_probability_3d(np.full((3, 5, 5), 4), (1, 2, 2))
    np.testing.assert_allclose(found[1], [[0.5, 0.5, 0.5], [0.5, 1, 0.5], [0.5, 0.5, 0.5]])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint32, np.int64, ">i4"])
def test_integer_types_and_views_give_the_same(dtype):
    labels = np.zeros((6, 9, 10), dtype=np.int32)
    labels[1:5, 2:7, 3:9], labels[2:4, 7:9, 4:6] = 3, 100
    view = labels.astype(dtype)[::-1, ::2]
    np.testing.assert_allclose(object_probability_3d(view), slow_object_probability(view), rtol=1e-6)


def test_memory_is_a_few_bytes_for_each_voxel():
    labels = np.zeros((40, 100, 100), dtype=np.int32)
    labels[5:30, 10:90, 20:80] = 1
    object_probability_3d(labels, (1, 2, 2))
    tracemalloc.start()
    object_probability_3d(labels, (1, 2, 2))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * labels.size


def test_empty_volumes_and_wrong_arguments():
    assert object_probability_3d(np.zeros((0, 5, 4), dtype=np.int32), (1, 2, 2)).shape == (0, 3, 2)
    assert not object_probability_3d(np.zeros((2, 3, 4), dtype=np.int32)).any()
    with pytest.raises(ValueError, match="3D integer array, got float64"):
        object_probability_3d(np.zeros((3, 4, 4)))
    with pytest.raises(ValueError, match="three voxel sizes above 0"):
        object_probability_3d(np.zeros((3, 4, 4), dtype=int), anisotropy=(1, 0, 1))
    with pytest.raises(ValueError, match="3 steps of at least 1 pixel"):
        object_probability_3d(np.zeros((3, 4, 4), dtype=int), (1, 1))
