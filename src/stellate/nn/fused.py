"""Convolutions that oneDNN does on a CPU, with the ReLU after them: a pass over memory less.

The first one after a map was made larger takes the small map instead (see `stellate.nn.growing`). Those without a ReLU
are handed to oneDNN as well: torch keeps 1x1 convolutions to itself, and takes 1.6 times as long for those to many
channels.
"""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn

from .growing import GrowingConvs, RepeatedBeside

__all__ = ["fuse_relus"]


LEAST_CHANNELS = 16
"""To fewer channels than this, torch's own 1x1 convolutions are the faster ones."""


class ConvReLU2d(nn.Conv2d):
    """A 2D convolution and the ReLU that follows it."""

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C', H', W')``."""
        return _convolved(self, x, "relu")


class ConvReLU3d(nn.Conv3d):
    """A 3D convolution and the ReLU that follows it."""

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, D, H, W)`` to ``(B, C', D', H', W')``."""
        return _convolved(self, x, "relu")


class Pointwise2d(nn.Conv2d):
    """A 1x1 convolution."""

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(B, C', H, W)``."""
        return _convolved(self, x, "none")


FUSED: dict[type[nn.Module], Any] = {nn.Conv2d: ConvReLU2d, nn.Conv3d: ConvReLU3d}


def fuse_relus(network: nn.Module) -> None:
    """Let each convolution of a network apply the ReLU that follows it in a sequence, and oneDNN do the 1x1 ones.

    Parameters
    ----------
    network
        For inference on a CPU; changed in place. As it was where this torch has no oneDNN.
    """
    if not torch.backends.mkldnn.is_available() or not hasattr(torch.ops.mkldnn, "_convolution_pointwise"):
        return
    for block in [m for m in network.modules() if isinstance(m, nn.Sequential)]:
        if isinstance(block, GrowingConvs):
            _take_small_map(block)
        layers = [k for k, layer in enumerate(block) if not isinstance(layer, nn.Identity)]
        for k, after in itertools.pairwise(layers):
            conv = block[k]
            if type(conv) in FUSED and isinstance(block[after], nn.ReLU) and _padding(conv) is not None:
                block[k], block[after] = _as(FUSED[type(conv)], conv), nn.Identity()
    for parent in list(network.modules()):
        for name, conv in list(parent.named_children()):
            if type(conv) is not nn.Conv2d or conv.kernel_size != (1, 1) or _padding(conv) != (0, 0):
                continue
            if conv.out_channels >= LEAST_CHANNELS:
                setattr(parent, name, _as(Pointwise2d, conv))


def _take_small_map(block: GrowingConvs) -> None:
    """Let the first convolution of a block do without the larger copy of the small map."""
    conv: Any = block[0]
    after = next((k for k, layer in enumerate(block) if k and not isinstance(layer, nn.Identity)), 0)
    padding, small = _padding(conv), block.small_channels
    if not isinstance(block[after], nn.ReLU) or padding is None or not 0 < small < conv.in_channels:
        return
    if any(s > 1 for s in block.scale):
        block[0] = RepeatedBeside(conv, small, scale=block.scale, padding=padding)
        block[after] = nn.Identity()


def _padding(conv: Any) -> tuple[int, ...] | None:
    """Zeros on each side of each axis; None where there are other numbers or values of them."""
    if conv.padding_mode != "zeros":
        return None
    if conv.padding == "valid":
        return (0,) * len(conv.kernel_size)
    if conv.padding != "same":
        return tuple(conv.padding)
    reach = [d * (k - 1) for k, d in zip(conv.kernel_size, conv.dilation, strict=True)]
    return tuple(n // 2 for n in reach) if all(n % 2 == 0 for n in reach) else None


def _as(kind: Any, conv: Any) -> nn.Module:
    sizes = {name: getattr(conv, name) for name in ("stride", "dilation", "groups")}
    fused: nn.Module = kind(
        conv.in_channels, conv.out_channels, conv.kernel_size, padding=_padding(conv), device="meta", **sizes
    )
    fused.weight, fused.bias = conv.weight, conv.bias
    return fused.train(conv.training)


def _convolved(conv: Any, x: Tensor, after: str) -> Tensor:
    steps = conv.padding, conv.stride, conv.dilation, conv.groups
    found: Tensor = torch.ops.mkldnn._convolution_pointwise(x, conv.weight, conv.bias, *steps, after, [], "")
    return found
