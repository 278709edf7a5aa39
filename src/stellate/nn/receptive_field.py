"""On which inputs the outputs of a chain of layers depend, along one axis.

A layer tells which span of its input a span of its output depends on. Going back through a chain, the span grows:
it is the receptive field of one output, and what it exceeds the outputs of a tile by is the halo of that tile.
Pixels beyond the border of an image count like others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Interpolation", "Layer", "Span", "Upscaling", "Window", "halo", "needed", "receptive_field"]

Span = tuple[int, int]
"""Half-open ``(start, stop)``."""


class Layer(Protocol):
    """A layer, along one axis."""

    def needs(self, span: Span) -> Span:
        """The span of inputs on which a span of outputs depends."""


@dataclass(frozen=True)
class Window:
    """A convolution or pooling.

    Attributes
    ----------
    kernel, stride, dilation
        As those of the layer.
    before
        Inputs before the first one that the first window reaches; those of a same-padded convolution if None.
    """

    kernel: int
    stride: int = 1
    dilation: int = 1
    before: int | None = None

    def needs(self, span: Span) -> Span:
        """See `Layer`."""
        reach = self.dilation * (self.kernel - 1)
        before = reach // 2 if self.before is None else self.before
        return span[0] * self.stride - before, (span[1] - 1) * self.stride - before + reach + 1


@dataclass(frozen=True)
class Upscaling:
    """A transposed convolution whose output is `factor` times as large as its input.

    Attributes
    ----------
    factor
        Its stride.
    kernel
        Side of its kernel. Nearest neighbour and unpooling are like one as large as `factor`, which is what 0 stands
        for; bed of nails is like one of 1.
    """

    factor: int
    kernel: int = 0

    def needs(self, span: Span) -> Span:
        """See `Layer`."""
        kernel = self.kernel or self.factor
        cut = max(0, -(-(kernel - self.factor) // 2))  # outputs left out before the first one
        first = -(-(span[0] + cut - kernel + 1) // self.factor)
        return first, (span[1] - 1 + cut) // self.factor + 1


@dataclass(frozen=True)
class Interpolation:
    """Linear interpolation to a multiple of the size, pixel edges on pixel edges.

    Attributes
    ----------
    factor
        Outputs per input.
    """

    factor: int

    def needs(self, span: Span) -> Span:
        """See `Layer`."""
        # output o lies at input (2 o + 1 - f) / 2 f
        first, last = (2 * i + 1 - self.factor for i in (span[0], span[1] - 1))
        return first // (2 * self.factor), -(-last // (2 * self.factor)) + 1


def needed(layers: Sequence[Layer], span: Span) -> Span:
    """The span of inputs of a chain of layers on which a span of its outputs depends.

    Examples
    --------
    Two 3x3 convolutions after a pooling:

    >>> needed([Window(2, stride=2, before=0), Window(3), Window(3)], (0, 1))
    (-4, 6)
    """
    for layer in reversed(layers):
        span = layer.needs(span)
    return span


def halo(layers: Sequence[Layer], stride: int) -> int:
    """Inputs on either side of a span, aligned to `stride`, on which the outputs at its place depend."""
    start, stop = needed(layers, (0, stride))
    return max(0, -start, stop - stride)


def receptive_field(layers: Sequence[Layer], outputs: Iterable[int] = (0,)) -> int:
    """Length of the longest span of inputs on which one of these outputs depends."""
    spans = [needed(layers, (i, i + 1)) for i in outputs]
    return max(stop - start for start, stop in spans)
