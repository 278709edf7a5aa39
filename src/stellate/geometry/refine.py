"""Refining painted outlines by a foreground that knows each pixel."""

from __future__ import annotations

from collections.abc import Iterator

import numba
import numpy as np
import numpy.typing as npt

__all__ = ["fit_to_foreground"]

_BAND_PIXELS = 1 << 22


def fit_to_foreground(
    labels: npt.NDArray[np.int32],
    foreground: npt.NDArray[np.bool_],
    reach: npt.NDArray[np.float32],
    *,
    out: npt.NDArray[np.int32] | None = None,
) -> npt.NDArray[np.int32]:
    """Let each object fill the foreground around its painted shape, and give up the background inside it.

    Pixels of the background leave their object; then every object grows through unclaimed foreground, a ring of
    4-neighbours at a time, for as many rings as its `reach`. Objects do not grow into one another: who arrives first
    keeps the pixel, the lower label where two arrive together. An object that would lose more than half of its pixels
    is left as it is: there the foreground is not to be trusted.

    Parameters
    ----------
    labels
        ``(H, W)`` int32 with ids 1..n.
    foreground
        ``(H, W)`` bool.
    reach
        ``(n,)`` rings that object k + 1 may grow.
    out
        Where the result goes; may be `labels`, which spares the memory of another image. A new array if None.

    Returns
    -------
    ndarray
        ``(H, W)`` int32.
    """
    n = len(reach)
    area, inside = np.zeros((2, n + 1), dtype=np.int64)
    for band in _bands(labels.shape):
        area += np.bincount(labels[band].ravel(), minlength=n + 1)
        inside += np.bincount(labels[band][foreground[band]], minlength=n + 1)
    trusted = 2 * inside >= area
    out = np.empty(labels.shape, dtype=np.int32) if out is None else out
    for band in _bands(labels.shape):
        keep = foreground[band] | ~trusted[labels[band]]
        out[band] = np.where(keep, labels[band], 0)
    rings = np.zeros(n + 1, dtype=np.int32)
    rings[1:] = np.ceil(reach)
    rings[~trusted] = 0
    _grow(out, foreground, rings)
    return out


def _bands(shape: tuple[int, ...]) -> Iterator[slice]:
    """Some rows of an image at a time, so that what is computed of them stays small."""
    rows = max(1, _BAND_PIXELS // max(1, shape[1]))
    for start in range(0, shape[0], rows):
        yield slice(start, start + rows)


@numba.njit(nogil=True, cache=True)
def _grow(
    out: npt.NDArray[np.int32], foreground: npt.NDArray[np.bool_], rings: npt.NDArray[np.int32]
) -> None:
    height, width = out.shape
    front = np.empty(0, dtype=np.int64)
    size = 0
    for ring in range(rings.max() + 1):
        # ring 0 looks over the whole image for pixels at an edge of their object; later rings only at the last ring
        candidates = height * width if ring == 0 else size
        claimed = np.empty(max(64, size * 2), dtype=np.int64)
        owner = np.empty(claimed.size, dtype=np.int32)
        count = 0
        for i in range(candidates):
            at = i if ring == 0 else front[i]
            y, x = at // width, at % width
            label = out[y, x]
            if label == 0 or rings[label] <= ring:
                continue
            for dy, dx in ((-1, 0), (0, -1), (0, 1), (1, 0)):
                v, u = y + dy, x + dx
                if v < 0 or v >= height or u < 0 or u >= width or out[v, u] != 0 or not foreground[v, u]:
                    continue
                if count == claimed.size:
                    claimed = np.concatenate((claimed, np.empty_like(claimed)))
                    owner = np.concatenate((owner, np.empty_like(owner)))
                claimed[count] = v * width + u
                owner[count] = label
                count += 1
        front = np.empty(count, dtype=np.int64)
        size = 0
        for i in range(count):
            v, u = claimed[i] // width, claimed[i] % width
            if out[v, u] == 0:
                out[v, u] = owner[i]
                front[size] = claimed[i]
                size += 1
            elif out[v, u] > owner[i]:
                # claimed in this same ring by a higher label
                out[v, u] = owner[i]
        if size == 0:
            break
