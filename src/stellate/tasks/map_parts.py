"""Class maps in pieces: what a tile knows of the pixels of an image, and the whole made of such pieces.

Where the halo of a network is exact, a tile says of which class the pixels are that it owns, and nothing more. Where it
is not, or where the image was rescaled, probabilities are needed: tiles overlap, and each counts the less the nearer a
pixel is to where it ends, so that no seam shows. Then the probabilities of a row of tiles are held, not those of the
image.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..geometry.resampling import resample_along, resampling_weights
from ..geometry.tiles import Tile
from ..results import FloatArray, IntArray

__all__ = ["MaskPart", "mask_part", "put_together", "reach_of_rescaling"]


@dataclass(frozen=True, eq=False)
class MaskPart:
    """What a tile knows of the classes of pixels, in pixels of the image that the user gave.

    Attributes
    ----------
    tile
        The tile.
    region
        Half-open ``(start, stop)`` per axis of what follows.
    classes
        Classes of the region, uint8 or int32; None where they follow from the probabilities of several tiles.
    probabilities
        ``(n_classes, *region)`` float32; None where they are not needed.
    weights
        How much each pixel counts beside other tiles, along each axis of the region; None where only this tile knows.
    """

    tile: Tile
    region: tuple[tuple[int, int], ...]
    classes: npt.NDArray[Any] | None
    probabilities: FloatArray | None = None
    weights: tuple[FloatArray, ...] | None = None

    @property
    def slices(self) -> tuple[slice, ...]:
        """The region as an index of the image."""
        return tuple(slice(start, stop) for start, stop in self.region)


class _Along(NamedTuple):
    """A tile along one axis."""

    known: slice
    """Pixels of what was read from which those of the region are made."""
    region: tuple[int, int]
    """In pixels of the user's image."""
    resampling: Any
    """Weights ``(n_region, n_known)``; None where pixels are the same."""
    ramp: FloatArray
    """``(n_region,)``: how much they count."""


def reach_of_rescaling(scale: float) -> int:
    """Pixels beyond what a tile owns from which its pixels are made where the image was rescaled by this factor."""
    return 0 if scale == 1 else math.ceil(max(1.0, scale)) + 1


def mask_part(logits: Tensor, tile: Tile, *, blended: bool, keep: bool) -> MaskPart:
    """What a tile knows, from the scores of a network.

    Parameters
    ----------
    logits
        ``(n_classes, *read)`` float32 on the CPU, perhaps padded at the ends.
    tile
        What was read.
    blended
        Whether tiles overlap in what they say.
    keep
        Whether probabilities are wanted beside the classes.
    """
    blended = blended and not tile.is_whole
    axes = [_along(tile, axis, blended=blended) for axis in range(len(tile.shape))]
    inner = logits[(slice(None), *(a.known for a in axes))]
    region = tuple(a.region for a in axes)
    resampled = any(a.resampling is not None for a in axes)
    if not (blended or keep or resampled):
        return MaskPart(tile, region, _smallest(inner.argmax(0), len(logits)))
    probabilities: FloatArray = inner.softmax(0).numpy()
    for axis, along in enumerate(axes, start=1):
        if along.resampling is not None:
            probabilities = resample_along(along.resampling, probabilities, axis)
    if blended:
        return MaskPart(tile, region, None, probabilities, tuple(a.ramp for a in axes))
    classes = _smallest(torch.from_numpy(probabilities).argmax(0), len(logits))
    return MaskPart(tile, region, classes, probabilities if keep else None)


def put_together(
    parts: Iterable[MaskPart], n_classes: int, *, keep: bool
) -> tuple[IntArray, FloatArray | None]:
    """Classes of an image, and if wanted their probabilities, from its parts in row-major order.

    Parameters
    ----------
    parts
        Of all tiles.
    n_classes
        Number of classes.
    keep
        Whether probabilities are wanted.

    Returns
    -------
    classes : ndarray
        Shape of the image that the user gave, int32.
    probabilities : ndarray or None
        ``(n_classes, *shape)`` float32.
    """
    whole: _Whole | None = None
    for part in parts:
        if whole is None:
            whole = _Whole(part.tile.target_shape, n_classes, keep=keep)
        whole.add(part)
    if whole is None:
        raise ValueError("an image has at least one part")
    return whole.finished()


