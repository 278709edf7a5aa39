"""Blocks of fast detectors: cross-stage partial layers, and pooling at several sizes at once.

Wang et al.: CSPNet, CVPR workshops 2020; He et al.: Spatial Pyramid Pooling, ECCV 2014, with one small window applied
again and again, which sees the same as larger ones.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["CspLayer", "NormedConv", "SpatialPyramid"]


class NormedConv(nn.Sequential):
    """A convolution without bias, batch norm, and SiLU; halves the size if its stride is 2.

    Parameters
    ----------
    in_channels, out_channels
        Channels of the input and of the output.
    kernel_size
        Side of the kernel; odd.
    stride
        1 or 2.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2, bias=False),
            nn.BatchNorm2d(out_channels, eps=1e-3, momentum=0.03),
            nn.SiLU(inplace=True),
        )


class CspLayer(nn.Module):
    """Half of the channels goes through bottlenecks, half around them; then both are joined.

    Parameters
    ----------
    in_channels, out_channels
        Channels of the input and of the output, the latter even.
    n_blocks
        Bottlenecks.
    shortcut
        Whether the input of each is added to its output.
    """

    def __init__(
        self, in_channels: int, out_channels: int, n_blocks: int = 1, *, shortcut: bool = True
    ) -> None:
        super().__init__()
        half = out_channels // 2
        self.through = NormedConv(in_channels, half, 1)
        self.around = NormedConv(in_channels, half, 1)
        self.blocks = nn.ModuleList(
            nn.Sequential(NormedConv(half, half, 1), NormedConv(half, half, 3)) for _ in range(n_blocks)
        )
        self.shortcut = shortcut
        self.joined = NormedConv(2 * half, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in_channels, H, W)`` to ``(B, out_channels, H, W)``."""
        through = self.through(x)
        for block in self.blocks:
            through = through + block(through) if self.shortcut else block(through)
        joined: Tensor = self.joined(torch.cat([through, self.around(x)], dim=1))
        return joined


class SpatialPyramid(nn.Module):
    """Maxima over windows of 5, 9 and 13 pixels beside the map itself.

    Parameters
    ----------
    channels
        Of the input and of the output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.reduced = NormedConv(channels, half, 1)
        self.pool = nn.MaxPool2d(5, stride=1, padding=2)
        self.joined = NormedConv(4 * half, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, channels, H, W)`` to the same."""
        maps = [self.reduced(x)]
        for _ in range(3):
            maps.append(self.pool(maps[-1]))
        joined: Tensor = self.joined(torch.cat(maps, dim=1))
        return joined
