"""Convolutions over a small map, repeated to a larger size, beside a map of that size: a step of the way up.

To repeat each pixel p times and convolve with a kernel of k is a transposed convolution of stride p with a kernel of
k + p - 1, the first one smeared over the p pixels. It computes the same with fewer multiplications, since the copies
of a pixel need not be multiplied one by one: of a 3x3 kernel after doubling, 16 per pixel of the small map instead of
36; in volumes, 64 instead of 216. Neither the larger copy of the small map nor the two maps side by side are ever in
memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from .convs import Convs

__all__ = ["GrowingConvs", "RepeatedBeside"]

_TRANSPOSED: dict[int, Any] = {2: functional.conv_transpose2d, 3: functional.conv_transpose3d}


class GrowingConvs(Convs):
    """Convolutions of a map that is first repeated to a larger size, and of others of that size beside it.

    Parameters
    ----------
    small_channels
        Channels of the small map.
    beside_channels
        Channels of the others together.
    widths
        Channels after each convolution.
    kernel_size
        Sides of the kernels: two, or three for volumes.
    scale
        How often each pixel is repeated along each axis.
    norm, activations
        As of `Convs`.
    """

    def __init__(
        self,
        small_channels: int,
        beside_channels: int,
        widths: Sequence[int],
        kernel_size: tuple[int, ...],
        *,
        scale: tuple[int, ...],
        norm: bool,
        activations: Sequence[str],
    ) -> None:
        channels = small_channels + beside_channels
        super().__init__(channels, widths, kernel_size, norm=norm, activations=activations)
        self.small_channels, self.scale = small_channels, scale

    def forward(self, small: Tensor, *beside: Tensor) -> Tensor:  # type: ignore[override]
        """``(B, C, *spatial)``, and others ``scale`` times as large, to ``(B, C', *larger)``."""
        first, *others = self
        if isinstance(first, RepeatedBeside):
            x = first(small, *beside)
        else:
            x = functional.interpolate(small, scale_factor=tuple(map(float, self.scale)), mode="nearest")
            x = first(torch.cat([x, *beside], dim=1))
        for layer in others:
            x = layer(x)
        return x


class RepeatedBeside(nn.Module):
    """The first convolution of `GrowingConvs`, with the ReLU after it, as oneDNN does both on a CPU.

    Parameters
    ----------
    conv
        The convolution: not strided, dilated or grouped.
    channels
        Channels of the small map.
    scale
        How often each of its pixels is repeated along each axis.
    padding
        Zeros on each side of each axis, such that the convolution keeps the size.
    """

    def __init__(self, conv: Any, channels: int, *, scale: tuple[int, ...], padding: tuple[int, ...]) -> None:
        super().__init__()
        weight = conv.weight.detach()
        self.small = nn.Parameter(smeared(weight[:, :channels], scale), requires_grad=False)
        self.beside = nn.Parameter(weight[:, channels:].clone(), requires_grad=False)
        self.bias = conv.bias
        self.in_channels, self.out_channels = self.beside.shape[1], conv.out_channels
        self.scale, self.padding = scale, padding

    def forward(self, small: Tensor, beside: Tensor) -> Tensor:
        """``(B, C, *spatial)``, and ``(B, D, *larger)``, to ``(B, C', *larger)``."""
        found: Tensor = _TRANSPOSED[small.ndim - 2](
            small, self.small, None, stride=self.scale, padding=self.padding
        )
        ones = (1,) * len(self.scale)
        steps = self.padding, ones, ones, 1
        torch.ops.mkldnn._convolution_pointwise_(
            found, beside, self.beside, self.bias, *steps, "add", 1.0, "relu", [], ""
        )
        return found


def smeared(weight: Tensor, scale: tuple[int, ...]) -> Tensor:
    """The kernel of the transposed convolution that does the same to a map as repeating and convolving it.

    Parameters
    ----------
    weight
        Kernel of the convolution ``(out, in, *sides)``.
    scale
        How often each pixel is repeated along each axis.

    Returns
    -------
    Tensor
        ``(in, out, *(side + scale - 1))``.

    Examples
    --------
    >>> smeared(torch.tensor([[[[1.0, 2.0, 3.0]]]]), (1, 2))
    tensor([[[[3., 5., 3., 1.]]]])
    """
    axes = tuple(range(2, weight.ndim))
    flipped = weight.flip(axes).transpose(0, 1)
    pairs = flipped.reshape(-1, 1, *flipped.shape[2:])
    found: Tensor = _TRANSPOSED[len(axes)](pairs, torch.ones(1, 1, *scale))
    return found.reshape(*flipped.shape[:2], *found.shape[2:])
