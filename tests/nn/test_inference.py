from __future__ import annotations

import pytest
import torch
from torch import nn

from stellate.errors import ConfigError
from stellate.models.stardist import StarDist, StarDistConfig
from stellate.nn.inference import cpu_has_bfloat16, prepare_for_inference


@pytest.fixture
def network() -> StarDist:
    """A small network whose batch norms do something."""
    torch.manual_seed(1)
    config = StarDistConfig(base_channels=4, depth=2, n_rays=8, head_channels=8, batch_norm=True)
    network = StarDist(config).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                tensor.data.uniform_(0.5, 1.5)
    return network


def test_float32_gives_the_same_with_batch_norms_folded(network: StarDist) -> None:
    image = torch.randn(1, 1, 96, 64)
    prepared = prepare_for_inference(network)
    with torch.inference_mode():
        expected = network(image)
    got = prepared(image)
    assert not [m for m in prepared.network.modules() if isinstance(m, nn.BatchNorm2d)]
    for name, tensor in expected.items():
        torch.testing.assert_close(got[name], tensor, atol=1e-4, rtol=1e-4)
    assert str(prepared) == "float32 on cpu"


@pytest.mark.parametrize("backbone", ["unet", "resnet"])
@pytest.mark.parametrize("grid", [(2, 2), (1, 2, 2)])
def test_batch_norms_are_folded_in_every_network(backbone: str, grid: tuple[int, ...]) -> None:
    torch.manual_seed(1)
    settings = {"base_channels": 3, "depth": 1, "n_rays": 6, "head_channels": 4, "n_blocks": 2}
    network = StarDist(StarDistConfig(grid=grid, backbone=backbone, batch_norm=True, **settings)).eval()  # type: ignore[arg-type]
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                tensor.data.uniform_(0.5, 1.5)
    image = torch.randn(1, 1, *(6 * s for s in network.config.stride))
    prepared = prepare_for_inference(network)
    assert not [m for m in prepared.network.modules() if isinstance(m, nn.BatchNorm2d | nn.BatchNorm3d)]
    with torch.inference_mode():
        expected = network(image)
    for name, tensor in prepared(image).items():
        torch.testing.assert_close(tensor, expected[name], atol=1e-4, rtol=1e-4)


def test_the_network_stays_as_it_is(network: StarDist) -> None:
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.train()
    prepare_for_inference(network)(torch.randn(1, 1, 32, 32))
    assert network.training
    assert all(p.requires_grad for p in network.parameters())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


@pytest.mark.skipif(not cpu_has_bfloat16(), reason="this processor has no fast bfloat16")
def test_bfloat16_is_near_and_comes_back_as_float32(network: StarDist) -> None:
    image = torch.randn(1, 1, 64, 64)
    got = prepare_for_inference(network, precision="bfloat16")(image)["distances"]
    with torch.inference_mode():
        expected = network(image)["distances"]
    assert got.dtype == torch.float32
    error = (got - expected).abs().max() / expected.abs().max()
    assert 0 < error < 0.03


@pytest.mark.parametrize(
    ("precision", "device", "words"),
    [
        ("half", "cpu", "expected one of float32, bfloat16, float16"),
        ("float16", "cpu", "no fast float16"),
        ("float32", "xpu", "is not there"),
    ],
)
def test_refuses_what_is_not_there(network: StarDist, precision: str, device: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        prepare_for_inference(network, precision=precision, device=device)


def test_a_missing_gpu_is_named(network: StarDist, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=r"'cuda' is not there; use 'cpu'"):
        prepare_for_inference(network, device="cuda")


def test_bfloat16_is_refused_where_it_would_be_emulated(
    network: StarDist, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stellate.nn.inference.cpu_has_bfloat16", lambda: False)
    with pytest.raises(ConfigError, match="no fast bfloat16"):
        prepare_for_inference(network, precision="bfloat16")


def test_other_outputs_keep_their_structure() -> None:
    class Boxes(nn.Module):
        def forward(self, image: torch.Tensor) -> list[dict[str, torch.Tensor]]:
            return [{"boxes": image.mean((1, 2, 3)), "labels": torch.tensor([3])} for _ in image]

    out = prepare_for_inference(Boxes())(torch.ones(2, 3, 4, 4))
    assert [set(o) for o in out] == [{"boxes", "labels"}] * 2
    assert out[0]["labels"].dtype == torch.int64
    assert torch.equal(out[0]["boxes"], torch.ones(2))
