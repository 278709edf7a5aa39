from __future__ import annotations

import pytest
import torch
from torch import nn

from stellate.nn.initialisation import initialise_for_relu


def test_relu_layers_keep_the_second_moment() -> None:
    """He et al. 2015: a ReLU halves it, so that what a convolution puts out has twice that of what comes in."""
    torch.manual_seed(0)
    conv = nn.Conv2d(64, 128, 3).apply(initialise_for_relu)
    x = torch.randn(2, 64, 32, 32).relu()
    assert conv(x).square().mean().item() == pytest.approx(2 * x.square().mean().item(), rel=0.1)
    assert not conv.bias.any()
