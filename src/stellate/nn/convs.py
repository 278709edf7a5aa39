"""Convolutions at one size, each with its activation, of images or volumes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import nn

__all__ = ["ACTIVATIONS", "CONVOLUTIONS", "NORMS", "Convs", "after_convolution", "same_padding", "widest"]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "elu": nn.ELU,
    "selu": nn.SELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "linear": nn.Identity,
}

CONVOLUTIONS: dict[int, Any] = {2: nn.Conv2d, 3: nn.Conv3d}
"""Convolution by the number of axes; its weight is ``(out, in, *kernel_size)``."""

NORMS: dict[int, Any] = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
PADDINGS: dict[int, Any] = {2: nn.ZeroPad2d, 3: nn.ZeroPad3d}


class Convs(nn.Sequential):
    """Convolutions that keep the size unless told otherwise, each with an optional batch norm and an activation.

    Parameters
    ----------
    in_channels
        Channels of the input.
    widths
        Channels after each convolution.
    kernel_size
        Sides of the kernels: two, or three for volumes.
    norm
        Whether each convolution is followed by a batch norm, with the defaults of Keras.
    activations
        One of `ACTIVATIONS` for each convolution.
    stride
        Of the first convolution, along each axis; the size of its input must be a multiple. 1 if empty.
    bias
        Whether the convolutions have one.
    padding
        ``"same"``, or ``"valid"``: each convolution then takes ``kernel_size - 1`` pixels off each axis.
    """

    def __init__(
        self,
        in_channels: int,
        widths: Sequence[int],
        kernel_size: tuple[int, ...],
        *,
        norm: bool,
        activations: Sequence[str],
        stride: tuple[int, ...] = (),
        bias: bool = True,
        padding: str = "same",
    ) -> None:
        n_axes = len(kernel_size)
        layers: list[nn.Module] = []
        for width, activation in zip(widths, activations, strict=True):
            zeros = padding
            if padding == "same" and any(s > 1 for s in stride):
                layers.append(_padding(kernel_size, stride))
                zeros = "valid"
            conv = CONVOLUTIONS[n_axes]
            layers.append(conv(in_channels, width, kernel_size, stride=stride or 1, padding=zeros, bias=bias))
            layers += after_convolution(width, n_axes, norm=norm, activation=activation)
            in_channels, stride = width, ()
        super().__init__(*layers)


def after_convolution(width: int, n_axes: int, *, norm: bool, activation: str) -> list[nn.Module]:
    """What follows a convolution to `width` channels: a batch norm if asked for, and one of `ACTIVATIONS`."""
    # what Keras calls a momentum of 0.99 is 0.01 in torch
    norms = [NORMS[n_axes](width, eps=1e-3, momentum=0.01)] if norm else []
    return [*norms, ACTIVATIONS[activation]()]


def same_padding(kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after an axis, of a multiple of `stride` pixels, as Keras pads it.

    Examples
    --------
    >>> same_padding(3, 1), same_padding(3, 2)
    ((1, 1), (0, 1))
    """
    total = max(0, kernel - stride)
    return total // 2, total - total // 2


def _padding(kernel_size: tuple[int, ...], stride: tuple[int, ...]) -> nn.Module:
    pairs = [same_padding(k, s) for k, s in zip(kernel_size, stride, strict=True)]
    module: nn.Module = PADDINGS[len(pairs)](
        tuple(n for pair in reversed(pairs) for n in pair)
    )  # last axis first
    return module


def widest(module: nn.Module) -> int:
    """Most channels that go into or come out of any convolution of a module."""
    convs: list[Any] = [m for m in module.modules() if hasattr(m, "out_channels")]
    return max(max(m.in_channels, m.out_channels) for m in convs)
