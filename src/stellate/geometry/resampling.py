"""Linear interpolation to another pixel size, averaged over the pixels that fall together.

Every pixel is computed from the same source pixels whatever the region, so that tiles agree where they overlap. Pixel
edges fall on pixel edges: position p of the source lies at ``(p + 0.5) * scale - 0.5``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

__all__ = ["resample_along", "resampling_weights"]


def resampling_weights(
    region: slice, size: int, scale: float, *, known: tuple[int, int] | None = None
) -> tuple[int, Any]:
    """Weights of a triangle filter along one axis.

    Parameters
    ----------
    region
        Of the resampled image.
    size
        Of the source.
    scale
        Pixels of the resampled image per pixel of the source.
    known
        Half-open part of the source that there is; its ends go on beyond it. All of it if None.

    Returns
    -------
    start : int
        First source pixel needed.
    weights : sparse array
        ``(n_out, n_source)`` float32, of the source pixels from `start` on; rows sum to 1.
    """
    first, last = (0, size - 1) if known is None else (known[0], known[1] - 1)
    centres = (np.arange(region.start, region.stop) + 0.5) / scale - 0.5
    radius = max(1.0, 1 / scale)
    taps = np.floor(centres - radius).astype(np.int64)[:, np.newaxis] + np.arange(int(2 * radius) + 3)
    weights = np.maximum(0, 1 - np.abs(taps - centres[:, np.newaxis]) / radius)
    weights /= weights.sum(axis=1, keepdims=True)
    taps = taps.clip(first, last)
    start, stop = (int(taps.min()), int(taps.max()) + 1) if taps.size else (first, first)
    rows = np.broadcast_to(np.arange(len(centres))[:, np.newaxis], taps.shape)
    matrix = sparse.csr_array(
        (weights.astype(np.float32).ravel(), (rows.ravel(), (taps - start).ravel())),
        shape=(len(centres), stop - start),
    )
    return start, matrix


def resample_along(weights: Any, array: npt.NDArray[Any], axis: int) -> npt.NDArray[np.float32]:
    """Weights ``(n_out, n_source)`` applied along an axis of an array."""
    first = np.moveaxis(array, axis, 0)
    rest = first.shape[1:]
    result = weights @ first.reshape(len(first), math.prod(rest))
    return np.moveaxis(np.asarray(result, dtype=np.float32).reshape(len(result), *rest), 0, axis)
