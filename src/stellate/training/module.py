"""The one LightningModule: any network, any task."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from ..nn.layout import in_best_layout
from ..tasks.task import Batch, Task
from .settings import TrainSettings

__all__ = ["Rates", "TrainingModule", "laid_out"]

# StarDist halves the learning rate after this many epochs without a better validation loss.
PLATEAU_PATIENCE = 40


@dataclass(frozen=True)
class Rates:
    """Learning rates of a run.

    Attributes
    ----------
    peak
        The largest, after the warm-up.
    of_backbone
        That of a backbone, as a share of it.
    """

    peak: float
    of_backbone: float = 1.0


class TrainingModule(pl.LightningModule):
    """Sums a task's named losses and steps the optimiser.

    Parameters
    ----------
    network
        What is trained.
    task
        Gives the losses.
    settings
        Schedule.
    rates
        Peak learning rates.
    """

    def __init__(
        self, network: nn.Module, task: Task[Any, Any, Any], settings: TrainSettings, rates: Rates
    ) -> None:
        super().__init__()
        self.network = network
        self.task = task
        self.settings = settings
        self.rates = rates

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
        optimizer = torch.optim.AdamW(self._groups(), lr=self.rates.peak)
        if self.settings.schedule == "plateau":
            plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(
                optimizer, factor=0.5, patience=PLATEAU_PATIENCE
            )
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plateau, "monitor": "val_loss"}}
        cosine = torch.optim.lr_scheduler.LambdaLR(optimizer, self._factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cosine, "interval": "step"}}

    def _groups(self) -> list[dict[str, Any]]:
        """Parameters by what they have in common: decay, and the rate of a backbone that differs from the others'."""
        backbone = getattr(self.network, "backbone", None) if self.rates.of_backbone != 1 else None
        inside = {id(p) for p in backbone.parameters()} if isinstance(backbone, nn.Module) else set()
        groups = []
        for of_backbone in (False, True) if inside else (False,):
            of_group = [p for p in self.network.parameters() if (id(p) in inside) is of_backbone]
            rate = self.rates.peak * (self.rates.of_backbone if of_backbone else 1)
            for decays in (True, False):
                decay = self.settings.weight_decay if decays else 0
                chosen = [p for p in of_group if (p.ndim > 1) is decays]
                groups.append({"params": chosen, "weight_decay": decay, "lr": rate})
        return groups

    def _factor(self, step: int) -> float:
        """Share of the peak learning rate at a step."""
        total = self.settings.epochs * (self.settings.steps_per_epoch or 1)
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
