"""Tiles inside a network: what each stage must compute for a part of an image, and what an earlier tile has computed.

The outputs of a tile depend on ever more of the image the further one goes back, so that the regions that neighbouring
tiles compute overlap, by up to twice the network's halo at its beginning. What two tiles have in common at their seam
is computed by the first of them and kept for the other one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Part", "Piece", "Region", "Seams", "Span", "cells"]

Span = tuple[int, int]
"""Half-open ``(start, stop)`` along an axis."""

Region = tuple[Span, ...]
"""Rows and columns."""


class Piece(NamedTuple):
    """A piece of what a stage puts out."""

    region: Region
    """In units of the stage."""
    tensors: list[Tensor]
    """This region of each output."""


class Seams:
    """What the tiles of one image have in common, by stage; for tiles that come row by row.

    Tiles that come in another order are right as well, but more is computed.

    Parameters
    ----------
    nbytes
        Most that is kept for the next row of tiles. Kept beside it is what the next tile of the same row needs.
    """

    def __init__(self, nbytes: int = 50_000_000) -> None:
        self._left: dict[int, Piece] = {}
        self._above: dict[tuple[int, Span], Piece] = {}
        self._free = nbytes

    def left(self, stage: int, region: Region) -> list[Tensor] | None:
        """What the tile to the left has computed of a region of the image; None if it has not."""
        piece = self._left.get(stage)
        return piece.tensors if piece and piece.region == region else None

    def above(self, stage: int, region: Region) -> list[Tensor] | None:
        """What the tile above has computed of a region of the image; None if it has not."""
        piece = self._above.get((stage, region[1]))
        return piece.tensors if piece and piece.region == region else None

    def keep_left(self, stage: int, region: Region, tensors: Sequence[Tensor]) -> None:
        """Copy a region of the image for the tile to the right, in place of the one before."""
        self._left[stage] = _copied(region, tensors, self._left.get(stage))

    def keep_above(self, stage: int, region: Region, tensors: Sequence[Tensor]) -> None:
        """Copy a region for the tile below, in place of the one there was for these columns, if there is room."""
        old = self._above.pop((stage, region[1]), None)
        self._free += _nbytes(old.tensors) if old else 0
        if _nbytes(tensors) <= self._free:
            self._free -= _nbytes(tensors)
            self._above[stage, region[1]] = _copied(region, tensors, old)


class Part:
    """A tile on its way through a network.

    Parameters
    ----------
    shape
        Rows and columns of the tile.
    wanted
        Where outputs are wanted, in pixels of the tile; multiples of the network's stride.
    origin
        First pixel of the tile in the image; multiples of the network's stride.
    seams
        What it has in common with other tiles of the image; nothing is shared if None.
    """

    def __init__(
        self,
        shape: Sequence[int],
        wanted: Region,
        *,
        origin: Sequence[int] = (0, 0),
        seams: Seams | None = None,
    ) -> None:
        self.shape = tuple(shape)
        self.wanted = wanted
        self.origin = tuple(origin)
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

        These are a margin on the left, of all needed rows, and one above what is to be computed.
        """
        self._stage += 1
        (top, bottom), (left, right) = self.needed(units, reach)
        known: list[Piece] = []
        if self.seams is None:
            return ((top, bottom), (left, right)), known
        # where the needs of the tiles before end; a unit that is needed in part only may be wrong elsewhere
        row, column = (
            (start + r) // (size // n) if start else 0
            for (start, _), r, n, size in zip(self.wanted, reach, units, self.shape, strict=True)
        )
        if left < column < right:
            region = (top, bottom), (left, column)
            if tensors := self.seams.left(self._stage, self._in_image(region, units)):
                known.append(Piece(region, tensors))
                left = column
        if top < row < bottom:
            region = (top, row), (left, right)
            if tensors := self.seams.above(self._stage, self._in_image(region, units)):
                known.append(Piece(region, tensors))
                top = row
        return ((top, bottom), (left, right)), known

    def keep(
        self, outputs: Sequence[Tensor], units: tuple[int, ...], reach: tuple[int, ...], computed: Region
    ) -> None:
        """Keep what later tiles need of the stage's output; `computed` is what `next_stage` said of it."""
        if self.seams is None:
            return
        (top, bottom), (left, _) = self.needed(units, reach)
        # from where the needs of the tiles after begin to where those of this tile end
        rows, columns = (
            ((stop - r) // (size // n), (stop + r) // (size // n))
            for (_, stop), r, n, size in zip(self.wanted, reach, units, self.shape, strict=True)
        )
        if self.wanted[1][1] < self.shape[1]:
            region = (top, bottom), (max(left, columns[0]), columns[1])
            parts = [cells(x, units, region) for x in outputs]
            self.seams.keep_left(self._stage, self._in_image(region, units), parts)
        if self.wanted[0][1] < self.shape[0]:
            # the tile below has what is further left from the tile to its left
            region = (max(top, rows[0]), rows[1]), computed[1]
            parts = [cells(x, units, region) for x in outputs]
            self.seams.keep_above(self._stage, self._in_image(region, units), parts)

    def _in_image(self, region: Region, units: tuple[int, ...]) -> Region:
        """A region of this tile as one of the image."""
        first = [o // (size // n) for o, size, n in zip(self.origin, self.shape, units, strict=True)]
        return tuple((start + o, stop + o) for (start, stop), o in zip(region, first, strict=True))


def cells(x: Tensor, units: Sequence[int], region: Region) -> Tensor:
    """Some of the units, along rows and columns, of which a tensor ``(B, C, H, W)`` consists."""
    rows, columns = (
        slice(start * (size // n), stop * (size // n))
        for size, n, (start, stop) in zip(x.shape[-2:], units, region, strict=True)
    )
    return x[:, :, rows, columns]


def _copied(region: Region, tensors: Sequence[Tensor], old: Piece | None) -> Piece:
    """A copy, in the memory of a piece that is no longer needed where it fits: the heap falls to pieces otherwise."""
    if old and [x.shape for x in old.tensors] == [x.shape for x in tensors]:
        return Piece(region, [there.copy_(x) for there, x in zip(old.tensors, tensors, strict=True)])
    return Piece(region, [x.clone(memory_format=torch.channels_last) for x in tensors])


def _nbytes(tensors: Sequence[Tensor]) -> int:
    return sum(x.numel() * x.element_size() for x in tensors)
