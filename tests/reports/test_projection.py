from __future__ import annotations

import numpy as np
import pytest

from stellate.axes import Image
from stellate.reports.projection import maximum_projection


@pytest.mark.parametrize("axes", ["ZYX", "CZYX", "YXZC", "ZYXC", "XYZ", "ZXCY"])
def test_highest_values_and_brighter_objects_in_front(axes):
    rng = np.random.default_rng(0)
    sizes = {"Z": 4, "Y": 6, "X": 7, "C": 2}
    array = rng.integers(0, 100, [sizes[a] for a in axes]).astype(np.uint16)
    image = Image(array, axes, {"Z": 2.0, "Y": 1.0, "X": 1.0})
    labels = rng.integers(0, 5, (4, 6, 7)).astype(np.int32)
    brightness = np.transpose(array, [axes.index(a) for a in "CZYX" if a in axes]).astype(float)
    total = brightness.sum(axis=0) if "C" in axes else brightness
    means = [0.0, *(total[labels == k].mean() for k in range(1, 5))]
    projected, seen = maximum_projection(image, labels)
    assert projected.axes == axes.replace("Z", "")
    np.testing.assert_array_equal(projected.array, array.max(axis=axes.index("Z")))
    assert projected.array.dtype == np.uint16
    expected = [
        [max(labels[:, y, x].tolist(), key=lambda k: (k > 0, means[k])) for x in range(7)] for y in range(6)
    ]
    np.testing.assert_array_equal(seen, expected)


@pytest.mark.parametrize("in_front", [[], [1], [1, 4]])
def test_chosen_objects_hide_all_others(in_front):
    """However much brighter the others are; among themselves they keep to their brightness."""
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 5, (4, 9, 9)).astype(np.int32)
    brightness = np.array([0, 3, 1e30, 2e30, 5], np.float32)
    _, seen = maximum_projection(Image(brightness[labels], "ZYX"), labels, in_front=in_front)
    order = sorted(range(1, 5), key=lambda k: (k in in_front, brightness[k]))
    expected = np.zeros((9, 9), np.int32)
    for label in order:
        expected[(labels == label).any(axis=0)] = label
    np.testing.assert_array_equal(seen, expected)


def test_nan_is_left_out():
    array = np.array([[[np.nan, 1.0]], [[2.0, np.nan]]], np.float32)
    projected, seen = maximum_projection(Image(array, "ZYX"), np.array([[[1, 1]], [[2, 2]]], np.int32))
    assert projected.array.tolist() == [[2.0, 1.0]]
    assert seen.tolist() == [[2, 2]]  # of means 1 and 2, what is missing left out


def test_without_labels():
    projected, seen = maximum_projection(Image(np.zeros((2, 3, 4)), "ZYX"))
    assert (projected.shape, seen) == ((3, 4), None)
