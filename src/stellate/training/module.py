"""The one LightningModule: any network, any task."""

from __future__ import annotations

import math
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from ..nn.layout import in_best_layout
from ..tasks.task import Batch, Task
from .settings import TrainSettings

__all__ = ["TrainingModule", "laid_out"]

# StarDist halves the learning rate after this many epochs without a better validation loss.
PLATEAU_PATIENCE = 40


class TrainingModule(pl.LightningModule):
    """Sums a task's named losses and steps the optimiser.

    Parameters
    ----------
    network
        What is trained.
    task
        Gives the losses.
    settings
        Learning rate and schedule.
    learning_rate
        Peak learning rate.
    """

    def __init__(
        self, network: nn.Module, task: Task[Any, Any, Any], settings: TrainSettings, learning_rate: float
    ) -> None:
        super().__init__()
        self.network = network
        self.task = task
        self.settings = settings
        self.learning_rate = learning_rate

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Sum of the losses of a batch."""
        return self._losses(batch, "train")

    def validation_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Sum of the losses of a validation batch."""
        return self._losses(batch, "val")

    def _losses(self, batch: Batch, stage: str) -> Tensor:
        batch = laid_out(batch)
        losses = self.task.loss(self.network, batch)
        total = torch.stack(list(losses.values())).sum()
        rows = {f"{stage}_{name}": value.detach() for name, value in {"loss": total, **losses}.items()}
        self.log_dict(rows, on_step=False, on_epoch=True, batch_size=len(batch["image"]), sync_dist=True)
        return total

    def configure_optimizers(self) -> Any:
        """AdamW without decay of norms and biases; warm-up and cosine, or StarDist's plateau."""
        decayed = [p for p in self.network.parameters() if p.ndim > 1]
        others = [p for p in self.network.parameters() if p.ndim <= 1]
        groups = [
            {"params": decayed, "weight_decay": self.settings.weight_decay},
            {"params": others, "weight_decay": 0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=self.learning_rate)
        if self.settings.schedule == "plateau":
            plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer, factor=0.5, patience=PLATEAU_PATIENCE
            )
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plateau, "monitor": "val_loss"}}
        cosine = torch.optim.lr_scheduler.LambdaLR(optimizer, self._factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cosine, "interval": "step"}}

    def _factor(self, step: int) -> float:
        """Share of the peak learning rate at a step."""
        total = self.settings.epochs * self.settings.steps_per_epoch
        warmup = min(self.settings.warmup_steps, total // 2)
        if step < warmup:
            return (step + 1) / warmup
        done = min((step - warmup) / max(1, total - warmup), 1.0)
        return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))


def laid_out(batch: Batch) -> dict[str, Any]:
    """The batch with its image and maps ``(B, C, *spatial)`` in the memory layout that training is fastest in."""
    ndim = batch["image"].ndim
    return {
        name: in_best_layout(x) if isinstance(x, Tensor) and x.ndim == ndim else x
        for name, x in batch.items()
    }
