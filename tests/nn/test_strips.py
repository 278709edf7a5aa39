from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from stellate.models.stardist import StarDist, StarDistConfig
from stellate.nn.strips import InStrips, run_whole

CONFIGS = {
    "grid 2": {},
    "grid 1": {"grid": (1, 1)},
    "grid 4x1": {"grid": (4, 1)},
    "grid 1x4": {"grid": (1, 4)},
    "classes, foreground": {"n_classes": 2, "foreground": True},
    "foreground, grid 1": {"grid": (1, 1), "foreground": True},
    "foreground, grid 4": {"grid": (4, 4), "foreground": True},
    "long kernels": {"kernel_size": (7, 3), "convs_per_level": 3},
    "pool 4": {"pool": (4, 2), "depth": 1},
    "no features": {"head_channels": 0},
    "no depth": {"depth": 0},
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
    image = torch.randn(1, 1, 160, 32)
    with torch.inference_mode():
        whole = model(image)
        calls = 0

        def counting(stage, *inputs: Tensor, **about: int) -> tuple[Tensor, ...]:
            def counted(*strips: Tensor) -> tuple[Tensor, ...]:
                nonlocal calls
                calls += 1
                return stage(*strips)

            return InStrips(nbytes=1)(counted, *inputs, **about)

        model.run_stage = counting
        strips = model(image)
    stages = len(model.stem) + len(model.down) + len(model.up) + 1 + (model.foreground is not None)
    assert calls > 2 * stages
    assert strips.keys() == whole.keys()
    for key, expected in whole.items():
        torch.testing.assert_close(strips[key], expected, atol=1e-5, rtol=1e-5)


def test_strips_of_a_size_that_does_not_divide() -> None:
    """13 units in strips of 4: the last one is short."""
    conv = nn.Conv2d(1, 3, 3, padding=1)
    pool = nn.MaxPool2d(2)
    x = torch.randn(1, 1, 26, 10)

    def stage(x: Tensor) -> tuple[Tensor, ...]:
        y = conv(x)
        return pool(y), y

    with torch.inference_mode():
        got = InStrips(nbytes=1)(stage, x, units=13, halo=1, channels=3)
        for a, b in zip(got, stage(x), strict=True):
            torch.testing.assert_close(a, b)


def test_a_small_image_is_run_whole() -> None:
    seen = []

    def stage(x: Tensor) -> tuple[Tensor, ...]:
        seen.append(x.shape)
        return (x,)

    x = torch.zeros(1, 1, 64, 64)
    InStrips()(stage, x, units=64, halo=2, channels=32)
    assert seen == [x.shape]


def test_strips_stay_below_the_size_asked_for() -> None:
    rows = []

    def stage(x: Tensor) -> tuple[Tensor, ...]:
        rows.append(x.shape[-2])
        return (x,)

    x = torch.zeros(1, 1, 4096, 100)
    InStrips(nbytes=100 * 8 * 4 * 50)(stage, x, units=4096, halo=1, channels=8)
    assert max(rows) == 50 + 2
    assert run_whole(stage, x, units=4096, halo=1, channels=8)[0] is x
