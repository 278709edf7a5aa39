"""The history of a run: a row per epoch, as a table and as curves."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl

from ..errors import ConfigError
from ..io.atomic import atomic
from ..reports.curves import draw_curves

__all__ = ["History", "read_history"]


class History(pl.Callback):
    """Writes ``history.csv`` and ``curves.png`` after every epoch.

    Parameters
    ----------
    folder
        Where to write.
    report
        Called with the epoch (from 1), how many there are, and the row.
    """

    def __init__(
        self, folder: Path, report: Callable[[int, int, dict[str, float]], None] | None = None
    ) -> None:
        self.folder = folder
        self.report = report
        self.rows: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Add the row of the epoch that ends; a run that went wrong ends with it, before anything is saved."""
        losses = {k: float(v) for k, v in trainer.callback_metrics.items()}
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        epoch = trainer.current_epoch + 1
        if wrong := [name for name, value in losses.items() if not math.isfinite(value)]:
            raise ConfigError(
                f"epoch {epoch}: {wrong[0]} is no longer a finite number; train with a lower learning rate "
                f"(learning_rate, which peaks at {trainer.optimizers[0].defaults['lr']:g}) into another folder"
            )
        row = {"epoch": epoch, "step": trainer.global_step, "learning_rate": rate, **losses}
        self.rows = [r for r in self.rows if r["epoch"] < epoch] + [row]
        if trainer.is_global_zero:
            _write_rows(self.folder / "history.csv", self.rows)
            draw_curves(self.rows, self.folder / "curves.png")
            if self.report is not None:
                self.report(epoch, trainer.max_epochs or epoch, losses)

    def state_dict(self) -> dict[str, Any]:
        """Rows so far, kept in the checkpoint."""
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Rows of the run that goes on."""
        self.rows = list(state_dict["rows"])


def read_history(path: Path) -> list[dict[str, float]]:
    """Rows of a ``history.csv``."""
    with path.open(newline="") as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


def _write_rows(path: Path, rows: list[dict[str, float]]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with atomic(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
