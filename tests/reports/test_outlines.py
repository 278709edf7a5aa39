from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import cdist
from skimage.segmentation import find_boundaries

from stellate.reports.outlines import distinct_colours, draw_outlines, outline_pixels


@settings(max_examples=80, deadline=None)
@given(hnp.arrays(np.int32, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3)))
def test_outlines_are_the_inner_boundaries_of_scikit_image(labels):
    assert np.array_equal(outline_pixels(labels), find_boundaries(labels, mode="inner"))


def test_nothing_is_drawn_around_pixels_without_annotation():
    labels = np.array([[-1, -1, 0, 0]])
    assert not outline_pixels(labels).any()


def test_only_outlines_are_drawn():
    labels = np.zeros((8, 8), int)
    labels[1:6, 1:6] = 2
    picture = np.full((8, 8, 3), 9, np.uint8)
    draw_outlines(picture, labels, np.array([[0] * 3, [1] * 3, [10, 20, 30]], np.uint8))
    inside = np.zeros((8, 8), bool)
    inside[1:6, 1:6] = True
    inside[2:5, 2:5] = False
    assert (picture[inside] == (10, 20, 30)).all()
    assert (picture[~inside] == 9).all()


@pytest.fixture
def crowd():
    """Squares of 4 pixels in a grid with gaps of 0 to 2 pixels."""
    labels = np.zeros((80, 80), np.int32)
    rng = np.random.default_rng(0)
    corners = [(y, x) for y in range(0, 72, 6) for x in range(0, 72, 6)]
    for k, (y, x) in enumerate(rng.permutation(corners), start=1):
        dy, dx = rng.integers(0, 3, 2)
        labels[y + dy : y + dy + 4, x + dx : x + dx + 4] = k
    return labels


def test_neighbours_differ_in_colour(crowd):
    colours = distinct_colours(np.zeros((80, 80, 3), np.uint8), crowd)
    points = [np.argwhere(crowd == k) for k in range(1, crowd.max() + 1)]
    alike = touching = 0
    for a in range(len(points)):
        for b in range(a):
            if cdist(points[a], points[b], "cityblock").min() <= 1:
                touching += 1
                alike += np.array_equal(colours[a + 1], colours[b + 1])
    assert touching > 20
    assert alike == 0


@pytest.mark.parametrize(("ground", "inside"), [(0, 255), (0, 40), (255, 60), (255, 230), (128, 128)])
def test_outlines_stand_out_from_the_ground(crowd, ground, inside):
    sparse = np.where(crowd % 7 == 0, crowd, 0)
    picture = np.where(sparse[..., None] > 0, inside, ground).astype(np.uint8).repeat(3, axis=-1)
    colours = distinct_colours(picture, sparse)[np.unique(sparse)[1:]]
    assert np.abs(colours.astype(int) - ground).max(axis=-1).min() >= 90


def test_no_objects():
    assert distinct_colours(np.zeros((3, 3, 3), np.uint8), np.zeros((3, 3), int)).shape == (1, 3)
