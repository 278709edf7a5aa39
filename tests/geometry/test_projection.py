"""Label projections against looking at every column of voxels."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from stellate.geometry.measure_volume import volume_boxes
from stellate.geometry.projection import objects_along, project_labels

small_volumes = hnp.arrays(
    np.int32, hnp.array_shapes(min_dims=3, max_dims=3, max_side=5), elements=st.integers(-1, 4)
)


@settings(max_examples=80, deadline=None)
@given(small_volumes, st.permutations([0.0, 1.0, 2.0, 3.0]))
def test_the_object_of_the_highest_rank_is_seen(labels, ranks):
    rank = np.array([99.0, *ranks])
    seen = project_labels(labels, rank)
    for y, x in np.ndindex(seen.shape):
        column = [int(v) for v in labels[:, y, x] if v > 0]
        assert seen[y, x] == (max(column, key=lambda v: rank[v]) if column else 0)


def test_of_equals_the_first_is_seen():
    labels = np.array([[[0, 2]], [[1, 1]], [[2, 0]]], np.int32)
    assert project_labels(labels, np.ones(3)).tolist() == [[1, 2]]


@settings(max_examples=80, deadline=None)
@given(small_volumes)
def test_counts_boxes_along_each_axis(labels):
    boxes = volume_boxes(labels)
    counts = objects_along(boxes, labels.shape)
    for axis in range(3):
        for at in range(labels.shape[axis]):
            expected = 0
            for k in range(1, max(1, int(labels.max()) + 1)):
                where = np.argwhere(labels == k)[:, axis]
                expected += bool(len(where)) and where.min() <= at <= where.max()
            assert counts[axis][at] == expected
