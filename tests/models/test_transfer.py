"""Weights of other networks, from several kinds of files: what fits is taken, what does not is said."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torchvision import models as torchvision_models

from stellate.errors import ConfigError, ModelFileError
from stellate.models import build
from stellate.models.file import ModelInfo, load_model, save_model
from stellate.models.transfer import Weights, read_weights, take_weights

SMALL: dict[str, Any] = {"backbone": "resnet18", "input_size": (64, 64)}


def classifier(**more: Any) -> Any:
    torch.manual_seed(1)
    return build("classifier", {**SMALL, **more})


@pytest.fixture(scope="module")
def trained() -> Any:
    torch.manual_seed(7)
    return torchvision_models.resnet18(weights=None)


def same(network: Any, trained: Any, name: str = "layer3.0.conv1.weight") -> bool:
    return torch.equal(network.backbone.net.state_dict()[name], trained.state_dict()[name])


@pytest.mark.parametrize("wrapped", [{}, {"state_dict"}, {"model"}])
@pytest.mark.parametrize("prefix", ["", "module.", "model.encoder."])
def test_a_checkpoint_with_whatever_stands_before_the_names(
    trained: Any, tmp_path: Path, wrapped: set[str], prefix: str
) -> None:
    state: dict[str, Any] = {prefix + name: value for name, value in trained.state_dict().items()}
    content = {next(iter(wrapped)): state, "epoch": 3} if wrapped else state
    torch.save(content, tmp_path / "trained.pth")
    network = classifier()
    taken = take_weights(network, read_weights(tmp_path / "trained.pth"))
    own = network.backbone.net.state_dict()
    assert all(torch.equal(own[name], value) for name, value in trained.state_dict().items() if name in own)
    assert taken.taken == taken.wanted == len(own)
    assert str(taken) == f"{len(own)} of the backbone's {len(own)} tensors taken"


@pytest.mark.parametrize(
    ("backbone", "now", "once"),
    [
        ("densenet121", r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2."),
        ("vit_b_32", r"\.mlp\.(0|3)\.", lambda found: f".mlp.linear_{1 + int(found[1]) // 3}."),
    ],
)
def test_names_that_layers_had_once_are_known(backbone: str, now: str, once: Any) -> None:
    network = classifier(backbone=backbone)
    trained = {name: value + 1 for name, value in network.backbone.net.state_dict().items()}
    published = {re.sub(now, once, name): value for name, value in trained.items()}
    assert published.keys() != trained.keys()
    taken = take_weights(network, Weights("published", published))
    assert taken.taken == taken.wanted
    assert all(torch.equal(value, trained[name]) for name, value in network.backbone.net.state_dict().items())


def test_weights_of_mnasnet_need_no_version(tmp_path: Path) -> None:
    network = classifier(backbone="mnasnet0_5")
    info = ModelInfo("m", "classifier", "classification", asdict(network.config), class_names=("a", "b"))
    save_model(tmp_path / "m.safetensors", network, info)
    again, _ = load_model(tmp_path / "m.safetensors")
    other = classifier(backbone="mnasnet0_5")
    take_weights(other, read_weights(tmp_path / "m.safetensors"))
    for made in (again, other):
        own: Any = made.backbone
        assert torch.equal(own.net.layers[0].weight, network.backbone.net.layers[0].weight)


def test_a_state_dict_as_safetensors(trained: Any, tmp_path: Path) -> None:
    save_file(trained.state_dict(), tmp_path / "trained.safetensors")
    weights = read_weights(tmp_path / "trained.safetensors")
    assert weights.normalization is None
    network = classifier()
    take_weights(network, weights)
    assert same(network, trained)


def test_a_localizer_takes_the_backbone_of_a_classifier_and_its_normalisation_travels(tmp_path: Path) -> None:
    first = classifier(n_classes=3)
    info = ModelInfo(
        "first", "classifier", "classification", {**SMALL, "n_classes": 3}, normalization={"low": 3.0}
    )
    file = save_model(tmp_path / "first.safetensors", first, info)
    weights = read_weights(file)
    assert weights.normalization == {"low": 3.0}
    torch.manual_seed(2)
    second: Any = build("localizer", SMALL)
    taken = take_weights(second, weights)
    assert taken.taken == taken.wanted
    own, others = second.backbone.net.state_dict(), first.backbone.net.state_dict()
    assert all(torch.equal(own[name], others[name]) for name in own)


def test_the_encoder_of_a_unet(tmp_path: Path) -> None:
    torch.manual_seed(3)
    config = {"encoder": "resnet18", "in_channels": 3, "depth": 5, "n_classes": 2}
    unet: Any = build("unet", config)
    file = save_model(tmp_path / "unet.safetensors", unet, ModelInfo("u", "unet", "segmentation", config))
    network = classifier()
    taken = take_weights(network, read_weights(file))
    assert taken.taken == taken.wanted
    expected = unet.encoded.encoder.state_dict()["layer4.1.conv2.weight"]
    assert torch.equal(network.backbone.net.state_dict()["layer4.1.conv2.weight"], expected)


def test_other_channels_are_adapted_and_said(trained: Any) -> None:
    network = classifier(in_channels=2)
    taken = take_weights(network, Weights("colours", trained.state_dict()))
    assert taken.adapted == ("conv1.weight",)
    assert "conv1.weight adapted to the channels" in str(taken)
    first = network.backbone.net.conv1.weight
    torch.testing.assert_close(first.sum(dim=1), trained.conv1.weight.sum(dim=1))


def test_what_does_not_fit_is_said(trained: Any) -> None:
    state = dict(trained.state_dict())
    del state["layer1.0.conv1.weight"]
    state["layer4.1.conv2.weight"] = torch.zeros(3, 3)
    network = classifier()
    before = network.backbone.net.state_dict()["layer4.1.conv2.weight"].clone()
    taken = take_weights(network, Weights("some", state))
    assert taken.missing == ("layer1.0.conv1.weight",)
    assert taken.misfits == ("layer4.1.conv2.weight (3 x 3, here 512 x 512 x 3 x 3)",)
    assert "of another shape: layer4.1.conv2.weight" in str(taken)
    assert torch.equal(network.backbone.net.state_dict()["layer4.1.conv2.weight"], before)
    assert same(network, trained)


def test_weights_that_fit_nothing_are_refused(tmp_path: Path) -> None:
    torch.save({"a.weight": torch.zeros(2, 2)}, tmp_path / "other.pt")
    words = r"weights other.pt: nothing of them fits the backbone resnet18 .*not in the weights: conv1.weight"
    with pytest.raises(ConfigError, match=words):
        take_weights(classifier(), read_weights(tmp_path / "other.pt"))
    # batch statistics alone, which have one axis, are no weights to begin with
    vgg = torchvision_models.vgg11(weights=None).state_dict()
    with pytest.raises(ConfigError, match="nothing of them fits"):
        take_weights(classifier(), Weights("vgg", vgg))


def test_weights_that_are_no_numbers_are_refused(trained: Any) -> None:
    state = {**trained.state_dict(), "conv1.weight": torch.full_like(trained.conv1.weight, torch.nan)}
    with pytest.raises(ConfigError, match=r"conv1.weight has values that are not finite"):
        take_weights(classifier(), Weights("bad", state))


class Dangerous:
    def __reduce__(self) -> Any:
        return (Path.write_text, (Path("/nowhere/at/all"), "x"))


def test_files_that_hold_no_weights(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="there is no such file"):
        read_weights(tmp_path / "none.pth")
    torch.save({"state_dict": Dangerous()}, tmp_path / "objects.pth")
    with pytest.raises(ModelFileError, match=r"no weights can be read from it.*save the state dict alone"):
        read_weights(tmp_path / "objects.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ModelFileError, match="holds no weights by name"):
        read_weights(tmp_path / "list.pth")
    (tmp_path / "cut.pth").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ModelFileError, match=re.escape("cut.pth: no weights can be read from it")):
        read_weights(tmp_path / "cut.pth")
    # a web page saved by mistake, and texts that a pickle begins like
    for content in (b"<!DOCTYPE html>", b"\x80\x02.", b"\x80\x02(\x85\x88", b"\x80\x02G1"):
        (tmp_path / "other.pth").write_bytes(content)
        with pytest.raises(ModelFileError, match=re.escape("other.pth: no weights can be read from it")):
            read_weights(tmp_path / "other.pth")
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00{")
    with pytest.raises(ModelFileError, match=r"cut.safetensors"):
        read_weights(tmp_path / "cut.safetensors")
