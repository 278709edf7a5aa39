"""Trying values of a setting: a model for each, the best on validation is kept."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ..errors import ConfigError
from ..io import write_table
from ..models import entry
from ..models.file import save_model
from ..prediction.loading import load_predictor
from ..prediction.predictor import Predictor
from ..tasks.from_settings import with_settings
from ..tasks.localization import LocalizationTask
from ..training.fit import EpochReport
from ..training.settings import TrainSettings
from ..training.whole_plan import usable
from .several import DONE, begin, how_to_go_on
from .single import train_one

__all__ = ["Sweep", "check_sweep", "parse_sweep", "sweep"]

USUAL = {
    ("box_weight", "l2"): (3.0, 10.0, 30.0, 100.0),
    ("box_weight", "smooth-l1"): (0.3, 1.0, 3.0, 10.0),
    ("box_weight", "giou"): (0.3, 1.0, 3.0, 10.0),
}
"""Values that are tried where none are given, by the loss of the box."""

RANKED_BY = ("both", "mean_iou")
"""Scores by which the best is chosen; the next one where the first is equal."""

_KEPT = (
    "history.csv", "curves.png", "validation.png", "evaluation.csv",
    "evaluation_images.csv", "evaluation_classes.csv", "evaluation_confusion.csv", "evaluation.html", DONE,
)  # fmt: skip


class Sweep(NamedTuple):
    """What came of a sweep.

    Attributes
    ----------
    predictor
        The best model.
    table
        A row for each value, with its scores on the images to validate on; ``chosen`` says which was best.
    """

    predictor: Predictor
    table: pd.DataFrame


def parse_sweep(text: str, settings: TrainSettings) -> tuple[str, tuple[float, ...]]:
    """Name of the setting of a sweep, and its values.

    Parameters
    ----------
    text
        ``NAME`` or ``NAME=VALUE,VALUE,...``.
    settings
        Of the run; the loss of the box says which values are usual.

    Raises
    ------
    ConfigError
        If nothing is known of the setting, or the values are not different numbers.

    Examples
    --------
    >>> parse_sweep("box-weight=1,10", TrainSettings())
    ('box_weight', (1.0, 10.0))
    """
    name, _, listed = text.partition("=")
    name = name.strip().replace("-", "_")
    if name != "box_weight":
        raise ConfigError(f"sweep {text!r}: expected box-weight, or values of it: box-weight=1,10,100")
    loss = str(settings.task.get("box_loss", "l2"))
    if not listed and (name, loss) in USUAL:  # of any other loss the task says that there is none
        return name, USUAL[name, loss]
    try:
        values = tuple(float(value) for value in listed.split(","))
    except ValueError:
        values = ()
    shown = {
        f"{value:g}" for value in values if math.isfinite(value) and value >= 0
    }  # runs are called by them
    if listed and len(shown) < max(2, len(values)):
        raise ConfigError(f"sweep {text!r}: expected two or more different numbers, e.g. box-weight=1,10,100")
    return name, values


def check_sweep(task: str, settings: TrainSettings) -> None:
    """See that there is something to try for a task, before any image is read.

    Raises
    ------
    ConfigError
        If there is not, or a value cannot be.
    """
    if task != "localization":
        raise ConfigError(
            f"sweep {settings.sweep}: only a localizer has a setting to try values of; leave it out"
        )
    name, values = parse_sweep(str(settings.sweep), settings)
    if name in settings.task:
        raise ConfigError(f"sweep {settings.sweep} and task.{name}: give one of them")
    for value in values or (0.0,):
        with_settings(LocalizationTask(), {**settings.task, name: value, "class_weights": ()})


def sweep(
    model: str,
    dataset: Any,
    folder: Path,
    *,
    settings: TrainSettings,
    resume: bool = False,
    say: Callable[[str], None] | None = None,
    report: Callable[[int], EpochReport | None] | None = None,
) -> Sweep:
    """Train a model for each value of a setting, on the same images, and keep the best.

    The folder gets what a single run gives of the best, ``sweep.csv``, and the runs in ``sweep/``.

    Parameters
    ----------
    model, dataset, settings, say
        As of `train_one`; ``settings.sweep`` says what is tried; see `check_sweep`.
    folder
        Of all the runs.
    resume
        Go on where an interrupted sweep ended.
    report
        Gives what is called after every epoch of a run, by its number from 0.
    """
    tell = say or (lambda _: None)
    name, values = parse_sweep(str(settings.sweep), settings)
    dataset = replace(dataset, channels=settings.channels, axes=settings.axes or dataset.axes)
    images = usable(dataset, entry(model).task, settings, None, say=tell)
    begin(folder, model, images, settings=settings, resume=resume, say=tell)
    rows, folders = [], []
    for k, value in enumerate(values):
        own = folder / "sweep" / f"{name.replace('_', '-')}_{value:g}"
        tell(f"{name.replace('_', ' ')} {value:g}, {k + 1} of {len(values)}")
        if resume and (own / DONE).is_file():
            predictor = load_predictor(own)
        else:
            alone = replace(settings, sweep=None, task={**settings.task, name: value})
            own_settings, goes_on = how_to_go_on(own, model, alone, resume=resume)
            predictor = train_one(
                model,
                images,
                own,
                settings=own_settings,
                resume=goes_on,
                say=say,
                report=report(k) if report else None,
            )
        scores = predictor.info.metrics["validation"]
        numbers = {key: number for key, number in scores.items() if isinstance(number, int | float)}
        rows.append({name: value, **numbers})
        folders.append(own)
    best = max(range(len(rows)), key=lambda k: tuple(rows[k].get(score) or 0.0 for score in RANKED_BY))
    table = pd.DataFrame(rows)
    table["chosen"] = [k == best for k in range(len(rows))]
    _keep(folders[best], folder)
    write_table(folder / "sweep.csv", table)
    return Sweep(load_predictor(folder), table)


def _keep(best: Path, folder: Path) -> None:
    """What a single run gives, of the best; the model is called as the folder is."""
    chosen = load_predictor(best)
    save_model(folder / "model.safetensors", chosen.network, replace(chosen.info, name=folder.resolve().name))
    for file in _KEPT:
        if (best / file).is_file():
            shutil.copyfile(best / file, folder / file)
