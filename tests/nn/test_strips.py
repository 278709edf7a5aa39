from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from stellate.geometry.tiles import plan_tiles
from stellate.models.stardist import StarDist, StarDistConfig
from stellate.nn import strips
from stellate.nn.parts import Part, Seams
from stellate.nn.strips import InStrips, run_whole

CONFIGS = {
    "grid 2": {},
    "grid 1": {"grid": (1, 1)},
    "grid 4x1": {"grid": (4, 1)},
    "grid 1x4": {"grid": (1, 4)},
    "classes, foreground": {"n_classes": 2, "foreground": True},
    "foreground, grid 1": {"grid": (1, 1), "foreground": True},
    "foreground, grid 4": {"grid": (4, 4), "foreground": True},
    "long kernels": {"kernel_size": (7, 3), "convs_per_level": 3, "depth": 1},
    "pool 4": {"pool": (4, 2), "depth": 1},
    "no features": {"head_channels": 0},
    "no depth": {"depth": 0},
    "nothing after the U-Net": {"depth": 0, "head_channels": 0, "grid": (1, 1)},
    "foreground, no features": {"foreground": True, "head_channels": 0, "grid": (2, 4), "depth": 1},
    "depth 3, kernels 5": {"depth": 3, "kernel_size": 5, "convs_per_level": 1, "grid": (2, 1)},
    "pool 3, foreground": {"pool": (3, 2), "foreground": True, "grid": (1, 2)},
    "resnet": {"backbone": "resnet", "n_blocks": 2, "convs_per_block": 2, "grid": (1, 2), "n_classes": 2},
    "volumes": {
        "grid": (1, 2, 2),
        "depth": 1,
        "n_classes": 2,
        "base_channels": 2,
        "convs_per_level": 1,
        "kernel_size": (1, 3, 3),
        "pool": (1, 2, 1),
    },
    "volumes, long kernels": {
        "grid": (2, 1, 1),
        "kernel_size": (3, 1, 5),
        "pool": (3, 2, 1),
        "depth": 1,
        "base_channels": 2,
        "convs_per_level": 1,
    },
}


def network(**settings: object) -> StarDist:
    torch.manual_seed(0)
    small = {"base_channels": 4, "depth": 2, "n_rays": 8, "head_channels": 8}
    network = StarDist(StarDistConfig(**(small | settings))).eval()  # type: ignore[arg-type]
    for p in network.parameters():
        p.data.add_(0.05 * torch.randn_like(p))
    return network


