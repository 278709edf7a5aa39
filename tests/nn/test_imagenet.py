"""Weights from the libraries of backbones, where they can be had and where they cannot; first convolutions."""

from __future__ import annotations

import socket
from typing import Any
from urllib.error import URLError

import pytest
import timm
import torch
from torch import nn
from torchvision import models as torchvision_models

from stellate.errors import ConfigError
from stellate.nn import imagenet
from stellate.nn.first_conv import adapted, with_channels
from stellate.nn.imagenet import fetch_imagenet, scale_of_imagenet


def test_scales_are_those_that_the_libraries_state() -> None:
    every = torchvision_models.list_models(module=torchvision_models)
    assert scale_of_imagenet("efficientnet_v2_l") == ((0.5,) * 3, (0.5,) * 3) != scale_of_imagenet("resnet18")
    for name in (n for n in every if n not in ("googlenet", "inception_v3")):
        stated: Any = torchvision_models.get_model_weights(name).DEFAULT.transforms()
        assert scale_of_imagenet(name) == (tuple(stated.mean), tuple(stated.std))
    # scaled by the network itself in torchvision, which is left out here
    assert scale_of_imagenet("googlenet") == scale_of_imagenet("inception_v3") == ((0.5,) * 3, (0.5,) * 3)
    known = timm.get_pretrained_cfg("vit_tiny_patch16_224")
    assert scale_of_imagenet("timm/vit_tiny_patch16_224") == (tuple(known.mean), tuple(known.std))


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_other_channels_all_have_the_mean(channels: int) -> None:
    mean, std = scale_of_imagenet("resnet18", channels)
    assert mean == (pytest.approx((0.485 + 0.456 + 0.406) / 3),) * channels
    assert std == (pytest.approx((0.229 + 0.224 + 0.225) / 3),) * channels


def test_what_the_library_has_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = []

    def state(self: Any, **how: Any) -> dict[str, torch.Tensor]:
        waited.append((socket.getdefaulttimeout(), how["check_hash"]))
        return {"conv1.weight": torch.ones(1)}

    enum = torchvision_models.ResNet18_Weights
    monkeypatch.setattr(enum, "get_state_dict", state)
    before = socket.getdefaulttimeout()
    assert list(fetch_imagenet("resnet18")) == ["conv1.weight"]
    assert waited == [(20.0, True)]
    assert socket.getdefaulttimeout() == before


@pytest.mark.parametrize(
    "error",
    [URLError("no route"), TimeoutError("timed out"), RuntimeError("invalid hash value"), ValueError("cut")],
)
def test_weights_that_cannot_be_had_are_told_with_what_can_be_done(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(backbone: str) -> Any:
        raise error

    monkeypatch.setattr(imagenet, "_of_torchvision", fail)
    monkeypatch.setattr(imagenet, "_of_timm", fail)
    for name in ("resnet18", "timm/test_resnet"):
        with pytest.raises(
            ConfigError, match=rf"weights imagenet of {name} cannot be fetched \(.*by hand.*weights none"
        ):
            fetch_imagenet(name)


def test_a_first_convolution_keeps_all_but_its_channels() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.ReLU(), nn.Sequential(nn.Conv2d(3, 4, (3, 5), 2, (1, 2), bias=True)), nn.Conv2d(4, 2, 1)
    )
    before: Any = net[1][0]
    grey = torch.rand(2, 1, 9, 11)
    expected = net(grey.expand(-1, 3, -1, -1))
    with_channels(net, 4)
    made: Any = net[1][0]
    assert (made.in_channels, made.kernel_size, made.stride, made.padding) == (4, (3, 5), (2, 2), (1, 2))
    torch.testing.assert_close(net(grey.expand(-1, 4, -1, -1)), expected)
    assert made.bias is not before.bias
    with_channels(net, 4)
    assert net[1][0] is made


def test_weights_are_shared_among_channels() -> None:
    weight = torch.arange(2 * 3.0).reshape(2, 3, 1, 1)
    assert adapted(weight, 3) is weight
    assert adapted(weight, 2).flatten(1).tolist() == [[1.5, 1.5], [6, 6]]
