"""``stellate evaluate``: how well a model does on an annotated folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from ..prediction.options import PredictOptions
from .console import counted, say, show_progress, table

if TYPE_CHECKING:
    from ..metrics.class_scores import ClassMetrics

__all__ = ["evaluate", "say_classes"]

_SHOWN = {
    "threshold": "IoU",
    "true_positives": "TP",
    "false_positives": "FP",
    "false_negatives": "FN",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "panoptic_quality": "PQ",
    "accuracy": "accuracy",
    "accuracy_by_image": "by image",
}
"""Columns of the printed table."""

_OF_CLASSES = {
    "class": "class",
    "n_true": "annotated",
    "n_predicted": "found",
    **{k: v for k, v in _SHOWN.items() if k not in ("threshold", "accuracy_by_image")},
}
"""Columns of the printed table of classes."""


def evaluate(
    model: str,
    data: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    split: Literal["train", "val", "test"] | None = None,
    options: Annotated[PredictOptions, Parameter(name="*")] = PredictOptions(),  # noqa: B008 - frozen
) -> int:
    """Compare what a model finds with what is annotated: matching at IoU .5 to .95, per image and pooled.

    Objects of volumes are matched in space, by their voxels.

    Parameters
    ----------
    model
        A model that ships, a .safetensors file, the folder of a run, or a folder of StarDist.
    data
        The annotated folder.
    output
        Folder for the scores as CSV and JSON, and a page with the worst images; none if not given.
    split
        Part of the folder to use; all of it if not given.
    """
    from .. import api

    with show_progress() as progress:
        evaluation = api.evaluate(model, data, output, split=split, options=options, progress=progress)
    metrics = evaluation.metrics
    say(table(tuple(_SHOWN.values()), ([row[name] for name in _SHOWN] for row in metrics.table())))
    objects = counted(metrics.n_true, "object")
    say(f"{counted(len(metrics.images), 'image')}, {objects} annotated, {metrics.n_predicted} found")
    say(f"mean accuracy by image, over all thresholds: {metrics.mean_accuracy:.3f}")
    if metrics.classes is not None:
        say_classes(metrics.classes)
    if output is not None:
        say(f"scores and a page with the worst images are in {output.resolve()}")
    return 0


def say_classes(classes: ClassMetrics) -> None:
    """Print the scores of each class at the lowest threshold, and their means."""
    rows = (c.row(0) for c in classes.classes)
    say()
    say(table(tuple(_OF_CLASSES.values()), ([row[name] for name in _OF_CLASSES] for row in rows)))
    means = {"F1": classes.mean("f1"), "PQ": classes.mean("panoptic_quality")}
    shown = (f"{name} {value:.3f}" for name, value in means.items() if value is not None)
    right = classes.class_accuracy
    say(f"mean over the classes: {', '.join(shown) or 'none'}")
    if right is not None:
        say(f"right class among the matched objects: {right:.1%}")
