"""The foreground that a network for images may predict beside the outlines, from its tiles to the labels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..geometry.refine import fit_to_foreground
from ..geometry.tiles import Tile
from ..results import IntArray

__all__ = ["Foreground", "foreground_of"]


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

    def add(self, part: npt.NDArray[np.uint8] | None, tile: Tile) -> None:
        """Put in what a tile owns."""
        if part is None:
            return
        if self._whole is None:
            self._whole = np.zeros(tile.shape, dtype=np.uint8)
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
        inside = _resized(self._whole, labels.shape) >= round(255 * threshold)
        return fit_to_foreground(labels, inside, reach, out=labels)


def _resized(foreground: npt.NDArray[np.uint8], shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    if foreground.shape == tuple(shape):
        return foreground
    tensor = torch.from_numpy(foreground)[None, None]
    resized = nn.functional.interpolate(tensor, size=tuple(shape), mode="bilinear")
    return resized[0, 0].numpy()
