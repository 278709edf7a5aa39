"""``stellate evaluate``: how well a model does on an annotated folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from ..data.label_options import LabelOptions
from ..data.mask_options import MaskOptions
from ..prediction.options import PredictOptions
from .console import counted, say, show_progress, table, warn
from .scores import HEADINGS, class_tables

if TYPE_CHECKING:
    from ..metrics.class_scores import ClassMetrics
    from ..metrics.classification_scores import ClassificationMetrics
    from ..metrics.detection_scores import DetectionMetrics
    from ..metrics.instance_scores import InstanceMetrics, Row
    from ..metrics.localization_scores import LocalizationMetrics
    from ..metrics.mask_scores import MaskMetrics

__all__ = [
    "EvaluateOptions",
    "evaluate",
    "say_boxes",
    "say_classes",
    "say_detections",
    "say_masks",
    "say_objects",
    "say_scores",
]

MOST_CLASSES = 40
"""With more classes of images than this their scores are in the files only."""

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


@dataclass(frozen=True)
class EvaluateOptions(PredictOptions):
    """How a model is applied where it is measured."""

    probabilities: Annotated[bool, Parameter(parse=False)] = False
    """Not offered: nothing of an evaluation has them."""
    instances: bool = False
    """Of a model that gives a class to every pixel: compare objects, the connected pieces of its classes but for the
    first, which is the ground, with those that are annotated, or with the pieces of the annotated classes."""


def evaluate(
    model: str,
    data: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"])] = None,
    split: Literal["train", "val", "test"] | None = None,
    options: Annotated[EvaluateOptions, Parameter(name="*")] = EvaluateOptions(),
    masks: Annotated[MaskOptions, Parameter(name="*")] = MaskOptions(),  # noqa: B008 - frozen
    labels: Annotated[LabelOptions, Parameter(name="*")] = LabelOptions(),  # noqa: B008 - frozen
) -> int:
    """Compare what a model finds with what is annotated: matching at IoU .5 to .95, per image and pooled.

    Objects of volumes are matched in space, by their voxels. Of a model for classes of pixels: IoU, Dice, accuracy
    and boundary F1 of each class, and which class was found as which. Of a classifier: accuracy, balanced accuracy,
    and precision, recall, F1 and ROC area of each class. Of a localizer: IoU of the boxes, and whether the class
    is right. Of a detector: average precision as COCO's, precision, recall and F1 at IoU .5, and by how much counts
    are off.

    Parameters
    ----------
    model
        A model that ships, a .safetensors file, the folder of a run, or a folder of StarDist.
    data
        The annotated folder, or file.
    output
        Folder for the scores as CSV and JSON, and a page with the worst images; none if not given.
    split
        Part of the folder to use; all of it if not given.
    """
    from .. import api

    with show_progress() as progress:
        evaluation = api.evaluate(
            model, data, output, split=split, options=options, masks=masks, labels=labels, progress=progress
        )
    if evaluation.warning:
        warn(f"warning: {evaluation.warning}")
    _say_metrics(evaluation.metrics)
    if output is not None:
        say(f"scores and a page with the worst images are in {output.resolve()}")
    return 0


def _say_metrics(metrics: Any) -> None:
    from ..metrics.classification_scores import ClassificationMetrics
    from ..metrics.detection_scores import DetectionMetrics
    from ..metrics.localization_scores import LocalizationMetrics
    from ..metrics.mask_scores import MaskMetrics

    told: Mapping[type, Callable[[Any], None]] = {
        MaskMetrics: say_masks,
        ClassificationMetrics: say_scores,
        LocalizationMetrics: say_boxes,
        DetectionMetrics: say_detections,
    }
    told.get(type(metrics), say_objects)(metrics)


def say_objects(metrics: InstanceMetrics) -> None:
    """Print the scores at each threshold of IoU."""
    say(table(tuple(_SHOWN.values()), ([row[name] for name in _SHOWN] for row in metrics.table())))
    objects = counted(metrics.n_true, "object")
    say(f"{counted(len(metrics.images), 'image')}, {objects} annotated, {metrics.n_predicted} found")
    say(f"mean accuracy by image, over all thresholds: {metrics.mean_accuracy:.3f}")
    if metrics.classes is not None:
        say_classes(metrics.classes)


def say_masks(metrics: MaskMetrics) -> None:
    """Print the scores of each class of pixels, and their means."""
    from ..reports.mask_report import CLASS_COLUMNS, mean_row

    # what fits into a terminal; the page and the files have all
    columns = {name: heading for name, heading in CLASS_COLUMNS.items() if name != "dice_by_image"}
    rows = [*metrics.table(), {"class": "mean", **mean_row(metrics)}]
    say(table(tuple(columns.values()), ([row.get(name) for name in columns] for row in rows)))
    by_image = metrics.by_image("iou")
    accuracy = metrics.pooled.means()["pixel_accuracy"]
    say(f"{counted(len(metrics.images), 'image')}, all pixels pooled; mean IoU by image: {by_image:.3f}")
    if accuracy is not None:
        say(
            f"pixel accuracy {accuracy:.3f}; boundaries count as found within {metrics.boundary_tolerance:g} pixels"
        )


def say_scores(metrics: ClassificationMetrics) -> None:
    """Print the scores of each class of images, which was found as which, and how many are right."""
    from ..reports.classification_report import CLASS_COLUMNS, mean_row

    rows = [*metrics.table(), {"class": "mean", **mean_row(metrics)}]
    _say_class_rows(CLASS_COLUMNS, rows, metrics.summary())
    say(
        f"{counted(len(metrics.images), 'image')}: accuracy {metrics.accuracy:.3f}, balanced accuracy "
        f"{metrics.balanced_accuracy:.3f}, calibration error {metrics.calibration_error:.3f}"
    )


def say_boxes(metrics: LocalizationMetrics) -> None:
    """Print the scores of each class of boxes, which was found as which, and those of all images."""
    rows = [*metrics.table(), {**metrics.overall.row(), "class": "all images"}]
    _say_class_rows(_columns(rows[-1]), rows, metrics.summary())
    both = metrics.overall.scores()["both"]
    say(
        f"{counted(len(metrics.images), 'image')}: mean IoU {metrics.mean_iou:.3f}, right class "
        f"{metrics.class_accuracy:.1%}, right class and IoU over 0.5 {both:.1%}"
    )


def say_detections(metrics: DetectionMetrics) -> None:
    """Print the scores of each class of boxes, which was found as which, and those of all images."""
    overall = metrics.overall
    rows = [*metrics.table(), {**overall.row(), "class": "all classes"}]
    _say_class_rows(_columns(rows[-1]), rows, metrics.summary())
    least = f" from the score {metrics.score_threshold:g} on" if metrics.score_threshold else ""
    say(
        f"{counted(len(metrics.images), 'image')}, {counted(overall.counts.n_true, 'object')} annotated, "
        f"{overall.counts.n_predicted} found{least}; the count of an image is off by "
        f"{overall.mean_absolute_count_error:.2f} in the mean"
    )
    if overall.counts.n_true:
        say(
            f"average precision, mean over the classes: {metrics.map:.3f} over IoU .5 to .95, {metrics.map50:.3f} at "
            f".5, {metrics.map75:.3f} at .75"
        )


def _columns(row: Row) -> dict[str, str]:
    """The columns of a table of classes with such rows."""
    return {"class": "class", **{name: heading for name, heading in HEADINGS.items() if name in row}}


def _say_class_rows(columns: Mapping[str, str], rows: Sequence[Row], summary: Row) -> None:
    """Print the scores of classes, and which was found as which where there is room for it."""
    if len(rows) - 1 > MOST_CLASSES:
        say(f"{len(rows) - 1} classes; --output writes the scores of each")
        rows = rows[-1:]
    say(table(tuple(columns.values()), ([row.get(name) for name in columns] for row in rows)))
    say()
    say(class_tables(summary)[1][-1])
    say()


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
