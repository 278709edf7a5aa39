"""Mirror images of a tile, with the network's grid on the same pixels in each.

A network that predicts every g pixels does so at the pixels 0, g, 2g, ... Seen in a mirror, these are others,
unless the image is moved by g - 1 pixels on the way. So the image is padded, by reflection, at both ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from torch import Tensor

__all__ = ["Flip", "mirror_images"]


@dataclass(frozen=True)
class Flip:
    """A mirror for images of one shape.

    Attributes
    ----------
    axes
        Spatial axes to mirror.
    shape
        Spatial shape of the images; multiples of `stride`.
    grid
        Pixels per prediction along each axis.
    stride
        Pixels that sides must be multiples of.
    """

    axes: tuple[int, ...]
    shape: tuple[int, ...]
    grid: tuple[int, ...]
    stride: tuple[int, ...]

    def apply(self, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Mirror an image ``(C, *shape)``; each mirrored side becomes longer by its stride."""
        pad, region = [(0, 0)] * pixels.ndim, [slice(None)] * pixels.ndim
        for axis in self.axes:
            before = self.grid[axis] - 1
            pad[axis + 1] = (before, self.stride[axis] - before)
            region[axis + 1] = slice(None, None, -1)
        return np.pad(pixels, pad, mode="reflect")[tuple(region)]

    def undo(self, maps: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Mirror a network's maps of the mirrored image back onto the image.

        Parameters
        ----------
        maps
            ``(K, *spatial)`` each, on the network's grid or a finer one. Channels that mean directions are
            left as they are.
        """
        return {name: self._undo(tensor) for name, tensor in maps.items()}

    def _undo(self, tensor: Tensor) -> Tensor:
        for axis in self.axes:
            step = (self.shape[axis] + self.stride[axis]) // tensor.shape[axis + 1]
            first = self.grid[axis] // step - 1
            tensor = tensor.flip(axis + 1).narrow(axis + 1, first, self.shape[axis] // step)
        return tensor


def mirror_images(n_axes: int) -> tuple[tuple[int, ...], ...]:
    """The axes that are mirrored, for each mirror image of an image or a volume; none of them first.

    Examples
    --------
    >>> mirror_images(2)
    ((), (0,), (1,), (0, 1))
    """
    return tuple(axes for count in range(n_axes + 1) for axes in combinations(range(n_axes), count))
