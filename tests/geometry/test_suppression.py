"""Suppression against a slow greedy loop over areas that shapely computes."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from stellate.geometry.polygons import intersection_area
from stellate.geometry.suppression import KEPT, SUPPRESSED, UNDECIDED, suppress


def truncated_polygons(points, distances):
    """Float32 vertices cut to whole pixels, one polygon at a time."""
    n_rays = distances.shape[1]
    angles = (np.float32(2 * np.pi / n_rays) * np.arange(n_rays, dtype=np.float32)).astype(np.float64)
    sines, cosines = np.sin(angles).astype(np.float32), np.cos(angles).astype(np.float32)
    points, distances = np.asarray(points, dtype=np.float32), np.asarray(distances, dtype=np.float32)
    return [
        np.trunc(np.stack([y + d * sines, x + d * cosines], axis=1)).astype(int)
        for (y, x), d in zip(points, distances, strict=True)
    ]


def shoelace(vertices):
    rows, cols = vertices.T
    return abs(rows @ np.roll(cols, -1) - cols @ np.roll(rows, -1)) / 2


def common_area(a, b):
    """Shapely's where polygons are simple; the tested function of `polygons` where they cross themselves."""
    p, q = shapely.Polygon(a), shapely.Polygon(b)
    return p.intersection(q).area if p.is_valid and q.is_valid else intersection_area(a, b)


def slow_suppress(points, distances, scores, threshold):
    polygons = truncated_polygons(points, distances)
    best_first = sorted(range(len(points)), key=lambda j: (scores[j], *points[j], j), reverse=True)
    kept = []
    for j in best_first:
        shares = (
            common_area(polygons[j], polygons[i])
            / (min(shoelace(polygons[j]), shoelace(polygons[i])) + 1e-10)
            for i in kept
        )
        if not any(np.float32(share) > np.float32(threshold) for share in shares):
            kept.append(j)
    states = np.full(len(points), SUPPRESSED)
    states[kept] = KEPT
    return states


def random_candidates(seed, n, *, n_rays=16, size=60, radius=12.0, smooth=True, whole=True):
    """Wobbly discs (or, if not smooth, ragged stars) of random sizes, some of them tiny, with some equal scores."""
    rng = np.random.default_rng(seed)
    points = rng.integers(0, size, (n, 2)) if whole else rng.uniform(-5, size, (n, 2))
    mean = rng.choice([0.02, 0.2, 0.7, 1.0], size=(n, 1), p=[0.1, 0.2, 0.3, 0.4]) * radius
    wobble = rng.normal(size=(n, n_rays))
    if smooth:
        spectrum = np.fft.rfft(wobble, axis=1)
        spectrum[:, 4:] = 0
        wobble = np.fft.irfft(spectrum, n_rays, axis=1)
    distances = np.maximum(mean * (1 + 0.3 * wobble), 1e-3).astype(np.float32)
    return points.astype(np.float32), distances, rng.integers(0, 3 * n, n).astype(np.float32)


seeds = st.integers(0, 10**6)


@settings(max_examples=60, deadline=None)
@given(
    seeds, st.integers(1, 60), st.booleans(), st.booleans(), st.sampled_from([0.0, 0.1, 0.3, 0.4, 0.5, 0.9])
)
def test_states_are_those_of_the_slow_loop(seed, n, smooth, whole, threshold):
    candidates = random_candidates(seed, n, smooth=smooth, whole=whole)
    np.testing.assert_array_equal(suppress(*candidates, threshold), slow_suppress(*candidates, threshold))


@pytest.mark.parametrize("n_rays", [3, 4, 5, 8, 33, 64])
def test_any_number_of_rays(n_rays):
    for seed in range(4):
        candidates = random_candidates(seed, 40, n_rays=n_rays, smooth=n_rays > 8)
        np.testing.assert_array_equal(suppress(*candidates, 0.3), slow_suppress(*candidates, 0.3))


def test_a_crowd_around_few_objects():
    rng = np.random.default_rng(5)
    centres = rng.integers(0, 150, (12, 2))
    points = (centres[rng.integers(0, 12, 400)] + rng.integers(-4, 5, (400, 2))).astype(np.float32)
    distances = rng.uniform(8, 14, (400, 1)) * rng.uniform(0.85, 1.1, (400, 32))
    scores = rng.random(400)
    np.testing.assert_array_equal(
        suppress(points, distances, scores, 0.4), slow_suppress(points, distances, scores.astype("f"), 0.4)
    )


def test_giants_among_dwarfs():
    points, distances, scores = random_candidates(1, 120, size=300)
    distances[:3] *= 20
    np.testing.assert_array_equal(
        suppress(points, distances, scores, 0.2), slow_suppress(points, distances, scores, 0.2)
    )


