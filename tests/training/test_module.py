"""The learning rate over the steps, and that the loop keeps to it."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from stellate.nn.layout import best_layout
from stellate.training.module import Rates, TrainingModule, laid_out
from stellate.training.settings import TrainSettings


def rates(settings: TrainSettings, peak: float = 1e-2) -> list[float]:
    """Learning rate before each step of a run."""
    task: Any = None
    chosen: Any = TrainingModule(nn.Linear(2, 2), task, settings, Rates(peak)).configure_optimizers()
    optimizer, schedule = chosen["optimizer"], chosen["lr_scheduler"]["scheduler"]
    found = []
    for _ in range(settings.epochs * settings.steps_per_epoch):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def test_warm_up_and_cosine() -> None:
    found = rates(TrainSettings(epochs=10, steps_per_epoch=10, warmup_steps=20))
    assert found[:20] == pytest.approx([1e-2 * (k + 1) / 20 for k in range(20)])
    expected = [1e-2 * (0.01 + 0.99 * (1 + math.cos(math.pi * k / 80)) / 2) for k in range(80)]
    assert found[20:] == pytest.approx(expected)


def test_a_run_that_is_shorter_than_the_warm_up_still_cools() -> None:
    found = rates(TrainSettings(epochs=1, steps_per_epoch=20, warmup_steps=200))
    assert max(found) == pytest.approx(1e-2)
    assert found.index(max(found)) == 9
    assert found[-1] < 0.1 * max(found)


def test_norms_and_biases_do_not_decay() -> None:
    task: Any = None
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    chosen: Any = TrainingModule(
        network, task, TrainSettings(weight_decay=0.1), Rates(1e-3)
    ).configure_optimizers()
    decays = {id(p): g["weight_decay"] for g in chosen["optimizer"].param_groups for p in g["params"]}
    assert {name: decays[id(p)] for name, p in network.named_parameters()} == {
        "0.weight": 0.1, "0.bias": 0, "1.weight": 0, "1.bias": 0,
    }  # fmt: skip


@pytest.mark.parametrize("spatial", [(8, 6), (4, 8, 6)])
def test_a_batch_is_laid_out_as_the_network_is(spatial: tuple[int, ...]) -> None:
    """Whatever layout it comes in: rays last, as targets are made, or first."""
    rays_last = torch.arange(2 * 3 * math.prod(spatial)).view(2, *spatial, 3).movedim(-1, 1)
    batch = {"image": torch.rand(2, 3, *spatial), "distances": rays_last, "class": torch.ones(2, *spatial)}
    layout = best_layout(len(spatial) + 2, torch.device("cpu"))
    made = laid_out(batch)
    for name, x in batch.items():
        assert torch.equal(made[name], x)
    assert made["image"].is_contiguous(memory_format=layout)
    assert made["distances"].is_contiguous(memory_format=layout)
    assert made["class"] is batch["class"]
