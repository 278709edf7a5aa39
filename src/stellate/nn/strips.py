"""Running the stages of a network on strips, so that what passes between its layers stays in the cache.

Between two convolutions at full size of a 2048x2048 image lie 0.5 GB, which a processor writes to memory and
reads back, and which the system hands out anew for every layer. A strip of rows passes through all layers of
a stage before the next one starts, with a few rows more on each side, which are cut off afterwards: the
result is the same. Of volumes, strips are of planes; there they save memory.

Where outputs are wanted for a part of the image only, each stage computes what they depend on and no more: much
at first, and little where the network comes to its end.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from .layout import best_layout
from .parts import Part, Region, Span, cells

__all__ = ["InStrips", "Stage", "StageRunner", "run_whole"]

Stage = Callable[..., tuple[Tensor, ...]]
"""Some layers: tensors ``(B, C, *spatial)`` in, tensors out."""


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
            ``(B, C, *spatial)``, the sides of each multiples of `units`.
        units
            Sides of the coarsest tensor that goes in or comes out.
        halo
            Units on each side, along each axis, that an output of the stage depends on.
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
    """Run stages on strips of rows, or of planes; for inference, where no gradient is wanted.

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
            region: Region = tuple((0, n) for n in units)
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
        (first, last), *rest = region
        read_rest = [_widened(span, h, n) for span, h, n in zip(rest, halo[1:], units[1:], strict=True)]
        largest = max(inputs, key=lambda x: x.shape[2:].numel())
        per_unit = channels * largest[0, 0].numel() // math.prod(units)
        per_row = len(largest) * per_unit * math.prod(b - a for a, b in read_rest) * largest.element_size()
        count = -(-(last - first) * per_row // self.nbytes)
        step = max(-(-(last - first) // count), 4 * halo[0])  # the halo is computed twice
        if step >= units[0] and all(span == (0, n) for span, n in zip(rest, units[1:], strict=True)):
            return stage(*inputs)
        whole: list[Tensor] = []
        for start in range(first, last, step):
            done = ((start, min(start + step, last)), *rest)
            read = (_widened(done[0], halo[0], units[0]), *read_rest)
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
        memory_format=best_layout(strip.ndim, strip.device, strip.dtype),
    )
    every: Region = tuple((0, n) for n in units)
    for axis, (start, stop) in enumerate(region):
        for span in ((0, start), (stop, units[axis])):
            cells(whole, units, (*region[:axis], span, *every[axis + 1 :])).zero_()
    return whole