@settings(max_examples=60, deadline=None)
@given(
    seeds,
    st.integers(1, 80),
    st.lists(st.integers(1, 59), max_size=3, unique=True),
    st.lists(st.integers(1, 59), max_size=3, unique=True),
    st.integers(0, 30),
    st.booleans(),
)
def test_tiles_first_and_survivors_then_give_the_global_result(seed, n, row_cuts, col_cuts, halo, smooth):
    points, distances, scores = random_candidates(seed, n, smooth=smooth)
    reach = float(distances.max())
    survives = np.zeros(n, dtype=bool)
    for rows in tile_sides(row_cuts, halo):
        for cols in tile_sides(col_cuts, halo):
            own, known = zip(rows, cols, strict=True)
            here = inside(points, known)
            states = np.full(n, SUPPRESSED)
            states[here] = suppress(
                points[here], distances[here], scores[here], 0.4, known=known, reach=reach
            )
            survives |= inside(points, own) & (states != SUPPRESSED)
    expected = suppress(points, distances, scores, 0.4)
    assert survives[expected == KEPT].all()
    again = suppress(points[survives], distances[survives], scores[survives], 0.4)
    np.testing.assert_array_equal(np.flatnonzero(survives)[again == KEPT], np.flatnonzero(expected == KEPT))


def tile_sides(cuts, halo):
    """For each piece of one axis: what it owns, and what it knows."""
    ends = [-math.inf, *sorted(cuts), math.inf]
    return [((a, b), (a - halo, b + halo)) for a, b in pairwise(ends)]


def inside(points, region):
    return np.logical_and.reduce(
        [(points[:, k] >= start) & (points[:, k] < stop) for k, (start, stop) in enumerate(region)]
    )


def test_each_state_for_the_reason_it_has():
    # from left to right: far from the unknown; overlaps it; near the unknown; overlaps the one before
    points = np.array([[50, 20], [50, 21], [50, 92], [50, 84], [50, 50]])
    distances = np.full((5, 16), 6.0)
    known = ((-math.inf, math.inf), (-math.inf, 100))
    states = suppress(points, distances, [0.9, 0.8, 0.7, 0.6, 0.5], 0.2, known=known, reach=5)
    assert states.tolist() == [KEPT, SUPPRESSED, UNDECIDED, UNDECIDED, KEPT]
    # the same with the order of the pair at the right exchanged: the better one is out of reach of the unknown
    states = suppress(points, distances, [0.9, 0.8, 0.6, 0.7, 0.5], 0.2, known=known, reach=5)
    assert states.tolist() == [KEPT, SUPPRESSED, SUPPRESSED, KEPT, KEPT]


def test_all_candidates_near_the_unknown_are_undecided():
    points, distances, scores = random_candidates(3, 50)
    states = suppress(points, distances, scores, 0.4, known=((10, 50), (10, 50)), reach=100)
    assert (states == UNDECIDED).all()


def test_equal_scores_are_taken_from_the_last_position_backwards():
    points = np.array([[9, 9], [9, 10], [10, 9], [9, 9]])
    distances = np.full((4, 16), 6.0)
    for order in ([0, 1, 2, 3], [2, 0, 3, 1], [3, 2, 1, 0]):
        assert suppress(points[order], distances, np.ones(4), 0.4).tolist() == [int(k == 2) for k in order]
    assert suppress(points[[0, 3]], distances[:2], np.ones(2), 0.4).tolist() == [SUPPRESSED, KEPT]
    zeros = np.array([0.0, -0.0])
    assert suppress(points[[1, 0]], distances[:2], zeros, 0.4).tolist() == [KEPT, SUPPRESSED]


def test_scores_may_be_negative_or_infinite():
    points, distances = np.full((4, 2), 30.0), np.full((4, 8), 5.0)
    assert suppress(points, distances, [-3, -1, -2, -math.inf], 0.4).tolist() == [0, 1, 0, 0]
    assert suppress(points, distances, [-3, -1, math.inf, 0], 0.4).tolist() == [0, 0, 1, 0]


def test_identical_candidates_leave_one():
    points, distances = np.full((1000, 2), 30.0), np.full((1000, 32), 8.0)
    assert np.flatnonzero(suppress(points, distances, np.ones(1000), 0.4)).tolist() == [999]


def test_polygons_without_area_suppress_nothing():
    points, distances = np.full((5, 2), 30.0), np.full((5, 32), 1e-8)
    distances[4] = 9
    assert (suppress(points, distances, np.arange(5), 0.0) == KEPT).all()


def test_no_candidates():
    assert suppress(np.zeros((0, 2)), np.zeros((0, 32)), [], 0.4).tolist() == []


def test_arguments_are_not_changed():
    candidates = random_candidates(0, 50)
    copies = [array.copy() for array in candidates]
    suppress(*candidates, 0.4)
    for array, copy in zip(candidates, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_wrong_arguments_are_refused():
    points, distances, scores = random_candidates(0, 3)
    with pytest.raises(ValueError, match=r"expected 3 scores without NaN, got an array of shape \(2,\)"):
        suppress(points, distances, scores[:2], 0.4)
    with pytest.raises(ValueError, match="expected 3 scores without NaN"):
        suppress(points, distances, [1, np.nan, 2], 0.4)
    with pytest.raises(ValueError, match="distances must be finite, but row 0"):
        suppress(points, distances * np.float32(np.inf), scores, 0.4)
    with pytest.raises(ValueError, match="within 4 million pixels"):
        suppress(points + 1e7, distances, scores, 0.4)
    with pytest.raises(ValueError, match=r"reach must be a distance in pixels.*got None"):
        suppress(points, distances, scores, 0.4, known=((0, 9), (0, 9)))
