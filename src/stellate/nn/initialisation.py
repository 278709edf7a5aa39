"""Weights to begin with."""

from __future__ import annotations

from torch import nn

__all__ = ["initialise_for_relu"]


def initialise_for_relu(module: nn.Module) -> None:
    """Normal weights of standard deviation ``sqrt(2 / fan_in)`` and zero biases, if `module` is a convolution.

    For ``network.apply``. He, Zhang, Ren, Sun: Delving Deep into Rectifiers, ICCV 2015, equation 10; SegNet and U-Net
    begin with them.
    """
    if isinstance(module, nn.Conv2d | nn.Conv3d):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
