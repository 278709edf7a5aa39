"""Cross-validation: every image is predicted once, by a model that was trained without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from ..data.split import folds
from ..errors import ConfigError
from ..io import write_table
from ..models import entry
from ..prediction.evaluation import WORST_SHOWN, Evaluation
from ..prediction.loading import load_predictor
from ..prediction.options import PredictOptions
from ..prediction.predictor import Predictor
from ..reports.evaluation_report import report_of
from ..training.fit import EpochReport
from ..training.settings import TrainSettings
from ..training.whole_plan import check_classes, usable
from .several import DONE, begin, how_to_go_on
from .single import train_one

__all__ = ["CrossValidation", "check_folds", "cross_validate"]


class CrossValidation(NamedTuple):
    """What came of a cross-validation.

    Attributes
    ----------
    evaluation
        Of all images, each as the model found it that did not know it.
    table
        A row for each fold, and one each for their mean and standard deviation.
    """

    evaluation: Evaluation
    table: pd.DataFrame


def cross_validate(
    model: str,
    dataset: Any,
    folder: Path,
    *,
    settings: TrainSettings,
    resume: bool = False,
    say: Callable[[str], None] | None = None,
    report: Callable[[int], EpochReport | None] | None = None,
) -> CrossValidation:
    """Train a model on all but one part of the images, for each part, and measure it on that part.

    Images of one group, and copies, are in the same part; classes are spread evenly. The folder gets a run for each
    fold (``fold_1``, ...), ``evaluation.csv``, ``.json`` and ``.html`` over all images, and ``folds.csv``.

    Parameters
    ----------
    model, dataset, settings, say
        As of `train_one`; ``settings.folds`` says how many parts there are. Parts that the data are in already are not
        kept.
    folder
        Of all the runs.
    resume
        Go on where an interrupted cross-validation ended.
    report
        Gives what is called after every epoch of a fold, by its number from 0.

    Raises
    ------
    ConfigError, DataError, InputError, OutputError
        As of `train_one`; and if there are fewer images, or groups of them, than folds, or all images of a class are in
        one group.
    """
    tell = say or (lambda _: None)
    alone = replace(settings, folds=0)
    if "test" in dataset.splits:
        tell("the part called test is left aside")
    dataset = replace(dataset, channels=settings.channels, axes=settings.axes or dataset.axes)
    images = usable(dataset, entry(model).task, settings, None, say=tell)
    parts = folds(images, settings.folds, settings.seed)
    for train, validation in parts:  # before the first of them is trained
        check_classes(train, validation)
    begin(folder, model, images, settings=settings, resume=resume, say=tell)
    predictors = []
    for k, (train, validation) in enumerate(parts):
        own = folder / f"fold_{k + 1}"
        tell(
            f"fold {k + 1} of {len(parts)}: {len(train)} images to train on, {len(validation)} to validate on"
        )
        if resume and (own / DONE).is_file():
            predictors.append(load_predictor(own))
            continue
        own_settings, goes_on = how_to_go_on(own, model, alone, resume=resume)
        predictors.append(
            train_one(
                model,
                _in_parts(train, validation),
                own,
                settings=own_settings,
                resume=goes_on,
                say=say,
                report=report(k) if report else None,
            )
        )
    evaluation = _evaluation(predictors, [validation for _, validation in parts], settings, folder)
    table = _table(predictors)
    evaluation.save(folder)
    write_table(folder / "folds.csv", table)
    return CrossValidation(evaluation, table)


def _in_parts(train: Any, validation: Any) -> Any:
    """One dataset of both, with the parts that `stellate.training.feed.divided` keeps to."""
    records = [replace(record, split="train") for record in train.records]
    records += [replace(record, split="val") for record in validation.records]
    return replace(train, records=tuple(records))


def _evaluation(
    predictors: list[Predictor], validations: list[Any], settings: TrainSettings, folder: Path
) -> Evaluation:
    options = PredictOptions(device=settings.device)
    names, truths, found = [], [], []
    where: list[tuple[Any, int]] = []
    for predictor, validation in zip(predictors, validations, strict=True):
        whole = replace(validation, channels=())
        for k in range(len(whole)):
            image, truth = whole.pair(k)
            names.append(whole[k].name)
            truths.append(truth)
            found.append(predictor.predict(image, options).result)
            where.append((whole, k))
    metrics = predictors[0].task().score(found, truths, names=names)
    report = report_of(metrics)
    worst = []
    for k in metrics.worst(WORST_SHOWN):
        dataset, index = where[k]
        worst.append((names[k], *report.draw(dataset.image(index), truths[k], found[k])))
    title = f"{len(predictors)}-fold cross-validation of {folder.resolve().name}"
    return Evaluation(metrics, title, validations[0].root.name, tuple(worst))


def _table(predictors: list[Predictor]) -> pd.DataFrame:
    rows = []
    for k, predictor in enumerate(predictors, start=1):
        scores = predictor.info.metrics["validation"]
        numbers = {name: value for name, value in scores.items() if isinstance(value, int | float)}
        rows.append({"fold": str(k), **numbers})
    table = pd.DataFrame(rows)
    values = table.drop(columns="fold").astype(float)
    summary = pd.DataFrame([values.mean(), values.std(ddof=1)])
    summary.insert(0, "fold", ["mean", "standard deviation"])
    return pd.concat([table, summary], ignore_index=True)


def check_folds(task: str, settings: TrainSettings) -> None:
    """See that cross-validation is there for a task.

    Raises
    ------
    ConfigError
        If it is not, or a model to start from might have seen the images.
    """
    if task not in ("classification", "localization"):
        raise ConfigError(
            f"folds {settings.folds}: only a classifier or a localizer is cross-validated; leave it out"
        )
    if settings.from_model:
        raise ConfigError(
            f"folds {settings.folds}: the model to start from may have been trained on these images; begin with "
            "weights of other images instead (weights)"
        )
