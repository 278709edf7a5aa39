"""Looking along the first axis of a label volume."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from .labels import Labels

__all__ = ["add_values", "objects_along", "project_labels"]


def project_labels(labels: Any, rank: npt.NDArray[np.float64]) -> Labels:
    """Of the objects above one another, the one of the highest rank hides the others.

    Parameters
    ----------
    labels
        ``(planes, rows, columns)``, integer. It may be lazy: it is read plane by plane.
    rank
        ``(n + 1,)`` float64, by label; of equals the one in the earlier plane is seen.

    Returns
    -------
    ndarray
        ``(rows, columns)`` int32; 0 where there is no object.
    """
    seen = np.zeros(labels.shape[1:], dtype=np.int32)
    for z in range(labels.shape[0]):
        _hide(np.ascontiguousarray(labels[z], dtype=np.int32), rank, seen)
    return seen


def objects_along(boxes: npt.NDArray[np.int32], shape: tuple[int, ...]) -> list[npt.NDArray[np.int64]]:
    """How many objects' boxes each plane across each axis cuts.

    Parameters
    ----------
    boxes
        ``(n, 2 * ndim)``: first and last edge along each axis, ``z1, y1, x1, z2, y2, x2``.
    shape
        Of the image.

    Returns
    -------
    list of ndarray
        For each axis ``(length,)`` int64.
    """
    ndim = len(shape)
    counts = []
    for axis, length in enumerate(shape):
        changes = np.bincount(boxes[:, axis], minlength=length + 1)
        changes = changes - np.bincount(boxes[:, axis + ndim], minlength=length + 1)
        counts.append(np.cumsum(changes)[:length].astype(np.int64))
    return counts


@numba.njit(nogil=True, cache=True)
def add_values(labels: Labels, values: Any, sums: Any, counts: Any) -> None:
    """Add the values at the pixels of each object to its sum, and count them; NaN is left out.

    Parameters
    ----------
    labels
        ``(rows, columns)`` int32.
    values
        ``(rows, columns)`` float32.
    sums, counts
        ``(n + 1,)`` float64 and int64, by label; they are changed.
    """
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            label = labels[y, x]
            if 0 < label < sums.size and not np.isnan(values[y, x]):
                sums[label] += values[y, x]
                counts[label] += 1


@numba.njit(nogil=True, cache=True)
def _hide(plane: Labels, rank: Any, seen: Labels) -> None:
    for y in range(plane.shape[0]):
        for x in range(plane.shape[1]):
            label = plane[y, x]
            if 0 < label < rank.size and (seen[y, x] == 0 or rank[label] > rank[seen[y, x]]):
                seen[y, x] = label
