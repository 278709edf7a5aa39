"""The moving average of the weights, which is what is validated and saved."""

from __future__ import annotations

import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

__all__ = ["WeightAverage", "decay_at"]


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
