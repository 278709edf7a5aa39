"""Fused convolutions give what the layers give one after the other."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from stellate.nn.fused import FUSED, Pointwise2d, fuse_relus

CONVS = {
    "same": lambda: nn.Conv2d(3, 8, 3, padding="same"),
    "valid, strided": lambda: nn.Conv2d(3, 8, (5, 3), stride=2, padding="valid"),
    "dilated": lambda: nn.Conv2d(3, 8, 3, padding="same", dilation=2),
    "explicit padding, no bias": lambda: nn.Conv2d(3, 8, 3, padding=(2, 0), bias=False),
    "grouped": lambda: nn.Conv2d(4, 8, 3, padding=1, groups=2),
    "volumes": lambda: nn.Conv3d(2, 4, (1, 3, 3), padding="same"),
}
LEFT = {
    "an even kernel, padded unevenly": lambda: nn.Conv2d(3, 8, 2, padding="same"),
    "padded by reflection": lambda: nn.Conv2d(3, 8, 3, padding=1, padding_mode="reflect"),
}


def _both(conv: nn.Module) -> tuple[nn.Module, nn.Module, torch.Tensor]:
    plain = nn.Sequential(conv, nn.Identity(), nn.ReLU(inplace=True), nn.MaxPool2d(1)).eval()
    if isinstance(conv, nn.Conv3d):
        plain = plain[:3]
    fused = copy.deepcopy(plain)
    fuse_relus(fused)
    side = (12, 15) if isinstance(conv, nn.Conv2d) else (3, 9, 12)
    generator = torch.Generator().manual_seed(1)
    return plain, fused, torch.randn(2, conv.in_channels, *side, generator=generator)


@pytest.mark.parametrize("name", CONVS)
def test_same_values_in_fewer_layers(name: str) -> None:
    torch.manual_seed(0)
    plain, fused, x = _both(CONVS[name]())
    with torch.inference_mode():
        torch.testing.assert_close(fused(x), plain(x), rtol=1e-5, atol=1e-6)
        assert (plain(x) == 0).any()
        assert (plain(x) > 0).any()
    assert isinstance(fused[0], tuple(FUSED.values()))
    assert not any(isinstance(layer, nn.ReLU) for layer in fused)


@pytest.mark.parametrize("name", LEFT)
def test_other_paddings_are_left_as_they_are(name: str) -> None:
    plain, fused, x = _both(LEFT[name]())
    assert type(fused[0]) is nn.Conv2d
    assert isinstance(fused[2], nn.ReLU)
    with torch.inference_mode():
        torch.testing.assert_close(fused(x), plain(x))


def test_a_relu_after_something_else_stays() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ELU(), nn.ReLU())
    fuse_relus(network)
    assert type(network[0]) is nn.Conv2d
    assert isinstance(network[2], nn.ReLU)


@pytest.mark.parametrize(("channels", "kind"), [(3, nn.Conv2d), (32, Pointwise2d)])
def test_pointwise_convolutions_to_many_channels(channels: int, kind: type[nn.Module]) -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, channels, 1)).eval()
    fused = copy.deepcopy(plain)
    fuse_relus(fused)
    assert type(fused[2]) is kind
    x = torch.randn(2, 8, 9, 7).contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        torch.testing.assert_close(fused(x), plain(x), rtol=1e-5, atol=1e-6)
        assert fused(x).is_contiguous(memory_format=torch.channels_last)
