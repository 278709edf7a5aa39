"""Networks for volumes, and ResNets in 2D and 3D; those of StarDist's making are in test_stardist_folder.py."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
import torch

from stellate.errors import ConfigError, InputError
from stellate.models.stardist import StarDist, StarDistConfig

SMALL = {"base_channels": 2, "n_rays": 6, "head_channels": 3, "depth": 1}
RESNET = {"backbone": "resnet", "n_blocks": 2, "convs_per_block": 2}
NETWORKS: dict[str, dict[str, Any]] = {
    "unet": {"grid": (1, 2, 2)},
    "unet, grid 1": {"grid": (1, 1, 1), "pool": (1, 2, 3), "kernel_size": (1, 3, 3)},
    "unet, foreground": {"grid": (1, 1, 2), "foreground": True, "convs_per_level": 1},
    "resnet": {**RESNET, "grid": (1, 2, 2)},
    "resnet, grid 1": {**RESNET, "grid": (1, 1, 1), "n_blocks": 1, "convs_per_block": 3},
    "resnet, grid 4": {**RESNET, "grid": (1, 2, 4), "kernel_size": (1, 5, 3)},
    "resnet, no features": {**RESNET, "grid": (2, 1, 1), "head_channels": 0},
    "resnet in 2D": {**RESNET, "grid": (2, 4)},
    "resnet in 2D, grid 1": {**RESNET, "grid": (1, 1), "convs_per_block": 3},
}


def influence(config: StarDistConfig, axis: int, cells: tuple[int, int]) -> tuple[int, int]:
    """Pixels along an axis that change the outputs of some cells, both counted from a multiple of the stride.

    Each pixel is made brighter in turn. All weights are positive, so that whatever depends on it grows.
    """
    network = StarDist(config).double().eval()
    for parameter in network.parameters():
        parameter.data.fill_(0.1)
    stride, grid = config.stride[axis], config.grid[axis]
    start = (-(-config.halo[axis] // stride) + 1) * stride
    sides = list(config.stride)
    sides[axis] = 2 * start + stride
    images = torch.ones(sides[axis] + 1, config.in_channels, *sides, dtype=torch.float64)
    for k in range(sides[axis]):
        images[k].select(1 + axis, k).fill_(2)
    with torch.inference_mode():
        maps = network(images)
    changed = torch.zeros(sides[axis], dtype=torch.bool)
    for name, values in maps.items():
        cell = 1 if name == "foreground" else grid
        part = values.narrow(
            2 + axis, start // cell + cells[0] * grid // cell, (cells[1] - cells[0]) * grid // cell
        )
        changed |= (part[:-1] != part[-1:]).flatten(1).any(1)
    found = changed.nonzero().ravel() - start
    return int(found[0]), int(found[-1]) + 1


@pytest.mark.parametrize("name", NETWORKS)
def test_halo_is_what_an_aligned_region_depends_on(name: str) -> None:
    config = StarDistConfig(**(SMALL | NETWORKS[name]))
    for axis, (stride, grid) in enumerate(zip(config.stride, config.grid, strict=True)):
        first, last = influence(config, axis, (0, stride // grid))
        assert max(-first, last - stride) == config.halo[axis]


@pytest.mark.parametrize("name", NETWORKS)
def test_receptive_field_is_the_largest_of_any_cell(name: str) -> None:
    config = StarDistConfig(**(SMALL | NETWORKS[name]))
    for axis, (stride, grid) in enumerate(zip(config.stride, config.grid, strict=True)):
        spans = [influence(config, axis, (cell, cell + 1)) for cell in range(stride // grid)]
        assert max(last - first for first, last in spans) == config.receptive_field[axis]


def test_published_number_of_parameters() -> None:
    network = StarDist(StarDistConfig(grid=(1, 2, 2), n_rays=96, backbone="resnet"))
    assert sum(p.numel() for p in network.parameters()) == 1_547_201


def test_a_strided_block_pads_like_keras() -> None:
    """An impulse at an even pixel: with zeros (0, 1) around, kernel taps 0 (next cell none) and 2 (cell before)."""
    config = StarDistConfig(**(SMALL | RESNET), grid=(2, 2))
    conv = StarDist(config).backbone[2].body  # type: ignore[index]
    padded = conv[0](torch.ones(1, 1, 4, 4))
    assert padded.shape == (1, 1, 5, 5)
    assert padded[0, 0, :4, :4].all()
    assert not padded[0, 0, 4].any()
    assert not padded[0, 0, :, 4].any()


@pytest.mark.parametrize("name", NETWORKS)
def test_every_parameter_learns(name: str) -> None:
    torch.manual_seed(0)
    config = StarDistConfig(
        **(SMALL | NETWORKS[name] | {"n_classes": 2, "batch_norm": True, "activation": "elu"})
    )
    network = StarDist(config)
    image = torch.randn(2, 1, *(4 * s for s in config.stride))
    sum(t.square().mean() for t in network(image).values()).backward()  # type: ignore[union-attr]
    for parameter in network.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()
    for parameter_name, parameter in network.named_parameters():
        assert "weight" not in parameter_name or parameter.grad.abs().sum() > 0, parameter_name  # type: ignore[union-attr]


def test_he_initialisation_of_a_resnet() -> None:
    """Normal of variance 2 / fan in, cut off at two standard deviations; heads Glorot-uniform; no bias."""
    torch.manual_seed(0)
    network = StarDist(StarDistConfig(grid=(1, 2, 2), backbone="resnet"))
    conv = network.backbone[2].body[1]  # type: ignore[index]
    std = (2 / (32 * 27)) ** 0.5
    assert conv.weight.std().item() == pytest.approx(std, rel=0.02)
    assert 2.1 * std < conv.weight.abs().max() <= 2.28 * std  # 2 / 0.8796
    assert not any(p.any() for name, p in network.named_parameters() if name.endswith("bias"))
    bound = (6 / (64 * 27 + 128 * 27)) ** 0.5
    assert 0.999 * bound < network.features[0].weight.abs().max() <= bound  # type: ignore[index,union-attr]


def test_a_volume_with_classes_becomes_maps() -> None:
    network = StarDist(StarDistConfig(**(SMALL | {"grid": (1, 2, 4), "n_classes": 3})))
    out = network(torch.zeros(2, 1, 6, 12, 16))
    shapes = {name: tuple(t.shape) for name, t in out.items()}
    assert shapes == {n: (2, c, 6, 6, 4) for n, c in (("prob", 1), ("distances", 6), ("class_prob", 4))}


def test_config_says_which_rays() -> None:
    config = StarDistConfig(grid=(1, 2, 2), n_rays=12, anisotropy=(2, 1, 1))
    assert config.rays is not None
    assert config.rays.vertices.shape == (12, 3)
    given = StarDistConfig(
        grid=(1, 2, 2),
        n_rays=12,
        ray_vertices=tuple(map(tuple, config.rays.vertices.tolist())),
        ray_faces=tuple(map(tuple, config.rays.faces.tolist())),
    )
    read = StarDistConfig(**json.loads(json.dumps(asdict(given))))
    assert read == given
    assert read.rays is not None
    assert (read.rays.vertices == config.rays.vertices).all()
    assert StarDistConfig().rays is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"n_rays": 4}, "at least 5"),
        ({"anisotropy": (2, 1)}, "3 numbers"),
        ({"anisotropy": (float("nan"), 1, 1)}, "0.01 to 100"),
        ({"ray_vertices": ((1, 0, 0),), "ray_faces": ((0, 0, 0),)}, "expected 32"),
        ({"ray_faces": ((0, 1, 2),)}, "none of both"),
        ({"ray_vertices": 5}, "ray_vertices"),
        ({"kernel_size": (3, 3)}, "kernel_size.*3 numbers"),
        ({"grid": (1, 3, 2)}, "power of 2"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        StarDistConfig(**({"grid": (1, 2, 2)} | settings))


def test_an_image_is_refused_by_a_network_for_volumes() -> None:
    network = StarDist(StarDistConfig(**SMALL, grid=(1, 2, 2)))
    with pytest.raises(InputError, match="2 axes: this network takes 3"):
        network(torch.zeros(1, 1, 16, 16))
    with pytest.raises(InputError, match="multiples of \\(2, 4, 4\\)"):
        network(torch.zeros(1, 1, 3, 16, 16))
