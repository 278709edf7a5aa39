"""The pixels that a network sees: some channels of an image, channels first, read region by region."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..axes import Image
from .blocks import blocks

__all__ = ["GREY", "ONE_FRAME", "ChannelsLast", "Pixels", "several_frames"]

GREY: Literal["grey"] = "grey"
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601

ONE_FRAME = (
    "an annotated image is a single frame: save each frame, with its mask, as a file of its own, or name the axes if "
    "these are planes (axes ZYX)"
)


def several_frames(image: Image) -> str:
    """What is wrong with an annotated image that has time points or pages; empty if nothing is."""
    counts = [f"{image.sizes[a]} along {a}" for a in image.axes if a in "TP" and image.sizes[a] > 1]
    return f"several frames ({', '.join(counts)})" if counts else ""


class Pixels:
    """An image as a ``(C, H, W)`` array, or a volume as a ``(C, Z, Y, X)`` one, that reads what is sliced from it.

    Parameters
    ----------
    image
        With the axes ``Y``, ``X``, perhaps ``C``, and perhaps ``Z``. Its array may be lazy.
    channels
        Indices of the channels, in the wanted order; or ``"grey"`` for the brightness of the first three.
    volume
        Whether ``Z`` is an axis of the array; one plane where the image has none. Otherwise the brightest value along
        it is taken.
    """

    def __init__(
        self,
        image: Image,
        channels: tuple[int, ...] | Literal["grey"] = (0,),
        *,
        volume: bool = False,
    ) -> None:
        self._image = image
        self._channels = channels
        self._axes = "ZYX" if volume else "YX"
        count = 1 if channels == GREY else len(channels)
        self.shape = (count, *(image.sizes.get(a, 1) for a in self._axes))
        self.dtype = np.dtype(np.float32) if channels == GREY else np.dtype(image.array.dtype)

    @property
    def chunks(self) -> tuple[int, ...] | None:
        """Lengths of the pieces in which the file is stored, or None where it is not in pieces."""
        chunks = getattr(self._image.array, "chunks", None)
        if not chunks or not all(isinstance(c, int) for c in chunks):
            return None
        by_axis = dict(zip(self._image.axes, chunks, strict=True))
        return (self.shape[0], *(by_axis.get(a, 1) for a in self._axes))

    def __getitem__(self, index: tuple[Any, ...]) -> npt.NDArray[Any]:
        """Read a region: slices for channels and, if wanted, for the spatial axes in their order."""
        of_channels, *region = index
        array = self._read(dict(zip(self._axes, region, strict=False)))
        if self._channels == GREY:
            array = np.tensordot(_LUMA, array[:3].astype(np.float32), axes=1)[np.newaxis]
        return array[of_channels]

    def blocks(self) -> Iterator[npt.NDArray[Any]]:
        """The whole of it, some rows or planes at a time: ``(C, ...)``."""
        return blocks(self)

    def _read(self, where: dict[str, slice]) -> npt.NDArray[Any]:
        """A region of the chosen channels: ``(C, *spatial)``."""
        axes = self._image.axes
        # a single channel is read alone; several at once, because they often lie together in the file
        alone = self._channels[0] if self._channels != GREY and len(self._channels) == 1 else None
        every = {**where, "C": slice(None) if alone is None else slice(alone, alone + 1)}
        array = np.asarray(self._image.array[tuple(every.get(a, slice(None)) for a in axes)])
        if "Z" in axes and "Z" not in self._axes:
            array = array.max(axis=axes.index("Z"))
            axes = axes.replace("Z", "")
        for axis in set("C" + self._axes) - set(axes):
            array, axes = array[np.newaxis], axis + axes
        array = array.transpose([axes.index(a) for a in "C" + self._axes])
        if alone is not None or self._channels == GREY or self._channels == tuple(range(len(array))):
            return array
        return array[list(self._channels)]


class ChannelsLast:
    """All channels of an image as a ``(H, W, C)`` array that reads the rows that are sliced from it.

    Of a volume the array is ``(Z, Y, X, C)``, and planes are sliced.
    """

    def __init__(self, image: Image, *, volume: bool = False) -> None:
        self._pixels = Pixels(image, tuple(range(image.channels)), volume=volume)
        self.shape = (*self._pixels.shape[1:], self._pixels.shape[0])
        self.dtype = self._pixels.dtype

    def __getitem__(self, rows: slice) -> npt.NDArray[Any]:
        return np.moveaxis(self._pixels[:, rows], 0, -1)
