"""Label images: integers in which 0 is background, each positive number an object, and negative ones ignored.

Functions that take *contiguous* labels expect the numbers 1 to n (`relabel` makes them so).
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from ..errors import InputError

__all__ = ["areas", "bounding_boxes", "count_objects", "relabel", "split_pieces"]

Labels = npt.NDArray[np.int32]
_TABLE_SHARE = 4  # a table of the ids may be this many times longer than the image; beyond, ids are sorted


def relabel(labels: npt.NDArray[Any]) -> tuple[Labels, npt.NDArray[np.int64]]:
    """Number the objects 1 to n, in the order of their ids.

    Parameters
    ----------
    labels
        Any shape, any integer dtype or bool; ids need not be contiguous and may exceed 65,535.

    Returns
    -------
    labels : ndarray
        Same shape, int32: 0 background, 1 to n objects, -1 wherever the input is negative (not annotated).
    ids : ndarray
        ``(n,)`` int64, ascending: object ``k + 1`` had the id ``ids[k]``.

    Raises
    ------
    InputError
        If the dtype is not an integer one, or an id does not fit into 63 bits.

    Examples
    --------
    >>> labels, ids = relabel(np.array([[0, 70000, -3], [12, 12, 70000]]))
    >>> labels.tolist(), ids.tolist()
    ([[0, 2, -1], [1, 1, 2]], [12, 70000])
    """
    if labels.dtype.kind not in "biu":
        raise InputError(f"a label image holds integers, this one {labels.dtype}; convert it, e.g. to uint16")
    flat = np.ascontiguousarray(labels, dtype=labels.dtype.newbyteorder("=")).reshape(-1)
    flat = flat.view(np.uint8) if flat.dtype == np.bool_ else flat
    highest = int(flat.max(initial=0))
    if highest > np.iinfo(np.int64).max:
        raise InputError(f"the label id {highest} is larger than 2**63; renumber the objects")
    out = np.empty(flat.shape, dtype=np.int32)
    if highest <= max(_TABLE_SHARE * flat.size, 2**16):
        present = np.zeros(highest + 1, dtype=np.int32)
        _mark(flat, present)
        present[0] = 0
        ids = np.flatnonzero(present)
        present[ids] = np.arange(1, len(ids) + 1)
        _map(flat, present, out)
    else:
        ids = np.unique(flat[flat > 0])
        out[:] = np.searchsorted(ids, flat) + 1
        out[flat == 0] = 0
        out[flat < 0] = -1
    return out.reshape(labels.shape), ids.astype(np.int64)


def count_objects(labels: Labels) -> int:
    """Highest label: the number of objects where labels are contiguous."""
    return int(labels.max(initial=0))


def areas(labels: Labels, count: int | None = None) -> npt.NDArray[np.int64]:
    """Pixels of each object.

    Parameters
    ----------
    labels
        Any shape, contiguous.
    count
        Number of objects; the highest label if None.

    Returns
    -------
    ndarray
        ``(n,)`` int64; 0 for a label without pixels.
    """
    n = count_objects(labels) if count is None else count
    found = np.zeros(n, dtype=np.int64)
    _count(np.ascontiguousarray(labels).reshape(-1), found)
    return found


def bounding_boxes(labels: Labels, count: int | None = None) -> npt.NDArray[np.int32]:
    """Smallest box around each object.

    Parameters
    ----------
    labels
        ``(rows, columns)``, contiguous.
    count
        Number of objects; the highest label if None.

    Returns
    -------
    ndarray
        ``(n, 4)`` int32 xyxy at pixel edges: x2 - x1 is the number of columns. All 0 for a label without
        pixels.
    """
    n = count_objects(labels) if count is None else count
    boxes = np.zeros((n, 4), dtype=np.int32)
    _extend_boxes(np.ascontiguousarray(labels), boxes)
    return boxes


def split_pieces(labels: Labels, count: int | None = None) -> npt.NDArray[np.int64]:
    """Connected pieces of each object; pixels that touch at a corner belong together.

    Parameters
    ----------
    labels
        ``(rows, columns)``, contiguous.
    count
        Number of objects; the highest label if None.

    Returns
    -------
    ndarray
        ``(n,)`` int64: 1 for an object in one piece, 0 for a label without pixels.

    References
    ----------
    Rosenfeld and Pfaltz, Sequential operations in digital picture processing, J. ACM 1966 (union of runs;
    here with path halving).
    """
    n = count_objects(labels) if count is None else count
    pieces = np.zeros(n, dtype=np.int64)
    _count_pieces(np.ascontiguousarray(labels), pieces)
    return pieces


@numba.njit(nogil=True, cache=True)
def _mark(flat: Any, present: Any) -> None:
    for value in flat:
        if value > 0:
            present[value] = 1


@numba.njit(nogil=True, cache=True)
def _map(flat: Any, table: Any, out: Any) -> None:
    for i in range(flat.size):
        value = flat[i]
        out[i] = table[value] if value >= 0 else -1


@numba.njit(nogil=True, cache=True)
def _count(flat: Any, found: Any) -> None:
    for value in flat:
        if 0 < value <= found.size:
            found[value - 1] += 1


@numba.njit(nogil=True, cache=True)
def _extend_boxes(labels: Any, boxes: Any) -> None:
    for r in range(labels.shape[0]):
        for c in range(labels.shape[1]):
            k = labels[r, c] - 1
            if k < 0 or k >= boxes.shape[0]:
                continue
            if boxes[k, 3] == 0:  # the first pixel of this object
                boxes[k, 0], boxes[k, 1], boxes[k, 2] = c, r, c + 1
            boxes[k, 0] = min(boxes[k, 0], c)
            boxes[k, 2] = max(boxes[k, 2], c + 1)
            boxes[k, 3] = r + 1


@numba.njit(nogil=True, cache=True)
def _count_pieces(labels: Any, pieces: Any) -> None:
    """Number of pieces = number of pixels without an earlier neighbour, less the unions that join two pieces.

    Only two rows of piece numbers are held, so memory grows with the width and the number of provisional
    pieces.
    """
    rows, columns = labels.shape
    parents = np.empty(1024, dtype=np.int64)
    made = 0
    above = np.full(columns, -1, dtype=np.int64)
    here = np.full(columns, -1, dtype=np.int64)
    for r in range(rows):
        for c in range(columns):
            label = labels[r, c]
            here[c] = -1
            if label <= 0 or label > pieces.size:
                continue
            piece = -1
            if c > 0 and labels[r, c - 1] == label:
                piece = here[c - 1]
            if r > 0:
                for d in range(max(c - 1, 0), min(c + 2, columns)):
                    if labels[r - 1, d] != label:
                        continue
                    if piece < 0:
                        piece = above[d]
                    else:
                        a, b = _root(parents, piece), _root(parents, above[d])
                        if a != b:
                            parents[max(a, b)] = min(a, b)
                            pieces[label - 1] -= 1
            if piece < 0:
                if made == parents.size:
                    longer = np.empty(2 * made, dtype=np.int64)
                    longer[:made] = parents
                    parents = longer
                parents[made] = made
                piece = made
                made += 1
                pieces[label - 1] += 1
            here[c] = piece
        above, here = here, above


@numba.njit(nogil=True, cache=True)
def _root(parents: Any, piece: int) -> int:
    while parents[piece] != piece:
        parents[piece] = parents[parents[piece]]
        piece = parents[piece]
    return piece
