"""Tiles inside a network: what each stage must compute for a part of an image, and what an earlier tile has computed.

The outputs of a tile depend on ever more of the image the further one goes back, so that the regions that neighbouring
tiles compute overlap, by up to twice the network's halo at its beginning. What two tiles have in common at their seam
is computed by the first of them and kept for the other one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from .layout import best_layout

__all__ = ["Part", "Piece", "Region", "Seams", "Span", "cells"]


Span = tuple[int, int]
"""Half-open ``(start, stop)`` along an axis."""

Region = tuple[Span, ...]
"""Along each spatial axis."""


class Piece(NamedTuple):
    """A piece of what a stage puts out."""

    region: Region
    """In units of the stage."""
    tensors: list[Tensor]
    """This region of each output."""


class Seams:
    """What the tiles of one image have in common, by stage; for tiles that come in row-major order.

    Tiles that come in another order are right as well, but more is computed.

    Parameters
    ----------
    nbytes
        Most that is kept for the next row of tiles (and, of volumes, for the next layer of them). Kept beside it is
        what the next tile of the same row needs.
    """

    def __init__(self, nbytes: int = 50_000_000) -> None:
        self._kept: dict[tuple[object, ...], Piece] = {}
        self._free = nbytes

    def before(self, stage: int, axis: int, region: Region) -> list[Tensor] | None:
        """What the tile before along an axis has computed of a region of the image; None if it has not."""
        piece = self._kept.get(_place(stage, axis, region))
        return piece.tensors if piece and piece.region == region else None

    def keep(self, stage: int, axis: int, region: Region, tensors: Sequence[Tensor]) -> None:
        """Copy a region of the image for the next tile along an axis, in place of what was there, if there is room.

        For the next tile of the same row there is always room.
        """
        place, in_row = _place(stage, axis, region), axis == len(region) - 1
        old = self._kept.pop(place, None)
        if not in_row:
            self._free += _nbytes(old.tensors) if old else 0
            if _nbytes(tensors) > self._free:
                return
            self._free -= _nbytes(tensors)
        self._kept[place] = _copied(region, tensors, old)


def _place(stage: int, axis: int, region: Region) -> tuple[object, ...]:
    """Where a piece is kept: one for each stage and axis, and for each place of tiles along the axes after it."""
    return stage, axis, *region[axis + 1 :]


class Part:
    """A tile on its way through a network.

    Parameters
    ----------
    shape
        Sides of the tile.
    wanted
        Where outputs are wanted, in pixels of the tile; multiples of the network's stride.
    origin
        First pixel of the tile in the image; multiples of the network's stride. Zeros if empty.
    seams
        What it has in common with other tiles of the image; nothing is shared if None.
    """

    def __init__(
        self,
        shape: Sequence[int],
        wanted: Region,
        *,
        origin: Sequence[int] = (),
        seams: Seams | None = None,
    ) -> None:
        self.shape = tuple(shape)
        self.wanted = wanted
        self.origin = tuple(origin) or (0,) * len(self.shape)
        self.seams = seams
        self._stage = -1

    def needed(self, units: tuple[int, ...], reach: tuple[int, ...]) -> Region:
        """Units of a stage's output on which the wanted outputs depend, `reach` pixels around them."""
        return tuple(
            (max(0, (start - r) // (size // n)), min(n, -(-(stop + r) // (size // n))))
            for (start, stop), r, n, size in zip(self.wanted, reach, units, self.shape, strict=True)
        )

    def next_stage(self, units: tuple[int, ...], reach: tuple[int, ...]) -> tuple[Region, list[Piece]]:
        """What of the needed output of the next stage is to be computed, and what earlier tiles know of it.

        These are margins at the beginning of each axis: of all that is needed along the last one, and of what then is
        left to be computed along the others.
        """
        self._stage += 1
        region, known = list(self.needed(units, reach)), []
        for axis in reversed(range(len(region)) if self.seams is not None else ()):
            # where the needs of the tiles before end; a unit that is needed in part only may be wrong elsewhere
            own, unit = self.wanted[axis][0], self.shape[axis] // units[axis]
            end = (own + reach[axis]) // unit if own else 0
            start, stop = region[axis]
            if not start < end < stop or self.seams is None:
                continue
            margin = (*region[:axis], (start, end), *region[axis + 1 :])
            if tensors := self.seams.before(self._stage, axis, self._in_image(margin, units)):
                known.append(Piece(margin, tensors))
                region[axis] = (end, stop)
        return tuple(region), known

    def keep(
        self, outputs: Sequence[Tensor], units: tuple[int, ...], reach: tuple[int, ...], computed: Region
    ) -> None:
        """Keep what later tiles need of the stage's output; `computed` is what `next_stage` said of it."""
        if self.seams is None:
            return
        needed = self.needed(units, reach)
        for axis in reversed(range(len(units))):
            stop, size = self.wanted[axis][1], self.shape[axis]
            if stop == size:
                continue
            # from where the needs of the tiles after begin to where those of this tile end; the tile after has what is
            # further back along later axes from the tile before it
            unit = size // units[axis]
            span = (max(needed[axis][0], (stop - reach[axis]) // unit), (stop + reach[axis]) // unit)
            region = (*needed[:axis], span, *computed[axis + 1 :])
            parts = [cells(x, units, region) for x in outputs]
            self.seams.keep(self._stage, axis, self._in_image(region, units), parts)

    def _in_image(self, region: Region, units: tuple[int, ...]) -> Region:
        """A region of this tile as one of the image."""
        first = [o // (size // n) for o, size, n in zip(self.origin, self.shape, units, strict=True)]
        return tuple((start + o, stop + o) for (start, stop), o in zip(region, first, strict=True))


def cells(x: Tensor, units: Sequence[int], region: Region) -> Tensor:
    """Some of the units, along each spatial axis, of which a tensor ``(B, C, *spatial)`` consists."""
    spans = (
        slice(start * (size // n), stop * (size // n))
        for size, n, (start, stop) in zip(x.shape[2:], units, region, strict=True)
    )
    return x[(slice(None), slice(None), *spans)]


def _copied(region: Region, tensors: Sequence[Tensor], old: Piece | None) -> Piece:
    """A copy, in the memory of a piece that is no longer needed where it fits: the heap falls to pieces otherwise."""
    if old and [x.shape for x in old.tensors] == [x.shape for x in tensors]:
        return Piece(region, [there.copy_(x) for there, x in zip(old.tensors, tensors, strict=True)])
    return Piece(region, [x.clone(memory_format=best_layout(x.ndim, x.device, x.dtype)) for x in tensors])


def _nbytes(tensors: Sequence[Tensor]) -> int:
    return sum(x.numel() * x.element_size() for x in tensors)
