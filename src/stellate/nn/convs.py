"""Convolutions at one size, each with its activation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import nn

__all__ = ["ACTIVATIONS", "Convs", "widest"]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "elu": nn.ELU,
    "selu": nn.SELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "linear": nn.Identity,
}


class Convs(nn.Sequential):
    """Convolutions that keep the size, each followed by an optional batch norm and an activation.

    Parameters
    ----------
    in_channels
        Channels of the input.
    widths
        Channels after each convolution.
    kernel_size
        Rows and columns of the kernels.
    norm
        Whether each convolution is followed by a batch norm, with the defaults of Keras.
    activations
        One of `ACTIVATIONS` for each convolution.
    """

    def __init__(
        self,
        in_channels: int,
        widths: Sequence[int],
        kernel_size: tuple[int, int],
        *,
        norm: bool,
        activations: Sequence[str],
    ) -> None:
        layers: list[nn.Module] = []
        for width, activation in zip(widths, activations, strict=True):
            layers.append(nn.Conv2d(in_channels, width, kernel_size, padding="same"))
            if norm:
                # what Keras calls a momentum of 0.99 is 0.01 in torch
                layers.append(nn.BatchNorm2d(width, eps=1e-3, momentum=0.01))
            layers.append(ACTIVATIONS[activation]())
            in_channels = width
        super().__init__(*layers)


def widest(module: nn.Module) -> int:
    """Most channels that go into or come out of any convolution of a module."""
    convs = [m for m in module.modules() if isinstance(m, nn.Conv2d)]
    return max(max(m.in_channels, m.out_channels) for m in convs)
