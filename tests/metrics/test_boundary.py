"""Boundaries of classes against worked examples, and against loops and distance transforms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from stellate.errors import ConfigError
from stellate.metrics.boundary import BoundaryCounts, check_tolerance, match_boundaries


def slow_boundary(classes: np.ndarray, known: np.ndarray, c: int) -> np.ndarray:
    on = np.zeros(classes.shape, bool)
    for pixel in np.ndindex(classes.shape):
        for axis in range(classes.ndim):
            for step in (-1, 1):
                other = list(pixel)
                other[axis] += step
                if 0 <= other[axis] < classes.shape[axis] and known[pixel] and known[tuple(other)]:
                    on[pixel] |= classes[pixel] == c and classes[tuple(other)] != c
    return on


def slow_counts(truth: np.ndarray, found: np.ndarray, tolerance: float, spacing: tuple, n: int) -> np.ndarray:
    counts = np.zeros((4, n), int)
    for c in range(n):
        sides = [slow_boundary(side, truth >= 0, c) for side in (truth, found)]
        counts[:2, c] = [s.sum() for s in sides]
        for k, (on, other) in enumerate((sides, sides[::-1])):
            if other.any():
                near = ndimage.distance_transform_edt(~other, sampling=spacing) <= tolerance + 1e-7
                counts[2 + k, c] = (on & near).sum()
    return counts


@st.composite
def compared(draw):
    shape = draw(array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=6))
    truth = draw(arrays(np.int32, shape, elements=st.integers(-1, 2)))
    found = draw(arrays(np.int32, shape, elements=st.integers(-1, 2)))
    spacing = draw(st.tuples(*[st.sampled_from([0.5, 1.0, 2.0])] * len(shape)))
    return truth, found, draw(st.sampled_from([0.0, 1.0, math.sqrt(2), 2.0, 2.5])), spacing


@settings(max_examples=120, deadline=None)
@given(compared())
def test_counts_are_those_of_loops_and_distance_transforms(case):
    truth, found, tolerance, spacing = case
    got = match_boundaries(truth, found, tolerance, n_classes=3, spacing=spacing)
    assert got.tolist() == slow_counts(truth, found, tolerance, spacing, 3).tolist()


@pytest.mark.parametrize(("tolerance", "one_edge", "two_edges"), [(0, 0, 0.5), (1.9, 0, 0.5), (2, 1, 1)])
def test_an_edge_found_two_columns_off(tolerance, one_edge, two_edges):
    truth, found = np.zeros((2, 4, 14), np.int32)
    truth[:, 3:], found[:, 5:] = 1, 1
    counts = match_boundaries(truth, found, tolerance, n_classes=2)
    assert counts[:2].tolist() == [[4, 4], [4, 4]]
    assert [BoundaryCounts(*c).f1 for c in counts.T.tolist()] == [one_edge, one_edge]
    # and a second edge, found where it is
    truth[:, 10:], found[:, 10:] = 0, 0
    counts = match_boundaries(truth, found, tolerance, n_classes=2)
    assert counts[:2].tolist() == [[8, 8], [8, 8]]
    assert [BoundaryCounts(*c).f1 for c in counts.T.tolist()] == [two_edges, two_edges]


def test_worked_numbers():
    counts = BoundaryCounts(n_true=10, n_predicted=4, true_hits=6, predicted_hits=3)
    assert (counts.recall, counts.precision) == (0.6, 0.75)
    assert counts.f1 == pytest.approx(2 / (1 / 0.6 + 1 / 0.75))
    assert BoundaryCounts(n_true=3).f1 == 0
    assert BoundaryCounts(n_predicted=3).f1 == 0
    assert all(
        math.isnan(v) for v in (BoundaryCounts().f1, BoundaryCounts().precision, BoundaryCounts().recall)
    )


def test_no_boundary_where_the_image_ends_or_nobody_annotated():
    truth = np.array([[0, 0, -1, 1, 1]], np.int32)
    assert not match_boundaries(truth, np.array([[0, 1, 0, 1, 1]], np.int32), 1, n_classes=2)[0].any()
    # what is found within, or beside, pixels that nobody annotated is no boundary either
    found = np.array([[0, 0, 1, 0, 0]], np.int32)
    assert not match_boundaries(truth, found, 1, n_classes=2).any()


@pytest.mark.parametrize("wrong", [-1.0, math.nan, math.inf])
def test_an_impossible_tolerance_is_refused(wrong):
    with pytest.raises(ConfigError, match=r"expected a distance from 0, e\.g\. 2 pixels"):
        check_tolerance(wrong, None)


@pytest.mark.parametrize("wrong", [(1.0, 0.0), (math.nan, 1.0)])
def test_an_impossible_spacing_is_refused(wrong):
    with pytest.raises(ConfigError, match="expected a distance above 0 for each axis"):
        check_tolerance(1.0, wrong)
