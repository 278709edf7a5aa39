"""Convolutions over a small map repeated to a larger size: the fast form gives what repeating and joining gives."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from stellate.nn.fused import fuse_relus
from stellate.nn.growing import GrowingConvs, RepeatedBeside

SHAPES = {
    "doubled": ((3, 3), (2, 2)),
    "one axis": ((3, 3), (1, 2)),
    "uneven": ((5, 3), (2, 4)),
    "one pixel": ((1, 1), (2, 2)),
    "volumes": ((3, 3, 3), (2, 2, 2)),
    "volumes of long voxels": ((3, 5, 5), (1, 2, 2)),
}


def _convs(name: str, *, beside: int = 5, activations: tuple[str, ...] = ("relu", "relu")) -> GrowingConvs:
    torch.manual_seed(0)
    kernel, scale = SHAPES[name]
    return GrowingConvs(4, beside, [6, 3], kernel, scale=scale, norm=False, activations=activations).eval()


def _maps(convs: GrowingConvs, *, beside: int = 5) -> list[torch.Tensor]:
    size = (4, 5, 3)[-len(convs.scale) :]
    larger = [n * s for n, s in zip(size, convs.scale, strict=True)]
    return [torch.randn(2, 4, *size), torch.randn(2, beside, *larger)]


@pytest.mark.parametrize("name", SHAPES)
def test_the_small_map_is_repeated_and_stands_before_the_other(name: str) -> None:
    convs = _convs(name)
    small, beside = _maps(convs)
    repeated = small
    for axis, times in enumerate(convs.scale, start=2):
        repeated = repeated.repeat_interleave(times, dim=axis)
    expected = nn.Sequential(*convs)(torch.cat([repeated, beside], dim=1))
    torch.testing.assert_close(convs(small, beside), expected)


@pytest.mark.parametrize("name", SHAPES)
def test_the_fast_form_gives_the_same(name: str) -> None:
    convs = _convs(name)
    fast = copy.deepcopy(convs)
    fuse_relus(fast)
    assert isinstance(fast[0], RepeatedBeside)
    assert not any(isinstance(layer, nn.ReLU) for layer in fast)
    maps = _maps(convs)
    with torch.inference_mode():
        expected = convs(*maps)
        assert (expected == 0).any()
        assert (expected > 0).any()
        torch.testing.assert_close(fast(*maps), expected, rtol=1e-5, atol=1e-5)
        layout = torch.channels_last if len(convs.scale) == 2 else torch.channels_last_3d
        fast, maps = fast.to(memory_format=layout), [m.contiguous(memory_format=layout) for m in maps]
        torch.testing.assert_close(fast(*maps), expected, rtol=1e-5, atol=1e-5)


def test_without_anything_beside_it() -> None:
    convs = _convs("doubled", beside=0)
    fast = copy.deepcopy(convs)
    fuse_relus(fast)
    small = torch.randn(1, 4, 3, 7)
    expected = nn.Sequential(*convs)(functional.interpolate(small, scale_factor=2.0, mode="nearest"))
    with torch.inference_mode():
        torch.testing.assert_close(fast(small), expected, rtol=1e-5, atol=1e-5)


def test_other_activations_are_left_as_they_are() -> None:
    convs = _convs("doubled", activations=("elu", "relu"))
    fuse_relus(convs)
    assert type(convs[0]) is nn.Conv2d
    assert isinstance(convs[1], nn.ELU)
