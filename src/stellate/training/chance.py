"""Chance inside networks, such as dropout: what happens at a step depends on the seed and the step alone."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback

__all__ = ["ChanceOfSteps"]


class ChanceOfSteps(Callback):
    """Seeds every step anew, so that a resumed run drops out what one would have that was never interrupted.

    Parameters
    ----------
    seed
        Of the run.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Set what chance does at this step, differently on each device."""
        mixed = np.random.SeedSequence([self._seed, trainer.global_step, trainer.global_rank])
        torch.manual_seed(int(mixed.generate_state(1)[0]))
