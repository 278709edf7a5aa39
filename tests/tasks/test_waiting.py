"""Candidates that come tile after tile are kept as if all had come at once, and few of them wait."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stellate.geometry.rays import rays_3d
from stellate.geometry.suppression import KEPT, SUPPRESSED
from stellate.geometry.tiles import plan_tiles
from stellate.tasks import waiting
from stellate.tasks.candidates import Candidates, take
from stellate.tasks.star_polygons import StarPolygons
from stellate.tasks.star_polyhedra import StarPolyhedra
from stellate.tasks.waiting import WaitingCandidates, largest_reach

SHAPES: dict[int, Any] = {2: StarPolygons(16, (1, 1)), 3: StarPolyhedra(rays_3d(32, (2, 1, 1)), (1, 1, 1))}
SIDES = {2: (80, 90), 3: (30, 50, 60)}


def crowd(n_axes: int, count: int, seed: int) -> Candidates:
    """Candidates all over an image, many of them on top of one another."""
    rng = np.random.default_rng(seed)
    side = SIDES[n_axes]
    whole = next(iter(plan_tiles(side, side, halo=(0,) * n_axes, multiple=(1,) * n_axes)))
    return Candidates(
        whole,
        rng.integers(0, side, (count, n_axes)).astype(np.float32),
        rng.uniform(3, 5, (count, SHAPES[n_axes].n_rays)).astype(np.float32),
        rng.random(count).astype(np.float32),
    )


def in_tiles(found: Candidates, tile_side: int) -> list[Candidates]:
    """The candidates by the tiles that own their centres."""
    sides = found.tile.shape
    n = len(sides)
    parts = []
    for tile in plan_tiles(sides, (tile_side,) * n, halo=(0,) * n, multiple=(1,) * n):
        starts, stops = np.array(tile.owns).T
        here = ((found.points >= starts) & (found.points < stops)).all(axis=1)
        part = take(found, here)
        parts.append(Candidates(tile, part.points, part.distances, part.scores))
    return parts


@pytest.mark.parametrize("n_axes", [2, 3])
@given(seed=st.integers(0, 2**31), tile_side=st.integers(8, 40), many=st.sampled_from([0, 30, 10**9]))
@settings(max_examples=15, deadline=None)
def test_the_same_are_kept_as_of_all_at_once(n_axes: int, seed: int, tile_side: int, many: int) -> None:
    found, shapes = crowd(n_axes, 300, seed), SHAPES[n_axes]

    def suppress(found: Candidates, **region: Any) -> np.ndarray:
        return shapes.suppress(found.points, found.distances, found.scores, 0.3, **region)

    expected = take(found, suppress(found) == KEPT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(waiting, "MANY", many)
        held = WaitingCandidates(suppress, shapes.extents)
        for part in in_tiles(found, tile_side):
            held.add(part)
        kept = held.kept()
    assert len(kept.scores) == len(expected.scores) > 20
    np.testing.assert_array_equal(np.sort(kept.scores), np.sort(expected.scores))


def test_few_wait_in_a_deep_volume(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked at again is what lies along the side where the next tiles will be."""
    monkeypatch.setattr(waiting, "MANY", 0)
    monkeypatch.setitem(SIDES, 3, (400, 40, 40))
    found, shapes, given_to = crowd(3, 4000, 1), SHAPES[3], []

    def suppress(found: Candidates, **region: Any) -> np.ndarray:
        given_to.append(len(found.scores))
        return shapes.suppress(found.points, found.distances, found.scores, 0.3, **region)

    held = WaitingCandidates(suppress, shapes.extents)
    parts = in_tiles(found, 40)
    for part in parts:
        held.add(part)
    kept = held.kept()
    assert len(parts) == 10
    assert max(given_to) < 2 * max(len(part.scores) for part in parts)
    whole = shapes.suppress(found.points, found.distances, found.scores, 0.3)
    assert len(kept.scores) == np.count_nonzero(whole != SUPPRESSED)


def test_unseen_candidates_are_presumed_to_be_up_to_twice_as_large() -> None:
    np.testing.assert_array_equal(largest_reach(3.0, np.array([0.5, 1, 1])), [3, 6, 6])
