"""Bringing whole images to the size that a network takes: larger or smaller by one factor, then filled up.

The factor is the same along both axes, so that shapes stay what they are. The image comes to lie at the upper left;
what is left of the network's size goes on with its last row and column.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..geometry.resampling import resample_along, resampling_weights
from ..geometry.tiles import Tile

__all__ = ["Fit", "fitted"]

Read = Callable[[tuple[slice, ...]], npt.NDArray[np.float32]]

_BAND_VALUES = 1 << 24
"""Values of the image that are held at a time."""


@dataclass(frozen=True)
class Fit:
    """How an image is brought to a size.

    Attributes
    ----------
    shape
        Height and width of the image.
    size
        Those that it is brought to.
    """

    shape: tuple[int, ...]
    size: tuple[int, ...]

    @property
    def scale(self) -> float:
        """Pixels of the result per pixel of the image."""
        return min(s / n for s, n in zip(self.size, self.shape, strict=True))

    @property
    def inner(self) -> tuple[int, ...]:
        """Height and width that the image has in the result."""
        sides = zip(self.size, self.shape, strict=True)
        return tuple(min(s, max(1, round(n * self.scale))) for s, n in sides)

    @property
    def tile(self) -> Tile:
        """The result, as a tile that knows the image."""
        whole = tuple((0, s) for s in self.size)
        return Tile(read=whole, owns=whole, shape=self.size, scale=self.scale, target_shape=self.shape)


def fitted(read: Read, fit: Fit) -> npt.NDArray[np.float32]:
    """An image brought to a size, by linear interpolation; averaged over the pixels that fall together.

    Parameters
    ----------
    read
        Reads a region ``(C, ...)`` of the image, given as slices along its axes. It is called for some rows at a time.
    fit
        From which size to which.

    Returns
    -------
    ndarray
        ``(C, *fit.size)`` float32.
    """
    rows, columns = fit.inner
    first, across = resampling_weights(slice(0, columns), fit.shape[1], fit.scale)
    width = slice(first, first + across.shape[1])
    step = max(1, math.floor(_BAND_VALUES * fit.scale / fit.shape[1]))
    bands = [
        _band(read, fit, slice(start, min(rows, start + step)), (width, across))
        for start in range(0, rows, step)
    ]
    array = bands[0] if len(bands) == 1 else np.concatenate(bands, axis=1)
    missing = [(0, 0)] + [(0, s - n) for s, n in zip(fit.size, fit.inner, strict=True)]
    return np.pad(array, missing, mode="edge") if any(after for _, after in missing) else array


def _band(read: Read, fit: Fit, rows: slice, across: tuple[slice, Any]) -> npt.NDArray[np.float32]:
    start, down = resampling_weights(rows, fit.shape[0], fit.scale)
    array = read((slice(start, start + down.shape[1]), across[0]))
    return resample_along(across[1], resample_along(down, array, 1), 2)
