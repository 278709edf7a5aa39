"""The ways up: from a small map to a larger one, without learning and with it.

Each works on images, ``(B, C, H, W)``, and on volumes, ``(B, C, D, H, W)``, and can be used alone:

nearest
    each value fills its cell.
bilinear
    values between the centres of cells are interpolated.
bed of nails
    each value stands in the first corner of its cell, the rest is zero.
max unpooling
    each value returns to where the maximum of its cell was found on the way down; the rest is zero.
transposed convolution
    each value scales a learned kernel; where kernels overlap, they add.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ConfigError, InputError, suggestion

__all__ = [
    "UPSCALINGS",
    "TransposedConvolution",
    "Upscale",
    "bed_of_nails",
    "bilinear",
    "kernels_per_pixel",
    "max_pool",
    "max_unpool",
    "nearest",
    "transposed_convolution",
]

UPSCALINGS = ("nearest", "bilinear", "bed-of-nails", "max-unpooling", "transposed")

LINEAR = {3: "linear", 4: "bilinear", 5: "trilinear"}
POOLINGS: dict[int, Any] = {4: functional.max_pool2d, 5: functional.max_pool3d}
UNPOOLINGS: dict[int, Any] = {4: functional.max_unpool2d, 5: functional.max_unpool3d}
TRANSPOSED: dict[int, Any] = {4: functional.conv_transpose2d, 5: functional.conv_transpose3d}


def nearest(x: Tensor, factor: Sequence[int]) -> Tensor:
    """Let each value fill its cell.

    Parameters
    ----------
    x
        ``(B, C, *spatial)``.
    factor
        Size of a cell along each axis; so in the functions below.

    Examples
    --------
    >>> nearest(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), (2, 2))[0, 0].int().tolist()
    [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    """
    return functional.interpolate(x, scale_factor=[float(f) for f in factor], mode="nearest")


def bilinear(x: Tensor, factor: Sequence[int]) -> Tensor:
    """Interpolate linearly between the centres of cells, along each axis; what lies beyond them is their value.

    Examples
    --------
    A step of 4 in quarters:

    >>> bilinear(torch.tensor([[[[0.0, 4.0]]]]), (2, 2))[0, 0].tolist()
    [[0.0, 1.0, 3.0, 4.0], [0.0, 1.0, 3.0, 4.0]]
    """
    size = [n * f for n, f in zip(x.shape[2:], factor, strict=True)]
    return functional.interpolate(x, size=size, mode=LINEAR[x.ndim], align_corners=False)


def bed_of_nails(x: Tensor, factor: Sequence[int]) -> Tensor:
    """Put each value into the first corner of its cell, and zeros around it.

    Examples
    --------
    >>> bed_of_nails(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), (2, 2))[0, 0].int().tolist()
    [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]]
    """
    size = [n * f for n, f in zip(x.shape[2:], factor, strict=True)]
    bed = x.new_zeros((*x.shape[:2], *size))
    corners: tuple[Any, ...] = (..., *(slice(None, None, f) for f in factor))
    bed[corners] = x
    return bed


def max_pool(x: Tensor, factor: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Take the maximum of each cell, and remember its place for `max_unpool`.

    Parameters
    ----------
    x
        ``(B, C, *spatial)``, the sides multiples of `factor`.
    factor
        Size of a cell along each axis.

    Returns
    -------
    maxima, places
        ``(B, C, *smaller)``; a place is an index into the flattened spatial axes, the first one of equal maxima.
    """
    maxima, places = POOLINGS[x.ndim](x, tuple(factor), return_indices=True)
    return maxima, places


def max_unpool(x: Tensor, places: Tensor, factor: Sequence[int]) -> Tensor:
    """Put each value where the maximum of its cell was, and zeros around it.

    Parameters
    ----------
    x
        ``(B, C, *spatial)``.
    places
        Of the same shape, from `max_pool`.
    factor
        Size of a cell along each axis.

    Examples
    --------
    >>> image = torch.tensor([[[[1.0, 2, 6, 3], [3, 5, 2, 1], [1, 2, 2, 1], [7, 3, 4, 8]]]])
    >>> maxima, places = max_pool(image, (2, 2))
    >>> maxima[0, 0].int().tolist()
    [[5, 6], [7, 8]]
    >>> max_unpool(torch.tensor([[[[1.0, 2], [3, 4]]]]), places, (2, 2))[0, 0].int().tolist()
    [[0, 0, 2, 0], [0, 1, 0, 0], [0, 0, 0, 0], [3, 0, 0, 4]]
    """
    larger: Tensor = UNPOOLINGS[x.ndim](x, places, tuple(factor))
    return larger