@pytest.mark.parametrize("name", CONFIGS)
def test_strips_give_what_the_whole_gives(name: str) -> None:
    model = network(**CONFIGS[name])
    sides = (160, 32, 32)[: len(model.config.stride)]
    image = torch.randn(1, 1, *(-(-n // s) * s for n, s in zip(sides, model.config.stride, strict=True)))
    with torch.inference_mode():
        whole = model(image)
        calls = 0

        def counting(stage, *inputs: Tensor, **about: Any) -> tuple[Tensor, ...]:
            def counted(*strips: Tensor) -> tuple[Tensor, ...]:
                nonlocal calls
                calls += 1
                return stage(*strips)

            return InStrips(nbytes=1)(counted, *inputs, **about)

        model.run_stage = counting
        strips = model(image)
    stages = 1  # a ResNet runs as one, without strips; its heads are a stage
    if model.backbone is None:
        stages += len(model.stem) + len(model.down) + 1 + len(model.up) + (model.foreground is not None)
    assert calls > 2 * stages
    assert strips.keys() == whole.keys()
    for key, expected in whole.items():
        torch.testing.assert_close(strips[key], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("nbytes", [1, 8_000_000])
@pytest.mark.parametrize("name", CONFIGS)
def test_a_part_is_as_in_the_whole(name: str, nbytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """At corners, edges and inside; in double, because what lies at the rim of a receptive field counts little."""
    model = network(**CONFIGS[name]).double()
    config = model.config
    rim = [-(-h // s) for h, s in zip(config.halo, config.stride, strict=True)]
    cells = [2 * r + 3 for r in rim]
    image = torch.randn(
        1, 1, *(n * s for n, s in zip(cells, config.stride, strict=True)), dtype=torch.float64
    )
    with torch.inference_mode():
        whole = model(image)
        # where nothing is computed, nothing may be looked at
        unset = strips._zero_outside
        monkeypatch.setattr(strips, "_zero_outside", lambda *about: unset(*about).fill_(torch.nan))
        spans = [((0, 1), (r + 1, r + 2), (r + 2, n)) for r, n in zip(rim, cells, strict=True)]
        for places in ((0, 0, 0), (1, 1, 1), (1, 2, 0), (2, 1, 2)):
            wanted = [span[k] for span, k in zip(spans, places, strict=False)]
            region = tuple((a * s, b * s) for (a, b), s in zip(wanted, config.stride, strict=True))
            model.run_stage = InStrips(nbytes, Part(image.shape[2:], region))
            part = model(image)
            for key, expected in whole.items():
                inside = (
                    ...,
                    *(
                        slice(a * n // m, b * n // m)
                        for (a, b), n, m in zip(region, expected.shape[2:], image.shape[2:], strict=True)
                    ),
                )
                torch.testing.assert_close(part[key][inside], expected[inside], atol=1e-13, rtol=1e-13)


@pytest.mark.parametrize("nbytes", [10**9, 20_000])
@pytest.mark.parametrize("name", CONFIGS)
def test_tiles_share_what_they_have_in_common(
    name: str, nbytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether all of it or some is kept for the next row of tiles; the last tiles own little."""
    model = network(**CONFIGS[name]).double()
    config = model.config
    side = [s * (2 * -(-h // s) + 3) for h, s in zip(config.halo, config.stride, strict=True)]
    shape = [2 * n + s for n, s in zip(side, config.stride, strict=True)]
    image = torch.randn(1, 1, *shape, dtype=torch.float64)
    tiles = list(plan_tiles(tuple(shape), tuple(side), halo=config.halo, multiple=config.stride))
    with torch.inference_mode():
        whole = model(image)
        unset = strips._zero_outside
        monkeypatch.setattr(strips, "_zero_outside", lambda *about: unset(*about).fill_(torch.nan))
        seams = Seams(nbytes)
        for tile in tiles:
            tile_image = image[(..., *tile.read_slices)]
            wanted = tuple((part.start, part.stop) for part in tile.own_in_read)
            origin = [start for start, _ in tile.read]
            model.run_stage = InStrips(part=Part(tile_image.shape[2:], wanted, origin=origin, seams=seams))
            part = model(tile_image)
            for key, expected in whole.items():
                step = [n // m for n, m in zip(shape, expected.shape[2:], strict=True)]
                own = (..., *(slice(a // s, b // s) for (a, b), s in zip(tile.owns, step, strict=True)))
                here = (..., *(slice(a // s, b // s) for (a, b), s in zip(wanted, step, strict=True)))
                torch.testing.assert_close(part[key][here], expected[own], atol=1e-13, rtol=1e-13)


def test_what_nobody_asks_for_is_not_computed() -> None:
    model = network(grid=(1, 1), depth=1, kernel_size=3)
    image = torch.randn(1, 1, 64, 80)
    sizes = []

    def counting(stage, *inputs: Tensor, **about: Any) -> tuple[Tensor, ...]:
        def counted(*strips: Tensor) -> tuple[Tensor, ...]:
            sizes.append(tuple(strips[-1].shape[-2:]))
            return stage(*strips)

        return InStrips(part=part)(counted, *inputs, **about)

    part = Part((64, 80), ((16, 32), (0, 40)))
    model.run_stage = counting
    with torch.inference_mode():
        out = model(image)
    # Back to front. Heads: 16 x 40, and 1 for their convolution (the left is a border). Way up: 18 x 41 in cells of 2
    # are 20 x 42, and 2 for its two convolutions. Middle: from 22 x 43 pixels in cells of 2, 12 x 22 of them, and 2.
    # Way down: these 16 x 24 cells, and 2 pixels.
    assert sizes[::-1] == [(18, 41), (24, 44), (16, 24), (36, 50)]
    assert not out["prob"][..., 32:, :].any()
    assert not out["prob"][..., 40:].any()


def test_strips_of_a_size_that_does_not_divide() -> None:
    """13 units in strips of 4: the last one is short."""
    conv = nn.Conv2d(1, 3, 3, padding=1)
    pool = nn.MaxPool2d(2)
    x = torch.randn(1, 1, 26, 10)

    def stage(x: Tensor) -> tuple[Tensor, ...]:
        y = conv(x)
        return pool(y), y

    with torch.inference_mode():
        got = InStrips(nbytes=1)(stage, x, units=(13, 5), halo=(1, 1), reach=(0, 0), channels=3)
        for a, b in zip(got, stage(x), strict=True):
            torch.testing.assert_close(a, b)


def test_a_small_image_is_run_whole() -> None:
    seen = []

    def stage(x: Tensor) -> tuple[Tensor, ...]:
        seen.append(x.shape)
        return (x,)

    x = torch.zeros(1, 1, 64, 64)
    InStrips()(stage, x, units=(64, 64), halo=(2, 2), reach=(0, 0), channels=32)
    assert seen == [x.shape]


def test_strips_stay_below_the_size_asked_for() -> None:
    rows = []

    def stage(x: Tensor) -> tuple[Tensor, ...]:
        rows.append(x.shape[-2])
        return (x,)

    x = torch.zeros(1, 1, 4096, 100)
    InStrips(nbytes=100 * 8 * 4 * 50)(stage, x, units=(4096, 100), halo=(1, 1), reach=(0, 0), channels=8)
    assert max(rows) == 50 + 2
    assert run_whole(stage, x, units=(4096, 100), halo=(1, 1), reach=(0, 0), channels=8)[0] is x
