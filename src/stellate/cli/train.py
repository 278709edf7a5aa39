"""``stellate train``: a model from an annotated folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from ..training.settings import TrainSettings
from .console import counted, say, show_progress
from .literals import literals

__all__ = ["train"]


def train(
    model: str,
    data: Path,
    /,
    *,
    output: Annotated[Path, Parameter(name=["--output", "-o"])],
    resume: Annotated[bool, Parameter(negative=())] = False,
    settings: Annotated[TrainSettings, Parameter(name="*")] = TrainSettings(),  # noqa: B008 - frozen
) -> int:
    """Train a model on a folder with images/ and masks/ (of the same names: labels of objects, or classes of pixels).

    Settings that are not given are chosen from the data; what was chosen, and why, is printed.

    Parameters
    ----------
    model
        What to train: stardist for the outlines of objects; unet, segnet, encoder-decoder, fully-convolutional or
        sliding-window for the class of every pixel.
    data
        The annotated folder.
    output
        Folder of the run: the model, checkpoints, curves, a contact sheet.
    resume
        Go on with a run that was interrupted.
    """
    from .. import api

    settings = replace(settings, network=literals(settings.network), task=literals(settings.task))
    with show_progress() as progress:
        trained = api.train(model, data, output, settings=settings, resume=resume, progress=progress, say=say)
    scores = trained.info.metrics.get("validation", {})
    if scores:
        images = counted(scores["n_images"], "validation image")
        say(f"on {images}: {_told(scores)}")
    say(f"model, curves and report are in {output.resolve()}")
    say(f"next: stellate predict YOUR_IMAGES -m {output} -o results")
    return 0


def _told(scores: Mapping[str, Any]) -> str:
    """The scores of a task in a few words."""
    if "mean_iou" in scores:
        shown = {"mean IoU of the classes": scores["mean_iou"], "pixel accuracy": scores["pixel_accuracy"]}
    else:
        shown = {"mean accuracy": scores["mean_accuracy_by_image"]}
    return ", ".join(f"{name} {value:.3f}" for name, value in shown.items() if value is not None)
