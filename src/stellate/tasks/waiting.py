"""Candidates of the tiles of one image that wait until nothing unseen can change what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

from ..geometry.suppression import KEPT, SUPPRESSED, UNDECIDED
from ..geometry.suppression_order import Region
from ..geometry.tiles import Tile
from .candidates import MIN_DISTANCE, Candidates, joined, take

__all__ = ["MANY", "WaitingCandidates", "in_target", "largest_reach"]

MANY = 2**17
"""When more candidates than this have come since the last time, it is decided which need not wait any longer."""

Suppress = Callable[..., npt.NDArray[np.int8]]
"""``suppress(candidates, known=, reach=)``; see `stellate.geometry.suppression.suppress`."""


class WaitingCandidates:
    """The candidates of an image, tile after tile.

    What is held are those whose fate is open, and of the others the kept ones: in a volume of many tiles the former lie
    along the side where the next tiles will be.

    Parameters
    ----------
    suppress
        Decides between candidates.
    extents
        Most pixels along each axis that a shape reaches, for a distance of 1.
    """

    def __init__(self, suppress: Suppress, extents: Sequence[float]) -> None:
        self._suppress = suppress
        self._extents = np.array(extents)
        self._done: list[Candidates] = []
        self._open: list[Candidates] = []
        self._parts = self._new = self._undecided = 0
        self._largest = MIN_DISTANCE

    def add(self, part: Candidates) -> None:
        """Add those of the next tile, in row-major order, of which each is kept or undecided as far as it knows."""
        self._open.append(part)
        self._parts += 1
        self._new += len(part.scores)
        self._largest = max(self._largest, float(part.distances.max(initial=0)))
        known = part.tile.known_so_far
        # not before half as many have come as there are to look at again, so that the work grows with their number
        if known and self._new > max(MANY, self._undecided // 2):
            self._divide(joined(self._open), in_target(known, part.tile))

    def kept(self) -> Candidates:
        """What is kept of all; to be asked for once, after the last tile."""
        found = joined(self._open)
        if self._parts > 1:
            found = take(found, self._suppress(found) != SUPPRESSED)
        return joined([*self._done, found])

    def _divide(self, found: Candidates, known: Region) -> None:
        """Drop what is suppressed for certain, and put aside what is kept for certain and can suppress nothing more."""
        states = self._suppress(
            found, known=known, reach=largest_reach(self._largest, self._extents).tolist()
        )
        undecided = found.points[states == UNDECIDED]
        over = np.zeros(len(states), dtype=np.bool_)
        if len(undecided):
            # two shapes of the largest size touch at no more than two reaches
            size = 2 * self._largest * self._extents
            tree = KDTree(undecided / size)
            apart, _ = tree.query(found.points[states == KEPT] / size, p=np.inf, distance_upper_bound=1.01)
            over[states == KEPT] = np.isinf(apart)
        else:
            over = states == KEPT
        self._done.append(take(found, over))
        self._open = [take(found, (states != SUPPRESSED) & ~over)]
        self._new, self._undecided = 0, len(undecided)


def largest_reach(largest: float, extents: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How far unseen candidates are presumed to reach along each axis: twice as far as the largest one seen."""
    return 2 * largest * extents


def in_target(known: Region, tile: Tile) -> Region:
    """A region in pixels for the network as one of the image that the user gave."""
    places: Any = np.array(known, dtype=np.float64)
    return [(start, stop) for start, stop in (places + 0.5) / tile.scale - 0.5]
