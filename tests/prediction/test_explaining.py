"""Grad-CAM against its definition, and on networks of several kinds."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch.nn import functional as F

from stellate.data.fitting import Fit
from stellate.errors import ConfigError
from stellate.models import build
from stellate.prediction.explaining import class_activation, on_image


def network(name: str, model: str = "classifier", side: int = 64) -> Any:
    torch.manual_seed(0)
    return build(
        model, {"backbone": name, "in_channels": 1, "input_size": (side, side), "n_classes": 3}
    ).eval()


def picture(side: int = 64) -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).normal(0, 1, (1, side, side)).astype(np.float32)


def test_it_is_what_the_paper_says() -> None:
    """Of ResNet's last map of at least 5 x 5, computed here in two halves instead of by hooks."""
    net = network("resnet18", side=160)
    pixels = picture(160)
    parts = net.backbone.net
    x = torch.from_numpy(pixels)[None]
    for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"):
        x = getattr(parts, name)(x)
    features = x.detach().requires_grad_()
    assert features.shape[2:] == (5, 5)
    logits = net.classes(parts.avgpool(features).flatten(1))[0]
    (slope,) = torch.autograd.grad(logits[logits.argmax()], features)
    heat = (slope.mean(dim=(2, 3), keepdim=True) * features).sum(dim=1, keepdim=True).relu().detach()
    expected = F.interpolate(heat, size=(160, 160), mode="bilinear", align_corners=False)[0, 0].numpy()
    np.testing.assert_allclose(class_activation(net, pixels), expected / expected.max(), atol=1e-4)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("squeezenet1_1", "classifier"),
        ("googlenet", "classifier"),
        ("shufflenet_v2_x0_5", "localizer"),
        ("swin_t", "classifier"),
        ("timm/test_resnet", "localizer"),
    ],
)
def test_networks_of_several_kinds(name: str, model: str) -> None:
    net = network(name, model)
    before = {n: t.clone() for n, t in net.state_dict().items()}
    found = class_activation(net, picture())
    assert (found.shape, found.dtype) == ((64, 64), np.float32)
    assert found.min() >= 0
    assert found.max() in (0, pytest.approx(1, abs=0.05))
    assert all(torch.equal(before[n], t) for n, t in net.state_dict().items())
    assert all(p.grad is None for p in net.parameters())


def test_the_channels_of_swin_come_last() -> None:
    """Its last map of at least 5 x 5 is that of the second stage, with the channels behind rows and columns."""
    net, pixels = network("swin_t", side=64), picture()
    parts = net.backbone.net
    features = parts.features[:4](torch.from_numpy(pixels)[None]).detach().requires_grad_()
    assert features.shape[:3] == (1, 8, 8)
    x = parts.permute(parts.norm(parts.features[4:](features)))
    logits = net.classes(parts.avgpool(x).flatten(1))[0]
    (slope,) = torch.autograd.grad(logits[logits.argmax()], features)
    heat = (slope.mean(dim=(1, 2), keepdim=True) * features).sum(dim=3).relu().detach()
    expected = F.interpolate(heat[None], size=(64, 64), mode="bilinear", align_corners=False)[0, 0].numpy()
    assert expected.max() > 0
    np.testing.assert_allclose(class_activation(net, pixels), expected / expected.max(), atol=1e-4)


def test_transformers_have_no_map() -> None:
    with pytest.raises(
        ConfigError, match=r"explain: the backbone timm/vit_tiny_patch16_224 has no map of features"
    ):
        class_activation(network("timm/vit_tiny_patch16_224"), picture())


def test_on_the_image_it_has_its_proportions() -> None:
    """The image fills the upper half of what the network saw."""
    heat = np.zeros((64, 64), np.float32)
    heat[:32, 48:] = 1
    heat[32:] = 9
    found = on_image(heat, Fit((100, 200), (64, 64)))
    assert found.shape == (100, 200)
    assert found.max() == 1
    assert (found[:, 160:] > 0.9).all()
    assert (found[:, :140] < 0.1).all()
    assert on_image(heat, Fit((3000, 6000), (64, 64))).shape == (1024, 2048)
    assert on_image(heat, Fit((1, 5000), (64, 64))).shape == (1, 2048)
