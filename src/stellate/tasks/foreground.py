"""The foreground that a network for images may predict beside the outlines, from its tiles to the labels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..geometry.refine import fit_to_foreground
from ..geometry.tiles import Tile
from ..results import IntArray

__all__ = ["Foreground", "foreground_of"]

_BAND_PIXELS = 1 << 20


def foreground_of(output: Mapping[str, Tensor], tile: Tile) -> npt.NDArray[np.uint8] | None:
    """Foreground probability times 255 of the pixels that a tile owns; None if the network predicts none."""
    if "foreground" not in output:
        return None
    logits = output["foreground"][0][tile.own_in_read].float()
    return logits.sigmoid().mul_(255).round_().to(torch.uint8).numpy()


class Foreground:
    """The foreground of an image, put together from its tiles; empty if there is none."""

    def __init__(self) -> None:
        self._whole: npt.NDArray[np.uint8] | None = None
        self._scale = 1.0

    def add(self, part: npt.NDArray[np.uint8] | None, tile: Tile) -> None:
        """Put in what a tile owns."""
        if part is None:
            return
        if self._whole is None:
            self._whole = np.zeros(tile.shape, dtype=np.uint8)
            self._scale = tile.scale
        self._whole[tile.own_slices] = part

    def fitted(self, labels: IntArray, threshold: float, reach: npt.NDArray[np.float32]) -> IntArray:
        """Labels fitted to the foreground, in place; see `fit_to_foreground`. As they are if there is none.

        Parameters
        ----------
        labels
            ``(H, W)`` of the image that the user gave.
        threshold
            Least probability of a pixel of an object.
        reach
            ``(n,)`` pixels that each object may grow.
        """
        if self._whole is None:
            return labels
        inside = _inside(self._whole, round(255 * threshold), labels.shape, self._scale)
        return fit_to_foreground(labels, inside, reach, out=labels)


def _inside(
    foreground: npt.NDArray[np.uint8], least: int, shape: tuple[int, ...], scale: float
) -> npt.NDArray[np.bool_]:
    """Where the foreground is so probable, in an image of `shape` that was rescaled for the network."""
    if scale == 1:
        return np.asarray(foreground >= least)
    # not stretched to the shape: that of the network's image is rounded, and the outlines are where the factor has them
    left, right, to_right = _neighbours(shape[1], foreground.shape[1], scale)
    above, below, down = _neighbours(shape[0], foreground.shape[0], scale)
    inside = np.empty(shape, dtype=bool)
    rows = max(1, _BAND_PIXELS // max(1, shape[1]))
    for start in range(0, shape[0], rows):
        band = slice(start, start + rows)
        weight = down[band, np.newaxis]
        lines = foreground[above[band]] * (1 - weight) + foreground[below[band]] * weight
        inside[band] = lines[:, left] * (1 - to_right) + lines[:, right] * to_right >= least
    return inside


def _neighbours(
    count: int, size: int, scale: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """For each of `count` pixels the two of `size` rescaled ones that it lies between, and the weight of the second."""
    places = np.clip((np.arange(count) + 0.5) * scale - 0.5, 0, size - 1)
    first = places.astype(np.int64)
    return first, np.minimum(first + 1, size - 1), (places - first).astype(np.float32)
