"""A ResNet that keeps the size, or halves it along some axes in some of its blocks.

He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016. Laid out as in the StarDist package::

    two convolutions, 7 and 3 wide, without activation
    block   conv (strided), ... conv, each with activation but the last; + shortcut; activation
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from .convs import ACTIVATIONS, CONVOLUTIONS, Convs

__all__ = ["FIRST_KERNELS", "ResidualBlock", "ResidualNet"]

FIRST_KERNELS = (7, 3)
"""Sides of the kernels of the convolutions before the blocks."""

# A normal distribution that is cut off at twice its standard deviation has this one instead.
TRUNCATED_STD = 0.87962566103423978


class ResidualBlock(nn.Module):
    """Convolutions, to whose result the input is added.

    Parameters
    ----------
    in_channels, out_channels
        Channels of the input and of the output.
    kernel_size
        Sides of the kernels.
    stride
        Of the first convolution, along each axis.
    convs
        Number of convolutions.
    norm
        Whether batch norms follow them; then they have no bias.
    activation
        One of `stellate.nn.convs.ACTIVATIONS`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: tuple[int, ...],
        *,
        stride: tuple[int, ...],
        convs: int,
        norm: bool,
        activation: str,
    ) -> None:
        super().__init__()
        activations = [activation] * (convs - 1) + ["linear"]
        widths = [out_channels] * convs
        self.body = Convs(
            in_channels, widths, kernel_size, norm=norm, activations=activations, stride=stride, bias=not norm
        )
        self.shortcut: nn.Module = nn.Identity()
        if in_channels != out_channels or any(s > 1 for s in stride):
            conv = CONVOLUTIONS[len(kernel_size)]
            self.shortcut = conv(in_channels, out_channels, 1, stride=stride, bias=not norm)
        self.activation = ACTIVATIONS[activation]()

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, in_channels, ...)`` to ``(B, out_channels, ...)``."""
        out: Tensor = self.activation(self.body(x) + self.shortcut(x))
        return out


class ResidualNet(nn.Sequential):
    """Two convolutions and a number of blocks; channels double where a block has a stride.

    Parameters
    ----------
    in_channels
        Channels of the input.
    width
        Channels after the first convolutions.
    kernel_size
        Sides of the kernels of the blocks.
    strides
        Of each block, along each axis: 1 or 2.
    convs
        Convolutions in each block.
    norm
        Whether batch norms follow those.
    activation
        One of `stellate.nn.convs.ACTIVATIONS`.
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        kernel_size: tuple[int, ...],
        *,
        strides: Sequence[tuple[int, ...]],
        convs: int,
        norm: bool,
        activation: str,
    ) -> None:
        conv = CONVOLUTIONS[len(kernel_size)]
        first, second = FIRST_KERNELS
        layers: list[nn.Module] = [
            conv(in_channels, width, first, padding="same"),
            conv(width, width, second, padding="same"),
        ]
        for stride in strides:
            wider = 2 * width if any(s > 1 for s in stride) else width
            layers.append(
                ResidualBlock(
                    width, wider, kernel_size, stride=stride, convs=convs, norm=norm, activation=activation
                )
            )
            width = wider
        super().__init__(*layers)
        self.out_channels = width
        self.apply(_initialise)


def _initialise(module: nn.Module) -> None:
    """Normal weights after He et al. (2015), cut off at twice their standard deviation, and zero biases, like Keras."""
    if isinstance(module, nn.Conv2d | nn.Conv3d):
        fan_in = module.weight[0].numel()
        std = (2 / fan_in) ** 0.5 / TRUNCATED_STD
        nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