class _Whole:
    """The class map of an image while its parts come in."""

    def __init__(self, shape: tuple[int, ...], n_classes: int, *, keep: bool) -> None:
        self._classes: IntArray = np.zeros(shape, dtype=np.int32)
        self._probabilities: FloatArray | None = None
        if keep:
            self._probabilities = np.zeros((n_classes, *shape), dtype=np.float32)
        # sums of the lines, along the first axis, to which tiles may still add: weighted probabilities, and weights
        self._first = 0
        self._sums: FloatArray = np.zeros((n_classes, 0, *shape[1:]), dtype=np.float32)
        self._weights: FloatArray = np.zeros((0, *shape[1:]), dtype=np.float32)

    def add(self, part: MaskPart) -> None:
        """Put in what a tile knows."""
        if part.weights is None:
            assert part.classes is not None
            self._classes[part.slices] = part.classes
            if self._probabilities is not None:
                self._probabilities[(slice(None), *part.slices)] = part.probabilities
            return
        assert part.probabilities is not None
        (start, stop), *_ = part.region
        self._write(start)
        self._hold(stop)
        inside = (slice(start - self._first, stop - self._first), *part.slices[1:])
        weights = _outer(part.weights)
        self._sums[(slice(None), *inside)] += weights * part.probabilities
        self._weights[inside] += weights

    def finished(self) -> tuple[IntArray, FloatArray | None]:
        """Classes and probabilities, when all parts are in."""
        self._write(self._first + len(self._weights))
        return self._classes, self._probabilities

    def _hold(self, stop: int) -> None:
        """Make room for lines before `stop`."""
        more = stop - self._first - len(self._weights)
        if more > 0:
            self._sums = np.pad(self._sums, [(0, 0), (0, more)] + [(0, 0)] * (self._weights.ndim - 1))
            self._weights = np.pad(self._weights, [(0, more)] + [(0, 0)] * (self._weights.ndim - 1))

    def _write(self, until: int) -> None:
        """Write lines before `until`, to which no tile adds any more."""
        count = min(until - self._first, len(self._weights))
        if count <= 0:
            return
        lines = slice(self._first, self._first + count)
        self._classes[lines] = self._sums[:, :count].argmax(0)
        if self._probabilities is not None:
            self._probabilities[:, lines] = self._sums[:, :count] / self._weights[:count]
        self._sums, self._weights = self._sums[:, count:].copy(), self._weights[count:].copy()
        self._first += count


def _along(tile: Tile, axis: int, *, blended: bool) -> _Along:
    (start, stop), (first, last), size = tile.owns[axis], tile.read[axis], tile.shape[axis]
    before, after = ((start - first) // 2, (last - stop) // 2) if blended else (0, 0)
    low, high, target = start - before, stop + after, tile.target_shape[axis]
    if tile.scale == 1 and size == target:
        region, known, resampling = (low, high), slice(low - first, high - first), None
        centres = np.arange(low, high) + 0.5
    else:
        stop = target if high == size else min(target, _first_inside(high, tile.scale))
        region = (min(stop, _first_inside(low, tile.scale)), stop)
        begin, resampling = resampling_weights(slice(*region), size, 1 / tile.scale, known=(first, last))
        known = slice(begin - first, begin - first + resampling.shape[1])
        centres = (np.arange(*region) + 0.5) * tile.scale
    ramp = np.ones(len(centres), dtype=np.float32)
    if before:
        ramp *= ((centres - low) / (2 * before)).clip(0, 1)
    if after:
        ramp *= ((high - centres) / (2 * after)).clip(0, 1)
    return _Along(known, region, resampling, ramp)


def _first_inside(edge: int, scale: float) -> int:
    """First pixel of the user's image whose centre lies behind an edge of the network's image."""
    return max(0, math.ceil(edge / scale - 0.5))


def _outer(along: Sequence[FloatArray]) -> FloatArray:
    product = np.ones((), dtype=np.float32)
    for values in along:
        product = product[..., np.newaxis] * values
    return product


def _smallest(classes: Tensor, n_classes: int) -> npt.NDArray[Any]:
    return classes.to(torch.uint8 if n_classes <= 256 else torch.int32).numpy()
