"""What all networks that name the class of every pixel have in common."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stellate.errors import ConfigError, InputError
from stellate.geometry.tiles import plan_tiles
from stellate.models import MODELS, entry, segnet
from stellate.models.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from stellate.models.fully_convolutional import FullyConvolutional, FullyConvolutionalConfig
from stellate.models.segnet import SegNet, SegNetConfig
from stellate.models.sliding_window import SlidingWindow, SlidingWindowConfig
from stellate.models.unet import UNet, UNetConfig
from stellate.nn import upsampling
from stellate.nn.upsampling import nearest

spec = importlib.util.spec_from_file_location("contract", Path(__file__).with_name("contract.py"))
assert spec is not None
assert spec.loader is not None
contract = importlib.util.module_from_spec(spec)
spec.loader.exec_module(contract)

Networks = dict[str, tuple[Callable[[Any], nn.Module], Any]]

WINDOW: dict[str, Any] = {"base_channels": 2, "hidden_channels": 3, "patches_at_a_time": 100}
NETWORKS: Networks = {
    "sliding window": (SlidingWindow, SlidingWindowConfig(patch_size=18, depth=1, **WINDOW)),
    "odd patch, steps": (
        SlidingWindow,
        SlidingWindowConfig(patch_size=19, depth=2, step=3, **WINDOW, convs_per_level=1),
    ),
    "its twin": (SlidingWindow, SlidingWindowConfig(patch_size=28, convolutional=True, **WINDOW)),
    "its twin, odd, steps": (
        SlidingWindow,
        SlidingWindowConfig(patch_size=31, step=4, convolutional=True, **WINDOW),
    ),
    "fully convolutional": (FullyConvolutional, FullyConvolutionalConfig(channels=3, n_layers=4)),
    "dilated": (
        FullyConvolutional,
        FullyConvolutionalConfig(channels=3, n_layers=3, kernel_size=5, dilations=(1, 3, 2)),
    ),
    "nearest": (EncoderDecoder, EncoderDecoderConfig(base_channels=2, upscaling="nearest")),
    "bilinear": (EncoderDecoder, EncoderDecoderConfig(base_channels=2)),
    "bed of nails": (
        EncoderDecoder,
        EncoderDecoderConfig(base_channels=2, upscaling="bed-of-nails", depth=2),
    ),
    "unpooling": (EncoderDecoder, EncoderDecoderConfig(base_channels=2, upscaling="max-unpooling", depth=2)),
    "transposed": (EncoderDecoder, EncoderDecoderConfig(base_channels=2, upscaling="transposed", depth=2)),
    "transposed 4": (
        EncoderDecoder,
        EncoderDecoderConfig(base_channels=2, upscaling="transposed", transposed_kernel=4, convs_per_level=1),
    ),
    "segnet": (SegNet, SegNetConfig(base_channels=1)),
    "segnet basic": (SegNet, SegNetConfig(base_channels=2, variant="basic")),
    "unet": (UNet, UNetConfig(base_channels=2, depth=3)),
    "unet, valid": (UNet, UNetConfig(base_channels=2, depth=3, padding="valid")),
    "unet, valid, nearest": (
        UNet,
        UNetConfig(
            base_channels=2,
            depth=2,
            padding="valid",
            upscaling="nearest",
            kernel_size=(5, 3),
            convs_per_level=1,
        ),
    ),
    "unet, pool 3": (UNet, UNetConfig(base_channels=2, depth=2, pool=(3, 2), upscaling="bilinear")),
    "unet, pool 3, valid": (UNet, UNetConfig(base_channels=2, depth=2, pool=(3, 2), padding="valid")),
    "unet, no depth, valid": (UNet, UNetConfig(base_channels=2, depth=0, padding="valid")),
}
VOLUMES: Networks = {
    "unet": (UNet, UNetConfig(base_channels=2, depth=1, grid=(1, 1, 1), pool=(1, 2, 2), max_channels=3)),
    "unet, valid": (
        UNet,
        UNetConfig(base_channels=1, depth=1, grid=(1, 1, 1), padding="valid", convs_per_level=1),
    ),
}


def network(make: Callable[[Any], nn.Module], config: Any) -> nn.Module:
    """In double, with batch norms that do something."""
    torch.manual_seed(0)
    made = make(config).double().eval()
    for layer in made.modules():
        if isinstance(layer, nn.BatchNorm2d | nn.BatchNorm3d):
            layer.running_mean.normal_(std=0.1)
            layer.running_var.uniform_(0.5, 1.5)
    return made


def influence(make: Callable[[Any], nn.Module], config: Any, axis: int) -> tuple[Tensor, int]:
    """Which pixels (first axis) change which outputs (second axis), along one axis of the image; and a middle pixel.

    Biases are zero and weights positive, so that an image that is zero but for one line of ones gives zero wherever
    that line does not count, and more where it does.
    """
    made = make(config).double().eval()
    for name, parameter in made.named_parameters():
        parameter.data.fill_(0.0 if name.endswith("bias") else 0.5)
    stride, reach = config.stride[axis], config.halo[axis]
    middle = stride * (-(-reach // stride) + 1)
    length = 2 * middle + stride
    shape = [*config.stride]
    shape[axis] = length
    lines = torch.zeros(length, config.in_channels, *shape, dtype=torch.float64)
    lines.movedim(2 + axis, 2)[range(length), :, range(length)] = 1
    with torch.inference_mode():
        found = torch.cat([made(part)["classes"] for part in lines.split(32)])
    others = [a for a in range(1, found.ndim) if a != 2 + axis]
    return found.abs().amax(others) > 0, middle


@pytest.mark.parametrize(
    ("make", "config"), [*NETWORKS.values(), VOLUMES["unet"]], ids=[*NETWORKS, "volumes"]
)
def test_halo_and_receptive_field_are_what_counts(
    make: Callable[[Any], nn.Module], config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # where a maximum stands can be anywhere in its cell
    for module in (upsampling, segnet):
        monkeypatch.setattr(module, "max_unpool", lambda x, places, factor: nearest(x, factor))
    for axis, stride in enumerate(config.stride):
        counts, middle = influence(make, config, axis)
        outputs = range(middle, middle + stride)
        pixels = counts[:, outputs].any(1).nonzero().ravel() - middle
        assert max(-int(pixels[0]), int(pixels[-1]) + 1 - stride) == config.halo[axis]
        spans = [counts[:, output].nonzero().ravel() for output in outputs]
        assert max(int(span[-1] - span[0]) + 1 for span in spans) == config.receptive_field[axis]


@pytest.mark.parametrize(("make", "config"), NETWORKS.values(), ids=NETWORKS)
def test_tiles_are_as_in_the_whole(make: Callable[[Any], nn.Module], config: Any) -> None:
    made = network(make, config)
    side = tuple(s * (2 * -(-h // s) + 2) for h, s in zip(config.halo, config.stride, strict=True))
    shape = tuple(n + s for n, s in zip(side, config.stride, strict=True))
    image = torch.randn(1, config.in_channels, *shape, dtype=torch.float64)
    halo = tuple(-(-h // s) * s for h, s in zip(config.halo, config.stride, strict=True))
    with torch.inference_mode():
        whole = made(image)["classes"]
        tiles = list(plan_tiles(shape, side, halo=halo, multiple=config.stride))
        assert len(tiles) > 1
        for tile in tiles:
            part = made(image[(..., *tile.read_slices)])["classes"]
            torch.testing.assert_close(
                part[(..., *tile.own_in_read)], whole[(..., *tile.own_slices)], atol=1e-10, rtol=1e-10
            )


@pytest.mark.parametrize(
    ("make", "config"),
    [*NETWORKS.values(), *VOLUMES.values()],
    ids=[*NETWORKS, *(f"{name}, volumes" for name in VOLUMES)],
)
def test_contract(make: Callable[[Any], nn.Module], config: Any, tmp_path: Path) -> None:
    model = next(m for m in MODELS if m.class_name == make.__name__)  # type: ignore[attr-defined]
    small = {name: getattr(config, name) for name in config.__dataclass_fields__} | {"n_classes": 3}
    contract.check_model(model, small, tmp_path)


@pytest.mark.parametrize("encoder", ["resnet18", "mit_b0"])
def test_contract_with_an_encoder_by_name(encoder: str, tmp_path: Path) -> None:
    """Its model file is read without the weights that it began with; transformers read tensors as they are made."""
    pytest.importorskip("segmentation_models_pytorch", reason="an optional extra")
    small = {"encoder": encoder, "depth": 4, "base_channels": 4, "in_channels": 2, "n_classes": 3}
    contract.check_model(entry("unet"), small, tmp_path)


@pytest.mark.parametrize(
    ("make", "config"),
    [*NETWORKS.values(), *VOLUMES.values()],
    ids=[*NETWORKS, *(f"{n}, volumes" for n in VOLUMES)],
)
def test_a_logit_per_class_for_every_pixel(make: Callable[[Any], nn.Module], config: Any) -> None:
    values = {name: getattr(config, name) for name in config.__dataclass_fields__}
    made = network(make, type(config)(**values | {"in_channels": 3, "n_classes": 5}))
    sides = [2 * s for s in config.stride]
    sides[-1] += config.stride[-1]
    with torch.inference_mode():
        maps = made(torch.randn(2, 3, *sides, dtype=torch.float64))
    assert list(maps) == ["classes"]
    assert maps["classes"].shape == (2, 5, *sides)
    assert config.grid == (1,) * len(sides)
    # no two pixels alike would be a network that sees nothing
    assert maps["classes"].std() > 1e-3


@pytest.mark.parametrize("make", [SlidingWindow, FullyConvolutional, EncoderDecoder, SegNet, UNet])
def test_images_that_do_not_fit_are_refused(make: Callable[[Any], nn.Module]) -> None:
    with torch.device("meta"):
        made: Any = make(None)
        stride = made.config.stride[0]
        with pytest.raises(InputError, match="3 channels: this network takes 1"):
            made(torch.zeros(1, 3, 64, 64))
        with pytest.raises(InputError, match="3 axes: this network takes 2"):
            made(torch.zeros(1, 1, 64, 64, 64))
        if stride > 1:
            with pytest.raises(InputError, match=r"\(64, 65\) pixels.*multiples of"):
                made(torch.zeros(1, 1, 64, 65))


@pytest.mark.parametrize(
    ("config", "settings", "words"),
    [
        (SlidingWindowConfig, {"patch_size": 15}, "patch_size 15.*leave nothing.*at least 16"),
        (SlidingWindowConfig, {"step": 0}, "step 0: expected a whole number from 1"),
        (SlidingWindowConfig, {"convolutional": 1}, "convolutional 1: expected true or false"),
        (FullyConvolutionalConfig, {"kernel_size": 4}, "kernel_size 4: must be odd"),
        (FullyConvolutionalConfig, {"dilations": (1, 2)}, "dilations.*expected 6 numbers"),
        (FullyConvolutionalConfig, {"dilations": (1, 2, 3, 4, 5, 0)}, "from 1 to 1024"),
        (FullyConvolutionalConfig, {"dilations": (1, 2, 3, 4, 5, 1.5)}, "whole numbers"),
        (FullyConvolutionalConfig, {"n_layers": True}, "n_layers True"),
        (EncoderDecoderConfig, {"upscaling": "cubic"}, "cubic.*nearest, bilinear, bed-of-nails"),
        (EncoderDecoderConfig, {"kernel_size": 2}, "must be odd"),
        (SegNetConfig, {"variant": "vgg19"}, "vgg19.*vgg16, basic"),
        (SegNetConfig, {"n_classes": 1}, "n_classes 1: expected a whole number from 2"),
        (UNetConfig, {"grid": (2, 2)}, r"\(1, 1\) for images or \(1, 1, 1\)"),
        (UNetConfig, {"grid": 1}, r"\(1, 1\) for images"),
        (UNetConfig, {"grid": (1, 1, 1), "pool": (2, 2)}, "pool.*3 numbers"),
        (UNetConfig, {"pool": 0}, "pool"),
        (UNetConfig, {"kernel_size": 2}, "odd"),
        (UNetConfig, {"padding": "reflect"}, "same, valid"),
        (UNetConfig, {"padding": "valid", "upscaling": "bilinear"}, "choose transposed or nearest"),
        (UNetConfig, {"dropout": 1}, "dropout 1: expected a number from 0"),
        (UNetConfig, {"dropout": "half"}, "dropout 'half'"),
    ],
)
def test_settings_out_of_range(config: Any, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        config(**settings)
