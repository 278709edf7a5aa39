"""``stellate train``: a model from an annotated folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from ..training.settings import TrainSettings
from .console import counted, say, show_progress, table
from .literals import literals

if TYPE_CHECKING:
    from ..experiments.folds import CrossValidation

__all__ = ["train"]

_OF_FOLDS = (
    "accuracy", "balanced_accuracy", "mean_roc_auc", "calibration_error",
    "mean_iou", "located", "located_75", "class_accuracy", "both", "both_75",
)  # fmt: skip
"""Scores of which a column is printed."""


def train(
    model: str,
    data: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    resume: Annotated[bool, Parameter(negative=())] = False,
    settings: Annotated[TrainSettings, Parameter(name="*")] = TrainSettings(),  # noqa: B008 - frozen
) -> int:
    """Train a model on annotated data.

    That is a folder with images/ and masks/ (of the same names: labels of objects, or classes of pixels). For a
    classifier: a folder of images for each class, a table of images and classes, or boxes or objects, which are cut
    out. For yolo: Pascal VOC, COCO, YOLO, a table of boxes, or masks; for a localizer the same, with one object in each
    image. Settings that are not given are chosen from the data; what was chosen, and why, is printed.

    Parameters
    ----------
    model
        What to train: stardist for the outlines of objects; unet, segnet, encoder-decoder, fully-convolutional or
        sliding-window for the class of every pixel; classifier for the class of an image; localizer for the box and the
        class of the one object in it; yolo for the boxes and classes of any number of objects.
    data
        The annotated folder, or file.
    output
        Folder of the run: the model, checkpoints, curves, a contact sheet.
    resume
        Go on with a run that was interrupted.
    """
    from .. import api

    settings = replace(settings, network=literals(settings.network), task=literals(settings.task))
    with show_progress() as progress:
        trained: Any = api.train(
            model, data, output, settings=settings, resume=resume, progress=progress, say=say
        )
    if hasattr(trained, "evaluation"):  # of several folds, also where the run that is resumed says so
        _say_folds(trained, output)
        return 0
    scores = trained.info.metrics.get("validation", {})
    if scores:
        images = counted(scores["n_images"], "validation image")
        say(f"on {images}: {_told(scores)}")
    say(f"model, curves and report are in {output.resolve()}")
    say(f"next: stellate predict YOUR_IMAGES -m {output} -o results")
    return 0


def _say_folds(validated: CrossValidation, output: Path) -> None:
    """The scores of the folds, and of all images."""
    columns = [name for name in ("fold", "n_images", *_OF_FOLDS) if name in validated.table.columns]
    headings = [name.replace("_", " ") for name in columns]
    say(table(headings, validated.table[columns].astype(object).itertuples(index=False)))
    say(
        f"all images, each by the model that did not know it: {_told(validated.evaluation.metrics.summary())}"
    )
    say(f"runs, scores and a page with the worst images are in {output.resolve()}")
    say("the runs were for measuring; to have a model of all images, train without folds")


def _told(scores: Mapping[str, Any]) -> str:
    """The scores of a task in a few words."""
    if "both" in scores:
        shown = {
            "mean IoU": scores["mean_iou"],
            "class accuracy": scores["class_accuracy"],
            "both right": scores["both"],
        }
    elif "map50" in scores:
        shown = {"mAP50": scores["map50"], "mAP": scores["map"], "F1": scores["f1"]}
    elif "balanced_accuracy" in scores:
        shown = {"accuracy": scores["accuracy"], "balanced accuracy": scores["balanced_accuracy"]}
    elif "mean_iou" in scores:
        shown = {"mean IoU of the classes": scores["mean_iou"], "pixel accuracy": scores["pixel_accuracy"]}
    else:
        shown = {"mean accuracy": scores["mean_accuracy_by_image"]}
    return ", ".join(f"{name} {value:.3f}" for name, value in shown.items() if value is not None)
