"""Suppression: of star-convex candidates for the same object in 2D, keep the best one."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from .greedy import KEPT, SUPPRESSED, UNDECIDED, Candidates, Cells, decide
from .polygons import checked_stars

__all__ = ["KEPT", "SUPPRESSED", "UNDECIDED", "suppress"]

_LARGEST_COORDINATE = 2.0**22  # whole pixels and their products are exact below this

_Region = tuple[tuple[float, float], tuple[float, float]]


def suppress(
    points: npt.ArrayLike,
    distances: npt.ArrayLike,
    scores: npt.ArrayLike,
    threshold: float,
    *,
    known: _Region | None = None,
    reach: float | None = None,
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
        Largest distance of a candidate outside `known`, in pixels; needed with `known`.

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
    scores = np.asarray(scores, dtype=np.float32)
    if scores.shape != (len(points),) or np.isnan(scores).any():
        raise ValueError(f"expected {len(points)} scores without NaN, got an array of shape {scores.shape}")
    safe = _safe_region(known, reach)
    if not len(points):
        return np.zeros(0, dtype=np.int8)
    if np.abs(points).max() + max(distances.max(), -distances.min()) > _LARGEST_COORDINATE:
        raise ValueError(
            "polygons must stay within 4 million pixels of the origin; check points and distances"
        )
    candidates = Candidates(points, distances, _rays(distances.shape[1]))
    cells = _cells_over(points, 2 * float(distances.mean()))
    states = decide(candidates, _descending(scores, points), np.float32(threshold), safe, cells)
    return np.asarray(states, dtype=np.int8)


def _safe_region(known: _Region | None, reach: float | None) -> npt.NDArray[np.float64]:
    """First and last row and column that no polygon from outside `known` can cover."""
    if known is None:
        return np.array([-math.inf, math.inf, -math.inf, math.inf])
    if reach is None or not reach >= 0:
        raise ValueError(f"with a known region, reach must be a distance in pixels, got {reach}")
    (top, bottom), (left, right) = known
    margin = reach + 1  # truncation moves a vertex by less than a pixel
    return np.array([top + margin, bottom - margin, left + margin, right - margin], dtype=np.float64)


def _descending(scores: npt.NDArray[np.float32], points: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Order from the best to the worst, that of equal scores by position, so that it is the same in every tile."""
    bits = (scores + np.float32(0)).view(np.uint32)  # adding turns -0 into 0
    # the bits of a float, seen as a whole number, rise with it if those of the negative ones are turned around
    rising = np.where(bits >> 31, ~bits, bits | np.uint32(2**31)).astype(np.uint64)
    rows, cols = points[:, 0], points[:, 1]
    place = None
    if not ((rows[1:] > rows[:-1]) | ((rows[1:] == rows[:-1]) & (cols[1:] >= cols[:-1]))).all():
        place = np.lexsort((cols, rows))
        rising = rising[place]
    order = np.sort(rising << np.uint64(32) | np.arange(len(scores), dtype=np.uint64))[::-1]
    order = (order & np.uint64(2**32 - 1)).astype(np.int64)
    return order if place is None else place[order]


def _rays(n_rays: int) -> npt.NDArray[np.float32]:
    """Sines and cosines as StarDist's suppression has them, which decides what truncation does to them."""
    angles = (np.float32(2 * np.pi / n_rays) * np.arange(n_rays, dtype=np.float32)).astype(np.float64)
    return np.stack([np.sin(angles), np.cos(angles)]).astype(np.float32)


def _cells_over(points: npt.NDArray[np.float32], diameter: float) -> Cells:
    """Cells of about the diameter of a polygon over all centres, not many more than there are polygons."""
    top, left = float(points[:, 0].min()), float(points[:, 1].min())
    height, width = float(points[:, 0].max()) - top, float(points[:, 1].max()) - left
    size = max(
        diameter, math.sqrt(height * width / (len(points) + 64)), (height + width) / (len(points) + 64), 4.0
    )
    return Cells(top, left, size, int(height / size) + 1, int(width / size) + 1)
