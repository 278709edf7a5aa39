from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from stellate.errors import ConfigError, InputError
from stellate.models.stardist import StarDist, StarDistConfig

SMALL = {"base_channels": 2, "n_rays": 4, "head_channels": 4}
SHAPES: dict[str, dict[str, Any]] = {
    "default": {},
    "grid 1, depth 2": {"grid": (1, 1), "depth": 2},
    "grid 4x2, depth 1": {"grid": (4, 2), "depth": 1},
    "pool 3x2": {"pool": (3, 2), "depth": 2},
    "long kernels": {"kernel_size": (5, 3), "depth": 1},
    "one convolution": {"convs_per_level": 1, "depth": 2},
    "no features": {"head_channels": 0, "depth": 2},
    "foreground": {"foreground": True, "depth": 1},
}


def influence(config: StarDistConfig, start: tuple[int, int], stop: tuple[int, int]) -> tuple[slice, slice]:
    """Rows and columns of the input that change the output cells ``start:stop``, found by back-propagation.

    All weights are positive, so that no influence cancels; max-pooling passes it to one pixel of a window only, so
    that it is replaced by the mean.
    """
    network = StarDist(config)
    for parameter in network.parameters():
        parameter.data.fill_(0.1)
    pooled, torch.nn.functional.max_pool2d = nn.functional.max_pool2d, nn.functional.avg_pool2d
    try:
        size = [s * (4 + 2 * (h // s)) for s, h in zip(config.stride, config.halo, strict=True)]
        image = torch.zeros(1, config.in_channels, *size, requires_grad=True)
        out = network(image)
        grid = config.grid
        base = [s * (2 + h // s) // g for s, h, g in zip(config.stride, config.halo, grid, strict=True)]
        where = tuple(slice(b + a, b + z) for b, a, z in zip(base, start, stop, strict=True))
        total = out["prob"][0, 0][where].sum()
        if "foreground" in out:
            fine = tuple(slice(w.start * g, w.stop * g) for w, g in zip(where, grid, strict=True))
            total = total + out["foreground"][0, 0][fine].sum()
        total.backward()
    finally:
        torch.nn.functional.max_pool2d = pooled
    assert image.grad is not None
    touched = image.grad[0].abs().sum(0) > 0
    rows, columns = touched.any(1).nonzero().ravel(), touched.any(0).nonzero().ravel()
    origin = [b * g for b, g in zip(base, grid, strict=True)]
    return tuple(  # type: ignore[return-value]
        slice(int(i[0]) - o, int(i[-1]) + 1 - o) for i, o in zip((rows, columns), origin, strict=True)
    )


@pytest.mark.parametrize("name", SHAPES)
def test_halo_is_what_an_aligned_region_depends_on(name: str) -> None:
    config = StarDistConfig(**(SMALL | SHAPES[name]))
    cells = tuple(s // g for s, g in zip(config.stride, config.grid, strict=True))
    spans = influence(config, (0, 0), cells)
    found = tuple(max(-span.start, span.stop - s) for span, s in zip(spans, config.stride, strict=True))
    assert found == config.halo


@pytest.mark.parametrize("name", [name for name in SHAPES if name not in ("default", "pool 3x2")])
def test_receptive_field_is_the_largest_of_any_cell(name: str) -> None:
    config = StarDistConfig(**(SMALL | SHAPES[name]))
    cells = [s // g for s, g in zip(config.stride, config.grid, strict=True)]
    largest = [0, 0]
    for i in range(max(cells)):
        start = tuple(min(i, n - 1) for n in cells)
        spans = influence(config, start, tuple(s + 1 for s in start))  # type: ignore[arg-type]
        largest = [max(a, span.stop - span.start) for a, span in zip(largest, spans, strict=True)]
    assert tuple(largest) == config.receptive_field


def test_published_numbers_of_parameters() -> None:
    assert sum(p.numel() for p in StarDist().parameters()) == 1_425_185


@pytest.mark.parametrize(
    ("settings", "shapes"),
    [
        ({}, {"prob": (2, 1, 16, 24), "distances": (2, 32, 16, 24)}),
        (
            {"grid": (1, 4), "n_classes": 3, "foreground": True, "n_rays": 12},
            {
                "prob": (2, 1, 32, 24),
                "distances": (2, 12, 32, 24),
                "class_prob": (2, 4, 32, 24),
                "foreground": (2, 1, 32, 96),
            },
        ),
    ],
)
def test_outputs_by_config(settings: dict[str, Any], shapes: dict[str, tuple[int, ...]]) -> None:
    network = StarDist(StarDistConfig(**({"base_channels": 4} | settings)))
    width = 48 if network.config.grid == (2, 2) else 96
    out = network(torch.zeros(2, 1, 32, width))
    assert {name: tuple(t.shape) for name, t in out.items()} == shapes


def test_every_parameter_learns() -> None:
    torch.manual_seed(0)
    config = StarDistConfig(base_channels=4, n_classes=2, foreground=True, batch_norm=True)
    network = StarDist(config)
    sum(t.square().mean() for t in network(torch.randn(2, 1, 64, 64)).values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    assert not [
        name for name, p in network.named_parameters() if "weight" in name and not p.grad.abs().sum() > 0
    ]


def test_keras_initialisation() -> None:
    """Glorot-uniform: within sqrt(6 / (fan in + fan out)), and filling that range; no bias."""
    torch.manual_seed(0)
    conv = StarDist().middle[0]
    bound = (6 / (9 * (conv.in_channels + conv.out_channels))) ** 0.5
    assert bound * 0.999 < conv.weight.abs().max() <= bound
    assert conv.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.01)
    assert not conv.bias.any()


def test_widths_follow_expansion_and_limit() -> None:
    config = StarDistConfig(base_channels=10, expansion=1.5, max_channels=20)
    assert [config.channels_at(level) for level in range(4)] == [10, 15, 20, 20]


def test_an_image_that_does_not_fit_the_stride_is_refused() -> None:
    with pytest.raises(InputError, match=r"\(48, 50\) pixels.*multiples of \(16, 16\)"):
        StarDist(StarDistConfig(base_channels=4))(torch.zeros(1, 1, 48, 50))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"grid": (3, 2)}, "power of 2"),
        ({"grid": (2, 2, 2, 2)}, r"2 numbers \(images\) or 3"),
        ({"grid": (2, 2, 2), "pool": (2, 2)}, "pool.*3 numbers"),
        ({"grid": "2"}, "2 numbers"),
        ({"backbone": "vgg"}, "vgg.*unet and resnet"),
        ({"backbone": "resnet", "grid": (8, 1), "n_blocks": 2}, "needs at least 3"),
        ({"backbone": "resnet", "foreground": True}, "only a U-Net"),
        ({"anisotropy": (2, 1, 1)}, "for volumes"),
        ({"grid": (2.0, 2.0)}, "whole numbers"),
        ({"kernel_size": 4}, "odd"),
        ({"pool": (0, 2)}, "pool"),
        ({"n_rays": 2}, "n_rays 2: expected a whole number from 3"),
        ({"depth": 99}, "depth 99"),
        ({"depth": True}, "depth True"),
        ({"base_channels": 1e9}, "base_channels"),
        ({"expansion": 0}, "expansion 0"),
        ({"activation": "mish"}, "mish"),
        ({"batch_norm": "yes"}, "expected true or false"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        StarDistConfig(**settings)


def test_one_number_stands_for_both_axes() -> None:
    assert StarDistConfig(grid=4, kernel_size=5) == StarDistConfig(grid=(4, 4), kernel_size=(5, 5))  # type: ignore[arg-type]
