"""Running the stages of a network on strips of rows, so that what passes between its layers stays in the cache.

Between two convolutions at full size of a 2048x2048 image lie 0.5 GB, which a processor writes to memory and
reads back, and which the system hands out anew for every layer. A strip of rows passes through all layers of
a stage before the next one starts, with a few rows more on each side, which are cut off afterwards: the
result is the same.

Where outputs are wanted for a part of the image only, each stage computes what they depend on and no more: much
at first, and little where the network comes to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["InStrips", "Region", "Span", "Stage", "StageRunner", "run_whole"]

Stage = Callable[..., tuple[Tensor, ...]]
"""Some layers: tensors ``(B, C, H, W)`` in, tensors out."""

Span = tuple[int, int]
"""Half-open ``(start, stop)`` along an axis."""

Region = tuple[Span, ...]
"""Rows and columns."""


class StageRunner(Protocol):
    """How a network runs its stages."""

    def __call__(
        self,
        stage: Stage,
        *inputs: Tensor,
        units: tuple[int, ...],
        halo: tuple[int, ...],
        reach: tuple[int, ...],
        channels: int,
    ) -> tuple[Tensor, ...]:
        """Run one stage.

        Parameters
        ----------
        stage
            Its outputs depend on nearby inputs only.
        *inputs
            ``(B, C, H, W)``, each with a multiple of `units` rows and columns.
        units
            Rows and columns of the coarsest tensor that goes in or comes out.
        halo
            Units on each side, along rows and columns, that an output of the stage depends on.
        reach
            Pixels of the image on each side of a region, aligned to the network's stride, that the network's
            outputs for this region still depend on after the stage.
        channels
            Most channels of any tensor inside, at the size of the largest input.
        """


def run_whole(
    stage: Stage,
    *inputs: Tensor,
    units: tuple[int, ...],
    halo: tuple[int, ...],
    reach: tuple[int, ...],
    channels: int,
) -> tuple[Tensor, ...]:
    """Run a stage in one go."""
    return stage(*inputs)


@dataclass(frozen=True)
class InStrips:
    """Run stages on strips of rows; for inference, where no gradient is wanted.

    Attributes
    ----------
    nbytes
        Size of the largest tensor of one strip. Below 32 MB, glibc keeps the memory for the next strip.
    shape
        Rows and columns of the image; needed with `wanted`.
    wanted
        Where outputs are wanted, in pixels of the image; multiples of the network's stride. Elsewhere they are
        left at 0 or wrong. Everywhere if None.
    """

    nbytes: int = 8_000_000
    shape: tuple[int, ...] | None = None
    wanted: Region | None = None

    def __call__(
        self,
        stage: Stage,
        *inputs: Tensor,
        units: tuple[int, ...],
        halo: tuple[int, ...],
        reach: tuple[int, ...],
        channels: int,
    ) -> tuple[Tensor, ...]:
        """Run one stage; see `StageRunner`."""
        rows, columns = self._needed(units, reach)
        read_columns = _widened(columns, halo[1], units[1])
        largest = max(inputs, key=lambda x: x.shape[-2] * x.shape[-1])
        per_unit = channels * largest[0, 0].numel() // (units[0] * units[1])
        per_row = len(largest) * per_unit * (read_columns[1] - read_columns[0]) * largest.element_size()
        length = rows[1] - rows[0]
        count = -(-length * per_row // self.nbytes)
        step = max(-(-length // count), 4 * halo[0])  # the halo is computed twice
        if step >= units[0] and columns == (0, units[1]):
            return stage(*inputs)
        whole: list[Tensor] = []
        for start in range(rows[0], rows[1], step):
            done = (start, min(start + step, rows[1])), columns
            read = _widened(done[0], halo[0], units[0]), read_columns
            strips = stage(*(_part(x, units, read) for x in inputs))
            whole = whole or [_zero_outside((rows, columns), strip, read, units) for strip in strips]
            inner = tuple((a - r, b - r) for (a, b), (r, _) in zip(done, read, strict=True))
            lengths = [b - a for a, b in read]
            for target, strip in zip(whole, strips, strict=True):
                _part(target, units, done).copy_(_part(strip, lengths, inner))
        return tuple(whole)

    def _needed(self, units: tuple[int, ...], reach: tuple[int, ...]) -> Region:
        """Units of a stage's output that the wanted outputs depend on."""
        if self.wanted is None or self.shape is None:
            return (0, units[0]), (0, units[1])
        spans = []
        for (start, stop), margin, n, size in zip(self.wanted, reach, units, self.shape, strict=True):
            pixels = size // n
            spans.append((max(0, (start - margin) // pixels), min(n, -(-(stop + margin) // pixels))))
        return spans[0], spans[1]


def _widened(span: Span, margin: int, size: int) -> Span:
    return max(0, span[0] - margin), min(size, span[1] + margin)


def _part(x: Tensor, units: Sequence[int], region: Sequence[Span]) -> Tensor:
    """Some of the units, along rows and columns, that a tensor consists of."""
    rows, columns = (
        slice(start * (size // n), stop * (size // n))
        for size, n, (start, stop) in zip(x.shape[-2:], units, region, strict=True)
    )
    return x[:, :, rows, columns]


def _zero_outside(region: Region, strip: Tensor, read: Region, units: tuple[int, ...]) -> Tensor:
    """A tensor for all units of what `strip` holds for those that were read; not yet set within the region."""
    batch, channels, *sizes = strip.shape
    shape = [size // (b - a) * n for size, (a, b), n in zip(sizes, read, units, strict=True)]
    whole = torch.empty(
        (batch, channels, *shape),
        dtype=strip.dtype,
        device=strip.device,
        memory_format=torch.channels_last,
    )
    (top, bottom), (left, right) = region
    for rows, columns in (
        ((0, top), (0, units[1])),
        ((bottom, units[0]), (0, units[1])),
        ((top, bottom), (0, left)),
        ((top, bottom), (right, units[1])),
    ):
        _part(whole, units, (rows, columns)).zero_()
    return whole
