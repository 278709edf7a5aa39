"""Suppression on several threads: in blocks of space, and then of what is left open between them.

What a block can say for certain (see `suppress`: KEPT, SUPPRESSED, or UNDECIDED near its sides) is what suppression of
all candidates together says, as the largest of all is known. So most candidates are dropped in blocks, on several
threads; then more in blocks that lie across the sides of the first ones; and few are left to be decided together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from .greedy import SUPPRESSED
from .suppression_order import Reach, Region

__all__ = ["suppress_in_blocks"]

Suppress = Callable[..., npt.NDArray[np.int8]]
"""``suppress(points, distances, scores, known=, reach=)``"""

FEWEST = 2000
"""Fewer candidates than this are not worth a thread."""

_LEAST_SIDE = 6.0  # of a block, in reaches of the largest candidate
_BLOCKS = 4  # for each thread, as some have more to do than others


def suppress_in_blocks(
    suppress: Suppress,
    points: npt.NDArray[np.float32],
    distances: npt.NDArray[np.float32],
    scores: npt.NDArray[np.float32],
    *,
    extents: Sequence[float],
    threads: int,
    known: Region | None = None,
    reach: Reach | None = None,
) -> npt.NDArray[np.int8]:
    """Decide which candidates are kept, on several threads; the states are those that `suppress` gives for all at once.

    Only what is UNDECIDED may differ: where fewer candidates are left to be compared with, fewer are.

    Parameters
    ----------
    suppress
        Decides between candidates, without holding the interpreter's lock for long.
    points
        ``(n, ndim)`` centres.
    distances
        ``(n, n_rays)``.
    scores
        ``(n,)``.
    extents
        Most pixels along each axis that a shape reaches, for a distance of 1.
    threads
        How many may work; with one, `suppress` is asked once.
    known, reach
        As `suppress` takes them.
    """
    left = np.arange(len(points))
    if threads > 1 and len(points) >= FEWEST and np.isfinite(distances).all() and np.isfinite(points).all():
        largest = float(distances.max()) * np.array(extents, dtype=np.float64)
        unseen = np.maximum(largest, 0.0 if known is None or reach is None else reach)
        with ThreadPoolExecutor(threads) as pool:
            for shift in (0.0, 0.5):
                blocks = _blocks(points[left], largest, most=_BLOCKS * threads, shift=shift)

                def decided(block: tuple[npt.NDArray[np.int64], Region]) -> npt.NDArray[np.int64]:
                    here, region = left[block[0]], _common(block[1], known)  # noqa: B023
                    states = suppress(
                        points[here], distances[here], scores[here], known=region, reach=unseen.tolist()
                    )
                    open_or_kept: npt.NDArray[np.int64] = here[states != SUPPRESSED]
                    return open_or_kept

                if len(blocks) > 1:
                    left = np.sort(np.concatenate(list(pool.map(decided, blocks))))
    states = np.full(len(points), SUPPRESSED, dtype=np.int8)
    states[left] = suppress(points[left], distances[left], scores[left], known=known, reach=reach)
    return states


def _blocks(
    points: npt.NDArray[np.float32], largest: npt.NDArray[np.float64], *, most: int, shift: float
) -> list[tuple[npt.NDArray[np.int64], Region]]:
    """Positions of the candidates of each block, and the block."""
    first, last = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
    sides = np.maximum(_LEAST_SIDE * largest, 1.0)
    while np.prod(np.maximum((last - first) // sides, 1)) > most:
        sides = sides * 1.1
    counts = np.maximum((last - first) // sides, 1).astype(np.int64)
    sides = (last - first) / counts
    # shifted blocks are one more along each axis that is cut at all
    counts = np.where(counts > 1, counts + (shift > 0), 1)
    starts = first - np.where(counts > 1, shift * sides, 0)
    place = np.floor((points - starts) / np.where(sides > 0, sides, 1)).astype(np.int64)
    place = np.clip(place, 0, counts - 1)
    number = np.ravel_multi_index(tuple(place.T), tuple(counts))
    order = np.argsort(number, kind="stable")
    cuts = np.flatnonzero(np.diff(number[order])) + 1
    return [
        (here, _region(place[here[0]], starts, sides, counts)) for here in np.split(order, cuts) if len(here)
    ]


def _region(at: Any, starts: Any, sides: Any, counts: Any) -> Region:
    """Where a block lies; without end on the outside."""
    return [
        (
            -np.inf if a == 0 else float(start + a * side),
            np.inf if a == count - 1 else float(start + (a + 1) * side),
        )
        for a, start, side, count in zip(at, starts, sides, counts, strict=True)
    ]


def _common(block: Region, known: Region | None) -> Region:
    if known is None:
        return block
    return [(max(a, c), min(b, d)) for (a, b), (c, d) in zip(block, known, strict=True)]
