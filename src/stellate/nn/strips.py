"""Running the stages of a network on strips of rows, so that what passes between its layers stays in the cache.

Between two convolutions at full size of a 2048x2048 image lie 0.5 GB, which a processor writes to memory and
reads back, and which the system hands out anew for every layer. A strip of rows passes through all layers of
a stage before the next one starts, with a few rows more on each side, which are cut off afterwards: the
result is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["InStrips", "Stage", "StageRunner", "run_whole"]

Stage = Callable[..., tuple[Tensor, ...]]
"""Some layers: tensors ``(B, C, H, W)`` in, tensors out."""


class StageRunner(Protocol):
    """How a network runs its stages."""

    def __call__(
        self, stage: Stage, *inputs: Tensor, units: int, halo: int, channels: int
    ) -> tuple[Tensor, ...]:
        """Run one stage.

        Parameters
        ----------
        stage
            Its rows of output depend on nearby rows of input only.
        *inputs
            ``(B, C, H, W)``, each with a multiple of `units` rows.
        units
            Rows of the coarsest tensor that goes in or comes out.
        halo
            Units above and below that an output depends on.
        channels
            Most channels of any tensor inside, at the size of the largest input.
        """


def run_whole(stage: Stage, *inputs: Tensor, units: int, halo: int, channels: int) -> tuple[Tensor, ...]:
    """Run a stage in one go."""
    return stage(*inputs)


@dataclass(frozen=True)
class InStrips:
    """Run stages on strips of rows; for inference, where no gradient is wanted.

    Attributes
    ----------
    nbytes
        Size of the largest tensor of one strip. Below 32 MB, glibc keeps the memory for the next strip.
    """

    nbytes: int = 8_000_000

    def __call__(
        self, stage: Stage, *inputs: Tensor, units: int, halo: int, channels: int
    ) -> tuple[Tensor, ...]:
        """Run one stage; see `StageRunner`."""
        largest = max(inputs, key=lambda x: x.shape[-2] * x.shape[-1])
        batch, _, rows, columns = largest.shape
        per_unit = batch * channels * columns * (rows // units) * largest.element_size()
        count = -(-units * per_unit // self.nbytes)
        step = max(-(-units // count), 4 * halo)  # the halo is computed twice
        if step >= units:
            return stage(*inputs)
        whole: list[Tensor] = []
        for start in range(0, units, step):
            stop = min(start + step, units)
            first, last = max(0, start - halo), min(units, stop + halo)
            strips = stage(*(_rows(x, units, first, last) for x in inputs))
            if not whole:
                whole = [_empty(strip, units, last - first) for strip in strips]
            for target, strip in zip(whole, strips, strict=True):
                inner = _rows(strip, last - first, start - first, stop - first)
                _rows(target, units, start, stop).copy_(inner)
        return tuple(whole)


def _rows(x: Tensor, units: int, start: int, stop: int) -> Tensor:
    """Rows of some of the units that a tensor consists of."""
    per_unit = x.shape[-2] // units
    return x[:, :, start * per_unit : stop * per_unit]


def _empty(strip: Tensor, units: int, units_in_strip: int) -> Tensor:
    batch, channels, rows, columns = strip.shape
    shape = (batch, channels, rows // units_in_strip * units, columns)
    return torch.empty(shape, dtype=strip.dtype, device=strip.device, memory_format=torch.channels_last)
