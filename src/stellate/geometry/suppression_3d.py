"""Suppression: of star-convex candidates for the same object in 3D, keep the best one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .greedy import KEPT, SUPPRESSED, UNDECIDED
from .greedy_3d import Solids, decide_3d, new_placed
from .hull_bounds import new_room
from .polyhedra import checked_solids
from .polyhedron_masks import directions_of
from .rays import Rays3D
from .suppression_index import cells_over, new_entries, new_index
from .suppression_order import Reach, Region, best_first, checked_scores, safe_region

__all__ = ["KEPT", "SUPPRESSED", "UNDECIDED", "suppress_3d"]

_MOST_VOXELS = 2.0**31  # in the box around one polyhedron


def suppress_3d(
    points: npt.ArrayLike,
    distances: npt.ArrayLike,
    scores: npt.ArrayLike,
    threshold: float,
    rays: Rays3D,
    *,
    known: Region | None = None,
    reach: Reach | None = None,
) -> npt.NDArray[np.int8]:
    """Decide which candidates are kept, from the highest score down.

    A candidate is suppressed if it overlaps a kept one by more than `threshold` times the smaller of the two volumes.
    That is so if the volume that their kernels have in common is more (the kernel of a polyhedron is what sees all of
    it), or if that of their convex hulls is and also the number of voxels in common; all this in voxels, and only if
    the boxes of whole voxels around the two have as much in common. Voxels are in common if their centres are in both
    polyhedra, borders included. Equal scores are taken in descending order of z, then of y, of x, and of index.

    This is what StarDist decides, but for two shortcuts of it that depend on the mean extent of all candidates: it
    compares inscribed and enclosing spheres beforehand, after scaling the axes by that extent.

    Where a volume is cut into tiles, pass `known` and `reach`: a candidate is then UNDECIDED if it is not suppressed
    by a kept one, but overlaps an undecided one, or could overlap one that is not known. Suppressing all KEPT and
    UNDECIDED candidates of all tiles together then gives what suppressing all candidates gives.

    Parameters
    ----------
    points
        ``(n, 3)`` centres (z, y, x), in voxels. Whole numbers take least time.
    distances
        ``(n, n_rays)`` distances along the rays, above 0, in units of their length (voxels, if they have length 1).
    scores
        ``(n,)``, not NaN.
    threshold
        Largest share of the smaller volume that two kept polyhedra may have in common; from 1 on, all are kept.
    rays
        Directions in voxels.
    known
        ``((z_start, z_stop), (y_start, y_stop), (x_start, x_stop))``: all candidates with a centre in this half-open
        region are given. A side at the border of the volume is minus or plus infinity.
    reach
        Largest distance from the centre to a vertex of a candidate outside `known`, in voxels,
        along all axes or along each; needed with `known`.

    Returns
    -------
    ndarray
        ``(n,)`` int8: KEPT, SUPPRESSED, or, only if `known` is given, UNDECIDED.

    Raises
    ------
    ValueError
        If the shapes do not fit together, a value is not finite, a distance is not above 0, a score is NaN, a
        polyhedron is too large to count its voxels, or `known` comes without `reach`.

    References
    ----------
    Weigert et al., Star-convex Polyhedra for 3D Object Detection and Segmentation in Microscopy, WACV 2020.

    Examples
    --------
    >>> from stellate.geometry.rays import rays_3d
    >>> suppress_3d([[9, 9, 9], [9, 9, 10], [9, 9, 40]], np.full((3, 32), 5.0), [0.7, 0.9, 0.8], 0.4, rays_3d(32))
    array([0, 1, 1], dtype=int8)
    """
    points, distances = checked_solids(points, distances, rays)
    scores = checked_scores(scores, len(points))
    safe = safe_region(known, reach, 3)
    if not len(points):
        return np.zeros(0, dtype=np.int8)
    _check_sizes(distances, rays)
    if threshold >= 1:
        return np.full(len(points), KEPT, dtype=np.int8)
    diameters = 2 * distances.mean() * np.abs(rays.vertices).max(axis=0)
    states = decide_3d(
        Solids(points, distances, directions_of(rays, distances)),
        best_first(scores, points),
        np.float32(threshold),
        safe,
        new_index(len(points), cells_over(points, diameters)),
        new_entries(),
        new_placed(len(points), len(rays)),
        new_room(len(rays), len(rays.faces)),
    )
    return np.asarray(states, dtype=np.int8)


def _check_sizes(distances: npt.NDArray[np.float32], rays: Rays3D) -> None:
    """Refuse polyhedra whose voxels would not fit into memory."""
    extents = np.prod(2 * np.abs(rays.vertices).max(axis=0).astype(np.float64))
    if float(distances.max()) ** 3 * extents > _MOST_VOXELS:
        row = int(np.unravel_index(distances.argmax(), distances.shape)[0])
        raise ValueError(
            f"a polyhedron may reach over at most {_MOST_VOXELS:.0f} voxels, but row {row} has a distance of "
            f"{distances.max():.0f}; leave it out or limit its distances"
        )
