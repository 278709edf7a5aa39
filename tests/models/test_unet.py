from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import nn

from stellate.errors import ConfigError
from stellate.models.unet import UNet, UNetConfig
from stellate.nn.borders import mirror

PAPER: dict[str, Any] = {"base_channels": 64, "padding": "valid", "batch_norm": False}


def sizes(network: UNet, image: torch.Tensor) -> list[tuple[int, int]]:
    """Channels and side after each stage."""
    found: list[tuple[int, int]] = []
    stages = [*network.down, network.middle, *network.larger, *network.up, network.classes]
    for stage in stages:
        stage.register_forward_hook(lambda _, __, out: found.append((out.shape[1], out.shape[-1])))
    network.without_padding(image)
    return found


def test_sizes_of_the_paper() -> None:
    """Figure 1: 572 pixels to 388."""
    with torch.device("meta"):
        found = sizes(UNet(UNetConfig(**PAPER)), torch.zeros(1, 1, 572, 572))
    down = [(64, 568), (128, 280), (256, 136), (512, 64), (1024, 28)]
    up = [(512, 56), (512, 52), (256, 104), (256, 100), (128, 200), (128, 196), (64, 392), (64, 388)]
    assert found == [*down, *up, (2, 388)]


def test_parameters_of_the_paper() -> None:
    """Counted by hand from figure 1: pairs of 3x3 convolutions, 2x2 up-convolutions, 1x1; all with biases."""
    pairs = [(1, 64), (64, 128), (128, 256), (256, 512), (512, 1024)]
    pairs += [(1024, 512), (512, 256), (256, 128), (128, 64)]
    expected = sum(9 * a * b + b + 9 * b * b + b for a, b in pairs)
    expected += sum(4 * a * a // 2 + a // 2 for a in (1024, 512, 256, 128)) + 64 * 2 + 2
    with torch.device("meta"):
        network = UNet(UNetConfig(**PAPER))
    assert sum(p.numel() for p in network.parameters()) == expected == 31_030_658


def test_margins_let_every_pixel_be_predicted() -> None:
    """The paper mirrors 92 pixels before; after, as many and what makes the poolings even."""
    config = UNetConfig(**PAPER)
    assert config.margins((388, 380)) == [(92, 92), (92, 100)]
    assert config.margins((512, 1)) == [(92, 96), (92, 95)]


@pytest.mark.parametrize(
    "settings",
    [
        {"depth": 2},
        {"depth": 1, "pool": (3, 2), "convs_per_level": 1},
        {"depth": 3, "upscaling": "nearest", "convs_per_level": 1},
        {"depth": 1, "grid": (1, 1, 1)},
    ],
)
def test_valid_is_same_on_an_image_that_is_larger(settings: dict[str, Any]) -> None:
    """Padded convolutions on an image that continues far beyond its borders see no padding, and do the same.

    Their cells must begin at the same pixels: without padding, those of level n begin ``reach * pool**n`` after those
    of the level above, for what its convolutions take off.
    """
    torch.manual_seed(0)
    valid = UNet(UNetConfig(base_channels=2, padding="valid", **settings)).double().eval()
    same = UNet(UNetConfig(base_channels=2, **settings)).double().eval()
    same.load_state_dict(valid.state_dict())
    config = valid.config
    sides = [2 * s for s in config.stride]
    before = []
    for axis, (margin, _) in enumerate(config.margins(sides)):
        stride, reach = config.stride[axis], config.convs_per_level * (config.kernel_size[axis] // 2)
        first = sum(reach * config.pool[axis] ** level for level in range(config.depth)) - margin
        before.append(-first % stride + 10 * stride)
    margins = [(b, -b % s + 10 * s) for b, s in zip(before, config.stride, strict=True)]
    image = torch.randn(1, 1, *sides, dtype=torch.float64)
    inside = (..., *(slice(b, b + n) for b, n in zip(before, sides, strict=True)))
    with torch.inference_mode():
        torch.testing.assert_close(same(mirror(image, margins))["classes"][inside], valid(image)["classes"])


def test_what_is_kept_joins_on_the_way_up() -> None:
    """With a way up that gives nothing, what is left is what was kept."""
    network = UNet(UNetConfig(base_channels=4, depth=2)).eval()
    for parameter in network.larger.parameters():
        parameter.data.zero_()
    image = torch.randn(1, 1, 16, 16)
    with torch.inference_mode():
        kept = network.down[0](image)
        expected = network.classes(network.up[-1](torch.cat([kept, torch.zeros_like(kept)], dim=1)))
        torch.testing.assert_close(network(image)["classes"], expected)


def test_dropout_works_in_training_only() -> None:
    torch.manual_seed(0)
    network = UNet(UNetConfig(base_channels=4, depth=1, dropout=0.5, batch_norm=False))
    image = torch.randn(1, 1, 8, 8)
    with torch.no_grad():
        assert not torch.equal(network(image)["classes"], network(image)["classes"])
        network.eval()
        assert torch.equal(network(image)["classes"], network(image)["classes"])


def test_widths_double_up_to_a_limit() -> None:
    assert [UNetConfig(base_channels=10, max_channels=64).channels_at(n) for n in range(4)] == [
        10,
        20,
        40,
        64,
    ]


def test_one_number_stands_for_all_axes() -> None:
    config = UNetConfig(grid=(1, 1, 1), pool=2, kernel_size=5)  # type: ignore[arg-type]
    assert config.pool == (2, 2, 2)
    assert config.stride == (16, 16, 16)
    assert config.kernel_size == (5, 5, 5)


class TestEncoders:
    """Ways down from segmentation-models-pytorch."""

    @pytest.fixture(autouse=True)
    def needs_the_package(self) -> None:
        pytest.importorskip("segmentation_models_pytorch", reason="an optional extra")

    @pytest.mark.parametrize(("in_channels", "depth"), [(1, 3), (5, 4)])
    def test_it_is_the_unet_of_that_package(self, in_channels: int, depth: int) -> None:
        import segmentation_models_pytorch as smp

        config = UNetConfig(
            encoder="resnet18", in_channels=in_channels, n_classes=3, depth=depth, base_channels=4
        )
        network = UNet(config).eval()
        widths = tuple(4 * 2**n for n in reversed(range(depth)))
        theirs = smp.Unet(
            "resnet18",
            depth,
            encoder_weights=None,
            decoder_channels=widths,
            in_channels=in_channels,
            classes=3,
        ).eval()
        ours = {name.removeprefix("encoded."): t for name, t in network.state_dict().items()}
        left_out = theirs.load_state_dict(ours, strict=False).missing_keys
        assert {name.split(".")[1] for name in left_out} == {f"layer{n}" for n in range(depth, 5)}
        image = torch.randn(1, in_channels, *(2 * s for s in config.stride))
        with torch.inference_mode():
            torch.testing.assert_close(network(image)["classes"], theirs(image))

    def test_the_way_down_begins_with_the_weights_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import segmentation_models_pytorch.encoders as encoders

        make, asked = encoders.get_encoder, []

        def fetched(name: str, weights: str | None = None, **settings: Any) -> nn.Module:
            asked.append((name, weights))
            encoder = make(name, weights=None, **settings)
            for parameter in encoder.parameters():
                nn.init.constant_(parameter, 0.25)
            return encoder

        network = UNet(UNetConfig(encoder="resnet18", in_channels=4, depth=3, base_channels=4))
        before = copies(network.encoded.decoder.state_dict())  # type: ignore[union-attr]
        monkeypatch.setattr(encoders, "get_encoder", fetched)
        network.load_encoder_weights("imagenet")
        assert asked == [("resnet18", "imagenet")]
        assert network.encoded is not None
        assert all((p == 0.25).all() for p in network.encoded.encoder.parameters())
        after = copies(network.encoded.decoder.state_dict())
        assert all(torch.equal(after[name], tensor) for name, tensor in before.items())

    @pytest.mark.parametrize("name", ["vgg11_bn", "densenet121", "tu-convnext_atto"])
    def test_stages_below_the_depth_are_left_out(self, name: str) -> None:
        shallow = UNet(UNetConfig(encoder=name, depth=3, base_channels=2))
        shallow(torch.randn(2, 1, 32, 32))["classes"].square().mean().backward()
        assert not [name for name, p in shallow.named_parameters() if p.grad is None]

    def test_weights_that_are_not_there(self) -> None:
        network = UNet(UNetConfig(encoder="resnet18", depth=3, base_channels=4))
        with pytest.raises(ConfigError, match=r"resnet18.*no weights 'cells'"):
            network.load_encoder_weights("cells")
        with pytest.raises(ConfigError, match="only an encoder by name has any"):
            UNet(UNetConfig(base_channels=2, depth=1)).load_encoder_weights()

    def test_weights_that_cannot_be_fetched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import segmentation_models_pytorch.encoders as encoders

        def offline(*_: Any, **__: Any) -> nn.Module:
            raise OSError("no route to host")

        network = UNet(UNetConfig(encoder="resnet18", depth=3, base_channels=4))
        monkeypatch.setattr(encoders, "get_encoder", offline)
        with pytest.raises(ConfigError, match=r"cannot be fetched \(no route to host\).*begin without them"):
            network.load_encoder_weights()

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"encoder": "resnet43"}, "resnet43.*did you mean 'resnet34'"),
            ({"encoder": "resnet18", "depth": 6}, "depth 6: an encoder by name has from 1 to 5"),
            (
                {"encoder": "resnet18", "padding": "valid", "batch_norm": False},
                "padding, batch_norm: cannot be",
            ),
            ({"encoder": "resnet18", "grid": (1, 1, 1)}, "grid.*cannot be chosen"),
        ],
    )
    def test_what_cannot_be_chosen(self, settings: dict[str, Any], words: str) -> None:
        with pytest.raises(ConfigError, match=words):
            UNetConfig(**settings)

    def test_an_encoder_that_cannot_be_made_is_said_so(self) -> None:
        with pytest.raises(ConfigError, match=r"tu-resnet19.*4 channels and depth 4 cannot be made: Unknown"):
            UNet(UNetConfig(encoder="tu-resnet19", in_channels=4))


def copies(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in state.items()}


def test_without_the_package_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stellate.nn.encoders.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'stellate\[encoders\]'"):
        UNetConfig(encoder="resnet18")
