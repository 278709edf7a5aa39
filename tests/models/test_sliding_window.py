from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from stellate.models.sliding_window import SlidingWindow, SlidingWindowConfig, multiplications, repetition
from stellate.nn.inference import prepare_for_inference

SMALL: dict[str, Any] = {"base_channels": 3, "hidden_channels": 5, "n_classes": 3, "in_channels": 2}
PATCHES: dict[str, dict[str, Any]] = {
    "two levels": {"patch_size": 28},
    "odd": {"patch_size": 31},
    "no level": {"patch_size": 7, "depth": 0},
    "three levels": {"patch_size": 25, "depth": 3, "convs_per_level": 1},
    "every third": {"patch_size": 20, "depth": 1, "step": 3},
    "every fourth": {"patch_size": 17, "depth": 1, "step": 4, "convs_per_level": 3},
    "batches that cut rows": {"patch_size": 12, "depth": 1, "patches_at_a_time": 17},
}


def window(name: str) -> SlidingWindow:
    torch.manual_seed(0)
    made = SlidingWindow(SlidingWindowConfig(**SMALL | PATCHES[name])).eval()
    for parameter in made.parameters():
        parameter.data.add_(0.05 * torch.randn_like(parameter))
    return made


def image(made: SlidingWindow) -> torch.Tensor:
    """Smaller than the patch one way, larger the other."""
    step = made.config.step
    return torch.randn(2, made.config.in_channels, 3 * step, step * (36 // step))


@pytest.mark.parametrize("name", PATCHES)
def test_each_pixel_has_the_class_of_the_patch_around_it(name: str) -> None:
    made = window(name)
    x, size, step = image(made), made.config.patch_size, made.config.step
    before, after = size // 2, size - 1 - size // 2
    padded = np.pad(x.numpy(), [(0, 0), (0, 0), (before, after), (before, after)], mode="reflect")
    with torch.inference_mode():
        found = made(x)["classes"]
        for b, y, x_ in np.random.default_rng(0).integers(0, (2, *found.shape[2:]), size=(20, 3)):
            row, column = (n // step * step + step // 2 for n in (y, x_))
            patch = torch.from_numpy(padded[b : b + 1, :, row : row + size, column : column + size])
            torch.testing.assert_close(
                made.classifier(patch).ravel(), found[b, :, y, x_], atol=1e-5, rtol=1e-5
            )


@pytest.mark.parametrize("name", PATCHES)
def test_the_convolutional_twin_gives_the_same_at_every_pixel(name: str) -> None:
    made = window(name)
    twin = made.to_convolutional()
    assert twin.config.convolutional
    assert not twin.training
    x = image(made)
    with torch.inference_mode():
        naive, dense = made(x)["classes"], twin(x)["classes"]
    assert naive.std(dim=(0, 2, 3)).min() > 1e-3
    torch.testing.assert_close(dense, naive, atol=1e-5, rtol=1e-5)


def test_the_twin_has_weights_of_its_own() -> None:
    made = window("no level")
    twin = made.to_convolutional()
    twin.classifier[0].weight.data.zero_()
    assert made.classifier[0].weight.abs().min() > 0


def test_both_are_the_same_when_prepared_for_inference() -> None:
    made = window("two levels")
    x = torch.randn(1, 2, 8, 8)
    naive, dense = (prepare_for_inference(n)(x)["classes"] for n in (made, made.to_convolutional()))
    torch.testing.assert_close(dense, naive, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(naive, made(x)["classes"].detach(), atol=1e-5, rtol=1e-5)


def test_both_learn_by_the_same_gradients() -> None:
    made = window("batches that cut rows").train()
    twin = made.to_convolutional()
    x = image(made)
    for network in (made, twin):
        network(x)["classes"].square().mean().backward()
    for mine, its in zip(made.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, its.grad, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", PATCHES)
def test_multiplications_are_those_that_torch_counts(name: str) -> None:
    made = window(name)
    for network in (made, made.to_convolutional()):
        x = torch.zeros(1, *image(made).shape[1:])
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            network(x)
        height, width = x.shape[2:]
        assert 2 * multiplications(network.config, (height, width)) == counter.get_total_flops()


@pytest.mark.parametrize("name", ["two levels", "odd", "three levels"])
def test_repetition_is_the_limit_of_large_images(name: str) -> None:
    made = window(name)
    side = 100_000
    twin = made.to_convolutional().config
    ratio = multiplications(made.config, (side, side)) / multiplications(twin, (side, side))
    assert repetition(made.config) == repetition(twin) == pytest.approx(ratio, rel=1e-3)
