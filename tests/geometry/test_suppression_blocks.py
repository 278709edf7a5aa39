"""Suppression on several threads decides what it decides on one."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stellate.geometry import suppression_blocks
from stellate.geometry.rays import rays_3d
from stellate.geometry.suppression import KEPT, SUPPRESSED, UNDECIDED, suppress
from stellate.geometry.suppression_3d import suppress_3d
from stellate.geometry.suppression_blocks import suppress_in_blocks

RAYS = rays_3d(32, (2, 1, 1))
EXTENTS = {2: (1.0, 1.0), 3: tuple(np.abs(RAYS.vertices).max(axis=0).tolist())}
SIDES = {2: (150, 200), 3: (40, 100, 120)}


def decide(points: Any, distances: Any, scores: Any, **region: Any) -> npt.NDArray[np.int8]:
    if points.shape[1] == 2:
        return suppress(points, distances, scores, 0.3, **region)
    return suppress_3d(points, distances, scores, 0.3, RAYS, **region)


def crowd(n_axes: int, seed: int, count: int = 600) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    points = rng.integers(0, SIDES[n_axes], (count, n_axes)).astype(np.float32)
    # one in forty is much larger than the others
    sizes = np.where(rng.random((count, 1)) < 0.025, 5, 3) * rng.uniform(0.8, 1.2, (count, 32))
    # few different scores, so that order among equals counts
    scores = rng.integers(0, 50, count) / 50
    return points, sizes.astype(np.float32), scores.astype(np.float32)


@pytest.mark.parametrize("n_axes", [2, 3])
@given(seed=st.integers(0, 2**31), threads=st.integers(2, 6))
@settings(max_examples=15, deadline=None)
def test_the_same_are_kept(n_axes: int, seed: int, threads: int) -> None:
    candidates = crowd(n_axes, seed)
    expected = decide(*candidates)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suppression_blocks, "FEWEST", 2)
        found = suppress_in_blocks(decide, *candidates, extents=EXTENTS[n_axes], threads=threads)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("n_axes", [2, 3])
@given(seed=st.integers(0, 2**31), far=st.floats(5, 15))
@settings(max_examples=15, deadline=None)
def test_a_part_of_an_image_stays_open_at_its_sides(n_axes: int, seed: int, far: float) -> None:
    """Nothing is said for certain that candidates outside the part could change."""
    points, distances, scores = crowd(n_axes, seed)
    whole = decide(points, distances, scores)
    known = [(-np.inf, 0.6 * side) for side in SIDES[n_axes]]
    here = (points < [stop for _, stop in known]).all(axis=1)
    reach = np.maximum(far, distances.max() * np.array(EXTENTS[n_axes])).tolist()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suppression_blocks, "FEWEST", 2)
        found = suppress_in_blocks(
            decide,
            *(values[here] for values in (points, distances, scores)),
            extents=EXTENTS[n_axes],
            threads=3,
            known=known,
            reach=reach,
        )
    for state in (KEPT, SUPPRESSED):
        assert (whole[here][found == state] == state).all()
    assert (found != UNDECIDED).any()


def test_several_threads_work_where_there_are_many_candidates() -> None:
    names = set()

    def watched(*candidates: Any, **region: Any) -> npt.NDArray[np.int8]:
        names.add(threading.current_thread().name)
        return decide(*candidates, **region)

    candidates = crowd(3, 1, count=3000)
    suppress_in_blocks(watched, *candidates, extents=EXTENTS[3], threads=1)
    assert len(names) == 1
    suppress_in_blocks(watched, *candidates, extents=EXTENTS[3], threads=3)
    assert len(names) >= 2


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_wrong_is_refused_as_by_one_thread(wrong: float) -> None:
    points, distances, scores = crowd(3, 2, count=2500)
    distances[7, 3] = wrong
    with pytest.raises(ValueError, match="finite, but row 7"):
        suppress_in_blocks(decide, points, distances, scores, extents=EXTENTS[3], threads=2)


def test_candidates_on_top_of_one_another_need_no_blocks() -> None:
    n = 2500
    points, distances = np.full((n, 3), 9, np.float32), np.full((n, 32), 4, np.float32)
    states = suppress_in_blocks(
        decide, points, distances, np.linspace(0, 1, n, dtype=np.float32), extents=EXTENTS[3], threads=2
    )
    assert np.flatnonzero(states).tolist() == [n - 1]
