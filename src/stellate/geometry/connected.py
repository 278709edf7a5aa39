"""Connected pieces of equal values in an image or a volume, all values in one pass over the pixels."""

from __future__ import annotations

from itertools import product
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from .arrays import for_reading
from .labels import Labels

__all__ = ["connected_pieces"]


def connected_pieces(
    values: npt.NDArray[Any], ground: npt.NDArray[np.int64], connectivity: int
) -> tuple[Labels, npt.NDArray[np.int32]]:
    """Number the connected pieces of equal values.

    Parameters
    ----------
    values
        Two or three axes, any integer dtype or bool.
    ground
        ``(n,)``: values that make no pieces; neither does what is below 0.
    connectivity
        Along how many axes, at most, neighbours differ by one.

    Returns
    -------
    labels : ndarray
        Same shape, int32: pieces are 1 to n, in the order of their values and then of their first pixels; 0 where the
        value is one of `ground`, -1 where it is below 0.
    values : ndarray
        ``(n,)`` int32: value of each piece.

    Notes
    -----
    Besides the labels, memory is held for a few numbers per piece.

    References
    ----------
    Rosenfeld and Pfaltz, Sequential operations in digital picture processing, J. ACM 1966; here with path halving.
    """
    native = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
    native = native.view(np.uint8) if native.dtype == np.bool_ else native
    deep = native.reshape(-1, *native.shape[-2:])
    out = np.empty(native.shape, dtype=np.int32)
    steps, after_left = _steps_back(native.ndim, connectivity)
    roots, kinds = _join(
        for_reading(deep), for_reading(ground), for_reading(steps), after_left, out.reshape(deep.shape)
    )
    # a number that is its own root is a piece, and roots are in the order of first pixels
    of_roots = np.flatnonzero(roots == np.arange(len(roots)))
    of_roots = of_roots[np.argsort(kinds[of_roots], kind="stable")]
    numbers = np.empty(len(roots), dtype=np.int32)
    numbers[of_roots] = np.arange(1, len(of_roots) + 1)
    _renumber(out.reshape(-1), numbers[roots])
    return out, kinds[of_roots]


def _steps_back(ndim: int, connectivity: int) -> tuple[npt.NDArray[np.int64], int]:
    """``(n, 3)``: from a pixel to its neighbours that come before it; first those that its left one lacks."""
    ahead = (s for s in product((-1, 0, 1), repeat=3) if s < (0, 0, 0) and np.abs(s).sum() <= connectivity)
    steps = np.array([s for s in ahead if ndim == 3 or not s[0]], dtype=np.int64)
    from_left = np.abs(steps - [0, 0, -1])
    lacking = (from_left.sum(axis=1) > connectivity) | (from_left.max(axis=1) > 1)
    return np.concatenate([steps[lacking], steps[~lacking]]), int(lacking.sum())


@numba.njit(nogil=True, cache=True)
def _join(values: Any, ground: Any, steps: Any, after_left: int, out: Any) -> Any:
    """Number pixels so that those of a piece lead to one root; give the root and the value of each number."""
    planes, rows, columns = values.shape
    parents = np.empty(1024, dtype=np.int32)
    kinds = np.empty(1024, dtype=np.int32)
    made = 0
    for z in range(planes):
        for r in range(rows):
            for c in range(columns):
                value = values[z, r, c]
                out[z, r, c] = 0
                if value < 0:
                    out[z, r, c] = -1
                    continue
                if _among(value, ground):
                    continue
                piece, looked_at = -1, len(steps)
                if (
                    c > 0 and values[z, r, c - 1] == value
                ):  # what is next to both is joined to the left one already
                    piece, looked_at = out[z, r, c - 1] - 1, after_left
                for k in range(looked_at):
                    z2, r2, c2 = z + steps[k, 0], r + steps[k, 1], c + steps[k, 2]
                    if z2 < 0 or r2 < 0 or r2 >= rows or c2 < 0 or c2 >= columns:
                        continue
                    if values[z2, r2, c2] != value:
                        continue
                    other = out[z2, r2, c2] - 1
                    if piece < 0:
                        piece = other
                    elif piece != other:
                        piece = _union(parents, piece, other)
                if piece < 0:
                    if made == parents.size:
                        parents, kinds = _longer(parents), _longer(kinds)
                    parents[made], kinds[made] = made, value
                    piece = made
                    made += 1
                out[z, r, c] = piece + 1
    for k in range(made):  # a parent is never larger, so that it leads to the root by now
        parents[k] = parents[parents[k]]
    return parents[:made], kinds[:made]


@numba.njit(nogil=True, cache=True)
def _among(value: Any, ground: Any) -> bool:
    for g in ground:  # noqa: SIM110 - Numba knows no generators
        if value == g:
            return True
    return False


@numba.njit(nogil=True, cache=True)
def _longer(numbers: Any) -> Any:
    longer = np.empty(2 * numbers.size, dtype=numbers.dtype)
    longer[: numbers.size] = numbers
    return longer


@numba.njit(nogil=True, cache=True)
def _union(parents: Any, a: int, b: int) -> int:
    """Join two pieces under the root that was made first, and give that."""
    while parents[a] != a:
        parents[a] = parents[parents[a]]
        a = parents[a]
    while parents[b] != b:
        parents[b] = parents[parents[b]]
        b = parents[b]
    low, high = min(a, b), max(a, b)
    parents[high] = low
    return low


@numba.njit(nogil=True, cache=True)
def _renumber(flat: Any, numbers: Any) -> None:
    for i in range(flat.size):
        if flat[i] > 0:
            flat[i] = numbers[flat[i] - 1]
