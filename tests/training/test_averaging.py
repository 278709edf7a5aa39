"""The moving averages of weights and statistics against plain arithmetic."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from torch import nn

from stellate.training.averaging import BatchStatistics, WeightAverage, decay_at


class Stage:
    """As much of a trainer as the callback looks at."""

    global_step = 0


def averages(decay: float, values: np.ndarray) -> list[float]:
    """The average of a weight that takes these values, after each step."""
    module = pl.LightningModule()
    module.weight = nn.Parameter(torch.zeros(1))
    module.register_buffer("count", torch.zeros((), dtype=torch.int64))
    callback: Any = WeightAverage(decay)
    stage: Any = Stage()
    callback.setup(stage, module, "fit")
    found = []
    for step, value in enumerate(values, start=1):
        stage.global_step = step
        with torch.no_grad():
            module.weight.fill_(value)
            module.count += 1
        callback.on_train_batch_end(stage, module, None, None, step - 1)
        assert callback._average_model.module.count == step
        found.append(callback._average_model.module.weight.item())
    return found


@pytest.mark.parametrize("decay", [0.9, 0.998])
def test_the_average_is_that_of_its_decays(decay: float) -> None:
    values = np.random.default_rng(0).normal(size=60)
    expected = [values[0]]
    for n, value in enumerate(values[1:], start=1):
        d = min(decay, (1 + n) / (10 + n))
        expected.append(d * expected[-1] + (1 - d) * value)
    np.testing.assert_allclose(averages(decay, values), expected, rtol=1e-5)


def test_the_first_weights_are_soon_forgotten() -> None:
    values = np.concatenate([np.full(5, 100.0), np.zeros(95)])
    assert averages(0.998, values)[-1] < 0.01


def test_the_decay_rises_to_what_was_asked_for() -> None:
    decays = [decay_at(n, 0.998) for n in range(6000)]
    assert decays[0] == 0.1
    assert decays == sorted(decays)
    assert decays[4490] < 0.998 + 1e-12
    assert decays[-1] == 0.998


def test_batch_norms_soon_know_what_they_see() -> None:
    """After a few steps their statistics are those of the data, and not what they began with."""
    module = pl.LightningModule()
    module.norm = nn.BatchNorm2d(1, momentum=0.01)
    callback, stage = BatchStatistics(), Stage()
    torch.manual_seed(0)
    shares = []
    for step in range(30):
        stage.global_step = step
        callback.on_train_batch_start(stage, module, None, step)
        shares.append(module.norm.momentum)
        module.norm(5 + 3 * torch.randn(4, 1, 16, 16))
    assert module.norm.running_mean.item() == pytest.approx(5, abs=0.2)
    assert module.norm.running_var.item() == pytest.approx(9, rel=0.1)
    assert shares == pytest.approx([9 / (10 + n) for n in range(30)])
    stage.global_step = 10_000
    callback.on_train_batch_start(stage, module, None, 0)
    assert module.norm.momentum == pytest.approx(0.01)
    callback.on_fit_end(stage, module)
    assert module.norm.momentum == 0.01