def transposed_convolution(x: Tensor, kernel: Tensor, stride: Sequence[int]) -> Tensor:
    """Let each value scale the kernel and stand where it is; add where scaled kernels overlap.

    Parameters
    ----------
    x
        ``(B, C, *spatial)``.
    kernel
        ``(C, C', *sides)``.
    stride
        Distance between the kernels of neighbouring values, along each axis.

    Returns
    -------
    Tensor
        ``(B, C', *larger)``, ``(n - 1) * stride + side`` long along an axis.

    Examples
    --------
    >>> x = torch.tensor([[[[6.0, 4.0], [2.0, 0.0]]]])
    >>> kernel = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> transposed_convolution(x, kernel, (1, 1))[0, 0].int().tolist()
    [[6, 16, 8], [20, 40, 16], [6, 8, 0]]
    """
    larger: Tensor = TRANSPOSED[x.ndim](x, kernel, stride=tuple(stride))
    return larger


def kernels_per_pixel(kernel: int, stride: int) -> tuple[int, ...]:
    """How many kernels of a transposed convolution overlap at each place of a cell, along one axis.

    Examples
    --------
    Evenly many where the stride divides the kernel; else the pattern of a checkerboard:

    >>> kernels_per_pixel(4, 2), kernels_per_pixel(3, 2)
    ((2, 2), (2, 1))
    """
    return tuple(-(-(kernel - place) // stride) for place in range(stride))


class TransposedConvolution(nn.Module):
    """A learned transposed convolution to `factor` times the size.

    Warns where the factor does not divide the kernel: some pixels then get more kernels than others, which shows as
    a checkerboard (Odena et al., Deconvolution and Checkerboard Artifacts, Distill 2016).

    Parameters
    ----------
    in_channels, out_channels
        Channels of the input and of the output.
    factor
        By which it enlarges each axis: its stride.
    kernel_size
        Sides of the kernel, `factor` at least; like `factor` if empty.
    """

    def __init__(
        self, in_channels: int, out_channels: int, factor: Sequence[int], kernel_size: Sequence[int] = ()
    ) -> None:
        super().__init__()
        kernel_size = tuple(kernel_size) or tuple(factor)
        self.factor = tuple(factor)
        self.weight = nn.Parameter(torch.empty((in_channels, out_channels, *kernel_size)))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        # each output adds up this many products, as a convolution its fan-in
        terms = in_channels * torch.Size(kernel_size).numel() / torch.Size(factor).numel()
        nn.init.normal_(self.weight, std=terms**-0.5)
        uneven = [(k, f) for k, f in zip(kernel_size, factor, strict=True) if k % f]
        if uneven:
            kernel, stride = uneven[0]
            counts = kernels_per_pixel(kernel, stride)
            warnings.warn(
                f"transposed convolution: with a kernel of {kernel} pixels and a stride of {stride}, {min(counts)} "
                f"or {max(counts)} kernels meet at a pixel in turn, which shows as a checkerboard; choose a "
                f"kernel of {stride} or {stride * -(-kernel // stride)}, or another way up",
                stacklevel=2,
            )

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in_channels, *spatial)`` to ``(B, out_channels, *(spatial * factor))``."""
        surplus = [k - f for k, f in zip(self.weight.shape[2:], self.factor, strict=True)]
        larger: Tensor = TRANSPOSED[x.ndim](
            x,
            self.weight,
            self.bias,
            stride=self.factor,
            padding=tuple(-(-n // 2) for n in surplus),
            output_padding=tuple(n % 2 for n in surplus),
        )
        return larger


class Upscale(nn.Module):
    """One of `UPSCALINGS`, chosen by name; it keeps the channels.

    Parameters
    ----------
    name
        One of `UPSCALINGS`.
    channels
        Of input and output.
    factor
        By which it enlarges each axis.
    kernel_size
        Sides of a transposed convolution's kernel; like `factor` if empty.

    Raises
    ------
    ConfigError
        If there is no upscaling of that name.
    """

    def __init__(
        self, name: str, channels: int, factor: Sequence[int], kernel_size: Sequence[int] = ()
    ) -> None:
        super().__init__()
        if name not in UPSCALINGS:
            raise ConfigError(f"upscaling {name!r} is not known{suggestion(name, UPSCALINGS)}")
        self.name, self.factor = name, tuple(factor)
        self.learned = (
            TransposedConvolution(channels, channels, factor, kernel_size) if name == "transposed" else None
        )

    def forward(self, x: Tensor, places: Tensor | None = None) -> Tensor:
        """Enlarge ``(B, C, *spatial)``; max unpooling needs the `places` of `max_pool`, which the others ignore."""
        if self.learned is not None:
            enlarged: Tensor = self.learned(x)
            return enlarged
        if self.name == "max-unpooling":
            if places is None:
                raise InputError("max-unpooling: expected the places that max_pool returned, got none")
            return max_unpool(x, places, self.factor)
        return {"nearest": nearest, "bilinear": bilinear, "bed-of-nails": bed_of_nails}[self.name](
            x, self.factor
        )
