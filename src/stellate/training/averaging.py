"""Moving averages: of the weights, which are what is validated and saved, and of the statistics of batch norms."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, WeightAveraging
from torch import Tensor, nn

__all__ = ["BatchStatistics", "WeightAverage", "decay_at"]


def decay_at(updates: int, decay: float) -> float:
    """Decay of the average after so many updates.

    It rises to `decay` as (1 + n) / (10 + n), so that the first, bad weights are soon forgotten: with a constant decay
    of 0.998, a fourth of the average after 700 steps would still be what the training began with.
    """
    return min(decay, (1 + updates) / (10 + updates))


class WeightAverage(WeightAveraging):
    """Exponential moving average of weights and batch statistics.

    Parameters
    ----------
    decay
        Of a step, once many were done.
    """

    def __init__(self, decay: float) -> None:
        def average(averages: list[Tensor], weights: list[Tensor], updates: Tensor | int) -> None:
            if averages[0].is_floating_point():
                torch._foreach_lerp_(averages, weights, 1 - decay_at(int(updates), decay))
            else:  # counters
                torch._foreach_copy_(averages, weights)

        super().__init__(multi_avg_fn=average)


class BatchStatistics(Callback):
    """Lets the statistics of batch norms forget what they began with as fast as the average of the weights does.

    They move by a hundredth of the way per step. In a run of some hundred steps they would still be, in part, the zeros
    and ones that they began with, and the network would do worse in use than in training.
    """

    def __init__(self) -> None:
        self._own: dict[nn.Module, float] = {}

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Set how far they move at this step."""
        if not self._own:
            norms = (m for m in pl_module.modules() if isinstance(m, nn.BatchNorm2d | nn.BatchNorm3d))
            self._own = {norm: norm.momentum for norm in norms if norm.momentum is not None}
        for norm, own in self._own.items():
            norm.momentum = 1 - decay_at(trainer.global_step, 1 - own)  # type: ignore[assignment]

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Set how far they move to what it was."""
        for norm, own in self._own.items():
            norm.momentum = own  # type: ignore[assignment]
        self._own = {}
