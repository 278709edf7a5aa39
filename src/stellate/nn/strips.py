"""Running the stages of a network on strips of rows, so that what passes between its layers stays in the cache.

Between two convolutions at full size of a 2048x2048 image lie 0.5 GB, which a processor writes to memory and
reads back, and which the system hands out anew for every layer. A strip of rows passes through all layers of
a stage before the next one starts, with a few rows more on each side, which are cut off afterwards: the
result is the same.

Where outputs are wanted for a part of the image only, each stage computes what they depend on and no more: much
at first, and little where the network comes to its end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from .parts import Part, Region, Span, cells

__all__ = ["InStrips", "Stage", "StageRunner", "run_whole"]

Stage = Callable[..., tuple[Tensor, ...]]
"""Some layers: tensors ``(B, C, H, W)`` in, tensors out."""


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
        Size of the largest tensor of one strip.
    part
        The tile that is being run: only what its wanted outputs depend on, and no earlier tile has computed, is
        computed. Elsewhere outputs are 0 or wrong. Everything if None.
    """

    nbytes: int = 16_000_000
    part: Part | None = None

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
        if self.part is None:
            region: Region = ((0, units[0]), (0, units[1]))
            return self._compute(stage, inputs, region, units=units, halo=halo, channels=channels)
        region, known = self.part.next_stage(units, reach)
        whole = self._compute(stage, inputs, region, units=units, halo=halo, channels=channels)
        for piece in known:
            for target, tensor in zip(whole, piece.tensors, strict=True):
                cells(target, units, piece.region).copy_(tensor)
        self.part.keep(whole, units, reach, region)
        return whole

    def _compute(
        self,
        stage: Stage,
        inputs: tuple[Tensor, ...],
        region: Region,
        *,
        units: tuple[int, ...],
        halo: tuple[int, ...],
        channels: int,
    ) -> tuple[Tensor, ...]:
        """The outputs of a stage, for a region; 0 elsewhere."""
        rows, columns = region
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
            strips = stage(*(cells(x, units, read) for x in inputs))
            whole = whole or [_zero_outside(region, strip, read, units) for strip in strips]
            inner = tuple((a - r, b - r) for (a, b), (r, _) in zip(done, read, strict=True))
            lengths = [b - a for a, b in read]
            for target, strip in zip(whole, strips, strict=True):
                cells(target, units, done).copy_(cells(strip, lengths, inner))
        return tuple(whole)


def _widened(span: Span, margin: int, size: int) -> Span:
    return max(0, span[0] - margin), min(size, span[1] + margin)


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
        cells(whole, units, (rows, columns)).zero_()
    return whole
