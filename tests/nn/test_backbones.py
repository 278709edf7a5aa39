"""Backbones give what the networks of their libraries give before their last layer, and before they pool."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn
from torchvision import models as torchvision_models

from stellate.errors import ConfigError
from stellate.nn.backbones import Backbone, FeatureMap, backbone_names, library_of, stages

SIZE = (64, 96)
LAST = {"resnet18": "fc", "vgg11": "classifier.6", "alexnet": "classifier.6", "googlenet": "fc",
        "densenet121": "classifier", "mobilenet_v3_small": "classifier.3", "shufflenet_v2_x0_5": "fc",
        "efficientnet_b0": "classifier.1", "convnext_tiny": "classifier.2", "swin_t": "head"}  # fmt: skip
POOLED = {"resnet18": "avgpool", "vgg11": "avgpool", "alexnet": "avgpool", "googlenet": "avgpool",
          "mobilenet_v3_small": "avgpool", "efficientnet_b0": "avgpool", "convnext_tiny": "avgpool",
          "swin_t": "avgpool"}  # fmt: skip


def original(name: str, weights: dict[str, Tensor]) -> nn.Module:
    """The network of torchvision, with all weights that are the same."""
    more: dict[str, Any] = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    net = torchvision_models.get_model(name, weights=None, **more)
    net.load_state_dict({**net.state_dict(), **weights})
    return net.eval()


def given_to(net: nn.Module, layer: str, image: Tensor) -> Tensor:
    """What a layer of a network is given."""
    seen: list[Tensor] = []
    hook = net.get_submodule(layer).register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        net(image)
    hook.remove()
    return seen[0]


@pytest.mark.parametrize("name", LAST)
def test_features_are_what_the_last_layer_was_given(name: str) -> None:
    torch.manual_seed(0)
    backbone = Backbone(name, 3, SIZE).eval()
    image = torch.randn(2, 3, *SIZE)
    with torch.no_grad():
        features, auxiliary = backbone(image)
    expected = given_to(original(name, backbone.net.state_dict()), LAST[name], image)
    torch.testing.assert_close(features, expected)
    assert auxiliary == []
    assert features.shape == (2, backbone.n_features)


@pytest.mark.parametrize("name", POOLED)
def test_maps_are_what_is_pooled(name: str) -> None:
    torch.manual_seed(0)
    backbone = FeatureMap(name, 3, SIZE).eval()
    image = torch.randn(2, 3, *SIZE)
    with torch.no_grad():
        found = backbone(image)
    expected = given_to(original(name, backbone.net.state_dict()), POOLED[name], image)
    torch.testing.assert_close(found, expected)
    assert found.shape[1:] == (backbone.n_features, *backbone.map_size)


def test_the_map_of_densenet_is_rectified_as_its_own_code_does() -> None:
    torch.manual_seed(0)
    backbone = FeatureMap("densenet121", 3, SIZE).eval()
    image = torch.randn(1, 3, *SIZE)
    with torch.no_grad():
        pooled = backbone(image).mean(dim=(2, 3))
    expected = given_to(original("densenet121", backbone.net.state_dict()), "classifier", image)
    torch.testing.assert_close(pooled, expected)


@pytest.mark.parametrize(
    "name", ["timm/resnet10t", "timm/convnext_atto", "timm/swin_tiny_patch4_window7_224"]
)
def test_networks_of_timm(name: str) -> None:
    torch.manual_seed(0)
    vector, places = Backbone(name, 2, SIZE).eval(), FeatureMap(name, 2, SIZE).eval()
    places.net.load_state_dict(vector.net.state_dict())
    image = torch.randn(2, 2, *SIZE)
    with torch.no_grad():
        features, maps = vector(image)[0], places(image)
        own: Any = vector.net
        expected = own.forward_features(image)
    assert features.shape == (2, vector.n_features)
    assert maps.shape == (2, places.n_features, *places.map_size)
    torch.testing.assert_close(maps.sum(), expected.sum())
    assert library_of(name) == "timm"
    assert library_of("resnet18") == "torchvision"
    assert library_of("timm/resnet18") == "timm"
    assert set(timm.list_models()) <= set(backbone_names())


def test_auxiliary_classifiers_speak_in_training_only() -> None:
    torch.manual_seed(0)
    backbone = Backbone("googlenet", 3, SIZE, n_auxiliary=5)
    image = torch.randn(2, 3, *SIZE)
    features, auxiliary = backbone(image)
    assert [a.shape for a in auxiliary] == [(2, 5), (2, 5)]
    assert features.shape == (2, 1024)
    assert backbone.eval()(image)[1] == []
    assert Backbone("googlenet", 3, SIZE)(image)[1] == []


def test_auxiliary_classifiers_that_images_are_too_small_for_are_left_out() -> None:
    torch.manual_seed(0)
    features, auxiliary = Backbone("inception_v3", 3, (128, 128), n_auxiliary=5)(torch.randn(2, 3, 128, 128))
    assert features.shape == (2, 2048)
    assert auxiliary == []
    large = Backbone("inception_v3", 1, (299, 299), n_auxiliary=5)
    assert [a.shape for a in large(torch.randn(2, 1, 299, 299))[1]] == [(2, 5)]


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("name", ["resnet18", "alexnet", "convnext_tiny"])
def test_other_numbers_of_channels_keep_the_response_to_grey_pictures(name: str, channels: int) -> None:
    torch.manual_seed(0)
    colour = Backbone(name, 3, SIZE).eval()
    torch.manual_seed(0)
    other = Backbone(name, channels, SIZE).eval()
    grey = torch.randn(2, 1, *SIZE)
    with torch.no_grad():
        expected = colour(grey.expand(-1, 3, -1, -1))[0]
        found = other(grey.expand(-1, channels, -1, -1))[0]
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_stages_go_from_the_image_to_the_features() -> None:
    names = [name for name, _ in stages(Backbone("resnet18", 3, SIZE).net)]
    assert names == ["conv1", "bn1", "layer1", "layer2", "layer3", "layer4"]
    names = [name for name, _ in stages(Backbone("vgg11", 3, SIZE).net)]
    assert names == [*(f"features.{k}" for k in (0, 3, 6, 8, 11, 13, 16, 18)), "classifier.0", "classifier.3"]


def test_what_cannot_be_made_is_said() -> None:
    with pytest.raises(ConfigError, match=r"backbone 'resnet19' is not known; did you mean 'resnet1"):
        Backbone("resnet19", 3, SIZE)
    with pytest.raises(ConfigError, match="backbone 7 is not known"):
        library_of(7)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"alexnet cannot be used for images of 16 x 16 pixels.*input_size"):
        Backbone("alexnet", 3, (16, 16))
    with pytest.raises(ConfigError, match=r"vit_b_16.*square images only"):
        Backbone("vit_b_16", 3, SIZE)
    with pytest.raises(ConfigError, match=r"vit_b_16.*a CNN"):
        FeatureMap("vit_b_16", 3, (64, 64))
    with pytest.raises(ConfigError, match=r"vit_tiny_patch16_224 has no map of features.*take a CNN"):
        FeatureMap("timm/vit_tiny_patch16_224", 3, (64, 64))
