"""Label images against NumPy, SciPy and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage.measure import regionprops

from stellate.errors import InputError
from stellate.geometry.labels import areas, bounding_boxes, relabel, split_pieces

shapes = hnp.array_shapes(min_dims=1, max_dims=3, max_side=6)
small_labels = hnp.arrays(
    np.int32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=10), elements=st.integers(-1, 3)
)


@settings(max_examples=200, deadline=None)
@given(hnp.arrays(np.int64, shapes, elements=st.sampled_from([-7, -1, 0, 1, 2, 5, 65_535, 70_000, 2**40])))
def test_relabel_keeps_objects_apart_and_in_order(ids_image):
    labels, ids = relabel(ids_image)
    assert labels.dtype == np.int32
    assert ids.tolist() == sorted(set(ids_image[ids_image > 0].tolist()))
    back = np.concatenate([[0], ids])[labels.clip(0)]
    np.testing.assert_array_equal(back, ids_image.clip(0))
    np.testing.assert_array_equal(labels == -1, ids_image < 0)


@pytest.mark.parametrize("dtype", ["u1", "i1", "<u2", ">u2", "<i4", ">i4", "<u4", "i8", "u8"])
def test_relabel_takes_every_integer_type(dtype):
    image = np.array([[0, 100, 3], [3, 0, 100]], dtype=dtype)
    labels, ids = relabel(image)
    assert labels.tolist() == [[0, 2, 1], [1, 0, 2]]
    assert ids.tolist() == [3, 100]


def test_relabel_takes_bool_views_and_nothing():
    assert relabel(np.array([[True, False]]))[0].tolist() == [[1, 0]]
    every_other = np.arange(24).reshape(4, 6)[::2, ::-2]
    assert relabel(every_other)[1].tolist() == sorted(set(every_other.ravel().tolist()) - {0})
    labels, ids = relabel(np.zeros((0, 5), np.uint8))
    assert labels.shape == (0, 5)
    assert ids.size == 0


def test_relabel_leaves_its_argument_alone():
    image = np.array([[5, 9]], np.uint16)
    relabel(image)
    assert image.tolist() == [[5, 9]]


def test_relabel_of_contiguous_labels_changes_nothing():
    image = np.random.default_rng(0).integers(0, 9, (30, 30)).astype(np.int32)
    np.testing.assert_array_equal(relabel(image)[0], image)


def test_relabel_refuses_floats_and_ids_beyond_63_bits():
    with pytest.raises(InputError, match=r"holds integers, this one float32; convert"):
        relabel(np.zeros((2, 2), np.float32))
    with pytest.raises(InputError, match=r"larger than 2\*\*63; renumber"):
        relabel(np.array([2**63], np.uint64))


@settings(max_examples=150, deadline=None)
@given(small_labels)
def test_areas_and_boxes_agree_with_skimage(labels):
    count = int(labels.max(initial=0))
    area, boxes = areas(labels), bounding_boxes(labels)
    assert boxes.shape == (max(count, 0), 4)
    seen = {region.label: region for region in regionprops(labels.clip(0))}
    for k in range(count):
        region = seen.get(k + 1)
        y1, x1, y2, x2 = region.bbox if region else (0, 0, 0, 0)
        assert area[k] == (region.area if region else 0)
        assert boxes[k].tolist() == [x1, y1, x2, y2]


def test_count_adds_rows_for_labels_without_pixels():
    labels = np.array([[0, 2]], np.int32)
    assert areas(labels, 4).tolist() == [0, 1, 0, 0]
    assert bounding_boxes(labels, 3).tolist() == [[0, 0, 0, 0], [1, 0, 2, 1], [0, 0, 0, 0]]
    assert split_pieces(labels, 3).tolist() == [0, 1, 0]
    assert areas(labels, 1).tolist() == [0]


@settings(max_examples=300, deadline=None)
@given(small_labels)
def test_pieces_agree_with_scipy(labels):
    eight = np.ones((3, 3))
    expected = [ndimage.label(labels == k, eight)[1] for k in range(1, labels.max(initial=0) + 1)]
    assert split_pieces(labels).tolist() == expected


def test_pieces_of_a_spiral_and_of_many_specks():
    # Arms that meet late need their provisional pieces joined; specks outgrow the first table of pieces.
    comb = np.ones((7, 41), np.int32)
    comb[:-1, 1::2] = 0
    assert split_pieces(comb).tolist() == [1]
    specks = np.zeros((101, 101), np.int32)
    specks[::2, ::2] = 1
    assert split_pieces(specks).tolist() == [51 * 51]
