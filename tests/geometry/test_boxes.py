"""IoU of boxes against pixels that are counted, and against torchvision."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.ops import box_iou as peer_iou

from stellate.geometry.boxes import box_areas, box_iou

SIDE = 12
edges = st.tuples(st.integers(0, SIDE), st.integers(0, SIDE)).map(sorted)
boxes = st.lists(
    st.tuples(edges, edges).map(lambda b: (b[0][0], b[1][0], b[0][1], b[1][1])), min_size=1, max_size=5
)


def covered(box) -> np.ndarray:
    pixels = np.zeros((SIDE, SIDE), bool)
    x1, y1, x2, y2 = box
    pixels[y1:y2, x1:x2] = True
    return pixels


@given(boxes, boxes)
def test_iou_is_that_of_the_covered_pixels(a, b):
    found = box_iou(a, b)
    assert found.shape == (len(a), len(b))
    for i, one in enumerate(a):
        for j, other in enumerate(b):
            either = (covered(one) | covered(other)).sum()
            both = (covered(one) & covered(other)).sum()
            assert found[i, j] == (both / either if either else 0)
    assert box_areas(a).tolist() == [covered(box).sum() for box in a]


@given(st.integers(0, 2**32 - 1))
def test_iou_is_that_of_torchvision(seed):
    corners = np.random.default_rng(seed).uniform(0, 1000, (2, 9, 2, 2))
    a, b = np.concatenate([corners.min(axis=2), corners.max(axis=2)], axis=-1)
    np.testing.assert_allclose(box_iou(a, b), peer_iou(torch.tensor(a), torch.tensor(b)).numpy(), atol=1e-12)


def test_one_pixel_far_from_the_origin_and_boxes_without_area():
    far = np.array([[1e7, 1e7, 1e7 + 1, 1e7 + 1]], np.float32)
    assert box_iou(far, far).tolist() == [[1.0]]
    assert box_iou([(1e7, 0, 1e7 + 1, 1)], [(1e7, 0, 1e7 + 2, 1)]).tolist() == [[0.5]]
    turned = [(5, 5, 2, 2)]
    assert box_areas(turned).tolist() == [0]
    assert box_iou(turned, [*turned, (0, 0, 9, 9)]).tolist() == [[0, 0]]
    assert box_iou(np.zeros((0, 4)), turned).shape == (0, 1)
