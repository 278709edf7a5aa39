from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.measure import label as connected
from skimage.measure import regionprops

from stellate.data.objects import count_pieces, measure_objects


@settings(max_examples=60, deadline=None)
@given(hnp.arrays(np.int32, st.sampled_from([(7, 9), (4, 5, 3)]), elements=st.integers(-1, 4)))
def test_agrees_with_scikit_image(raw):
    ids = np.unique(raw[raw > 0])
    labels = raw.copy()
    labels[raw > 0] = np.searchsorted(ids, raw[raw > 0]) + 1
    sizes, pieces = measure_objects(labels), count_pieces(labels)
    regions = regionprops(np.maximum(labels, 0))
    assert sizes.areas.tolist() == [r.area for r in regions]
    ndim = labels.ndim
    assert sizes.extents.tolist() == [[r.bbox[k + ndim] - r.bbox[k] for k in range(ndim)] for r in regions]
    ends = [[r.bbox[k] == 0 or r.bbox[k + ndim] == labels.shape[k] for k in range(ndim)] for r in regions]
    assert sizes.cut.tolist() == ends
    expected = [connected(labels == k, connectivity=ndim).max() for k in range(1, len(ids) + 1)]
    assert pieces.tolist() == expected


def test_diameters_of_a_disc_and_a_ball():
    axis = np.arange(41) - 20
    disc = (axis[:, None] ** 2 + axis**2 <= 15**2).astype(np.int32)
    ball = (axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2 <= 15**2).astype(np.int32)
    assert measure_objects(disc).diameters == pytest.approx([30], rel=0.01)
    assert measure_objects(ball).diameters == pytest.approx([30], rel=0.01)


def test_no_objects():
    empty = measure_objects(np.zeros((3, 4), np.int32))
    assert (empty.areas.shape, empty.extents.shape, empty.cut.shape) == ((0,), (0, 2), (0, 2))
    assert len(count_pieces(np.zeros((3, 4), np.int32))) == 0


def test_counting_in_pieces(monkeypatch):
    labels = np.random.default_rng(0).integers(0, 30, (40, 50)).astype(np.int32)
    expected = measure_objects(labels).areas.tolist()
    monkeypatch.setattr("stellate.data.objects._COUNTED", 37)
    assert (
        measure_objects(labels).areas.tolist() == expected == [int((labels == k).sum()) for k in range(1, 30)]
    )
