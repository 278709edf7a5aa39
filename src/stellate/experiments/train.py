"""What `stellate.api.train` does: one model, one for each fold, or one for each value of a setting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..data.for_task import open_for_task
from ..models import entry
from ..prediction.predictor import Predictor, Progress
from ..training.fit import EpochReport
from ..training.record import resumed_settings
from ..training.settings import TrainSettings
from ..training.whole_choices import refuse_other_settings
from .folds import CrossValidation, check_folds, cross_validate
from .several import refuse_runs
from .single import train_one, weights_file
from .sweep import check_sweep, parse_sweep, sweep

__all__ = ["train"]


def train(
    model: str,
    data: str | Path,
    folder: Path,
    *,
    settings: TrainSettings,
    resume: bool = False,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> Predictor | CrossValidation:
    """Train as the settings say; see `stellate.api.train`."""
    task = entry(model).task
    settings = replace(settings, weights=weights_file(settings.weights))
    if resume:
        settings = resumed_settings(folder, model, settings)
    else:
        refuse_runs(folder)
    if settings.folds:
        check_folds(task, settings)
    if settings.sweep:
        check_sweep(task, settings)
    refuse_other_settings(task, settings)
    several = bool(settings.folds or settings.sweep)
    dataset = open_for_task(data, task, axes=settings.axes, labels=settings)
    if not several:
        report = _reported(progress, 0, 1) if progress else None
        return train_one(model, dataset, folder, settings=settings, resume=resume, say=say, report=report)
    runs = settings.folds or len(parse_sweep(str(settings.sweep), settings)[1])
    how: dict[str, Any] = {
        "settings": settings,
        "resume": resume,
        "say": say,
        "report": (lambda k: _reported(progress, k, runs)) if progress else None,
    }
    if settings.folds:
        return cross_validate(model, dataset, folder, **how)
    found = sweep(model, dataset, folder, **how)
    if say is not None:
        say(found.table.to_string(index=False, float_format=lambda value: f"{value:.3f}"))
    return found.predictor


def _reported(progress: Progress, run: int, runs: int) -> EpochReport:
    """Epochs of one of several runs, as progress of all."""

    def report(epoch: int, epochs: int, losses: dict[str, float]) -> None:
        shown = ", ".join(
            f"{name} {losses[name]:.4f}" for name in ("train_loss", "val_loss") if name in losses
        )
        which = f"run {run + 1} of {runs}, " if runs > 1 else ""
        progress(run * epochs + epoch, runs * epochs, f"{which}{shown}")

    return report
