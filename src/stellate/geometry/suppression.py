"""Suppression: of star-convex candidates for the same object in 2D, keep the best one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .greedy import KEPT, SUPPRESSED, UNDECIDED, Candidates, decide
from .polygons import checked_stars
from .suppression_index import cells_over, new_entries, new_index
from .suppression_order import Reach, Region, best_first, checked_scores, safe_region

__all__ = ["KEPT", "SUPPRESSED", "UNDECIDED", "suppress"]

_LARGEST_COORDINATE = 2.0**22  # whole pixels and their products are exact below this


def suppress(
    points: npt.ArrayLike,
    distances: npt.ArrayLike,
    scores: npt.ArrayLike,
    threshold: float,
    *,
    known: Region | None = None,
    reach: Reach | None = None,
) -> npt.NDArray[np.int8]:
    """Decide which candidates are kept, from the highest score down.

    A candidate is suppressed if the area it has in common with a kept one is more than `threshold` times the
    smaller of the two areas. Polygons have the vertices of `stellate.geometry.polygons.star_vertices`,
    computed in float32 and truncated to whole pixels. Equal scores are taken in descending order of row, then of
    column, then of index.

    Where an image is cut into tiles, pass `known` and `reach`: a candidate is then UNDECIDED if it is not
    suppressed by a kept one, but overlaps an undecided one, or could overlap one that is not known. Suppressing
    all KEPT and UNDECIDED candidates of all tiles together then gives what suppressing all candidates gives.

    Parameters
    ----------
    points
        ``(n, 2)`` centres (row, col), in pixels.
    distances
        ``(n, n_rays)`` distances along the rays, in pixels.
    scores
        ``(n,)``, not NaN.
    threshold
        Largest share of the smaller area that two kept polygons may have in common.
    known
        ``((row_start, row_stop), (col_start, col_stop))``: all candidates with a centre in this half-open region
        are given. A side at the border of the image is minus or plus infinity.
    reach
        Largest distance of a candidate outside `known`, in pixels,
        along all axes or along each; needed with `known`.

    Returns
    -------
    ndarray
        ``(n,)`` int8: KEPT, SUPPRESSED, or, only if `known` is given, UNDECIDED.

    Raises
    ------
    ValueError
        If the shapes do not fit together, a value is not finite or a score is NaN, a coordinate is above
        4 million pixels, or `known` comes without `reach`.

    References
    ----------
    Schmidt et al., Cell Detection with Star-convex Polygons, MICCAI 2018. The overlap is that of StarDist.

    Examples
    --------
    >>> suppress([[9, 9], [9, 10], [9, 40]], np.full((3, 8), 5.0), [0.7, 0.9, 0.8], 0.4).tolist()
    [0, 1, 1]
    """
    points, distances = checked_stars(points, distances, np.float32)
    scores = checked_scores(scores, len(points))
    safe = safe_region(known, reach, 2)
    if not len(points):
        return np.zeros(0, dtype=np.int8)
    if np.abs(points).max() + max(distances.max(), -distances.min()) > _LARGEST_COORDINATE:
        raise ValueError(
            "polygons must stay within 4 million pixels of the origin; check points and distances"
        )
    candidates = Candidates(points, distances, _rays(distances.shape[1]))
    index = new_index(len(points), cells_over(points, 2 * float(distances.mean())))
    order = best_first(scores, points)
    states = decide(candidates, order, np.float32(threshold), safe, index, new_entries())
    return np.asarray(states, dtype=np.int8)


def _rays(n_rays: int) -> npt.NDArray[np.float32]:
    """Sines and cosines as StarDist's suppression has them, which decides what truncation does to them."""
    angles = (np.float32(2 * np.pi / n_rays) * np.arange(n_rays, dtype=np.float32)).astype(np.float64)
    return np.stack([np.sin(angles), np.cos(angles)]).astype(np.float32)
