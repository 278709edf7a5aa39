"""What an evaluation of objects shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..metrics.instance_scores import ImageScores, InstanceMetrics, Row
from ..results import Instances
from .accuracy_chart import accuracy_chart
from .agreement import AGREEMENT_COLOURS, draw_agreement
from .class_tables import class_tables
from .page_parts import table

__all__ = ["InstanceReport"]

_SHOWN_THRESHOLDS = (0.5, 0.75, 0.9)
# Kind of object, its hatching as a path in a square of 18, and what it means.
_LEGEND = (
    ("matched", "", "matched"),
    ("missed", "M-2 14 14 -2 M4 20 20 4", "annotated, but nothing found matches"),
    ("false", "M4 -2 20 14 M-2 4 14 20", "found, but nothing annotated matches"),
)
_OF_THRESHOLDS = {
    "threshold": "IoU",
    "true_positives": "matched",
    "false_positives": "false",
    "false_negatives": "missed",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "accuracy": "accuracy",
    "accuracy_by_image": "accuracy, mean over images",
    "mean_matched_iou": "mean IoU of matches",
    "panoptic_quality": "panoptic quality",
}


@dataclass(frozen=True)
class InstanceReport:
    """Tables, pictures and parts of the page about objects; see `stellate.reports.evaluation_report.Report`.

    Attributes
    ----------
    metrics
        What to report.
    """

    metrics: InstanceMetrics

    captions = ("annotated", "found")
    of_worst = "The worst images"
    about_pictures = "Volumes are seen along their depth, with the objects in front that nothing matches."

    def tables(self) -> dict[str, list[Row]]:
        """By threshold and image; where objects are told apart, of classes as well."""
        metrics = self.metrics
        tables = {"thresholds": metrics.table(), "images": metrics.image_table()}
        if metrics.classes is not None:
            tables |= {"classes": metrics.classes.table(), "confusion": metrics.classes.confusion_table()}
        return tables

    def draw(self, image: Any, truth: Instances, found: Instances) -> tuple[npt.NDArray[np.uint8], ...]:
        """Annotated and found objects, marked by whether they match."""
        return draw_agreement(image, truth.labels, found.labels)

    def numbers(self) -> dict[str, str]:
        """The few that tell most."""
        metrics = self.metrics
        first = metrics.pooled[0]
        at = f"IoU {first.threshold:g}"
        return {
            "mean accuracy over images and thresholds": f"{metrics.mean_accuracy:.3f}",
            f"accuracy at {at}, mean over images": f"{metrics.by_image('accuracy', first.threshold):.3f}",
            f"F1 at {at}, all objects": f"{first.f1:.3f}",
            f"panoptic quality at {at}, all objects": f"{first.panoptic_quality:.3f}",
            f"objects found, of {metrics.n_true:,} annotated": f"{metrics.n_predicted:,}",
            "images": f"{len(metrics.images):,}",
        }

    def sections(self) -> list[str]:
        """Accuracy by threshold, and what is known of classes."""
        return [
            "<h2>Accuracy by threshold</h2>",
            accuracy_chart(self.metrics),
            self._threshold_table(),
            class_tables(self.metrics.classes, self.metrics.thresholds[0]),
        ]

    def legend(self) -> str:
        """What the marks in the pictures mean."""
        return "".join(f"<li>{_swatch(*entry)}</li>" for entry in _LEGEND)

    def in_words(self, position: int) -> str:
        """What is to be said of an image."""
        image: ImageScores = self.metrics.images[position]
        first = image.at[0]
        return (
            f"mean accuracy {image.mean_accuracy:.3f}; at IoU {first.threshold:g}: {first.true_positives} matched, "
            f"{first.false_negatives} missed, {first.false_positives} false"
        )

    def image_columns(self) -> dict[str, str]:
        """Headings of the table of images, by the names of its values."""
        have = self.metrics.thresholds
        shown = [t for t in _SHOWN_THRESHOLDS if any(abs(t - one) < 1e-6 for one in have)]
        return {
            "image": "image",
            "n_true": "annotated",
            "n_predicted": "found",
            "count_error": "difference",
            **{f"accuracy_{t:g}": f"accuracy at {t:g}" for t in shown},
            "mean_accuracy": "mean accuracy",
            "panoptic_quality": f"panoptic quality at {have[0]:g}",
        }

    def _threshold_table(self) -> str:
        by_threshold = [{**row, "threshold": f"{row['threshold']:g}"} for row in self.metrics.table()]
        rows = [[row[name] for name in _OF_THRESHOLDS] for row in by_threshold]
        return f"""{table(list(_OF_THRESHOLDS.values()), rows)}
<p class="soft">An annotated and a found object match if the intersection of their pixels (of volumes: voxels) is at
least the given share of their union (IoU). Accuracy is matched / (matched + false + missed); panoptic quality is the
IoU summed over matches / (matched + false / 2 + missed / 2). Unless it says mean over images, the objects of
all images are counted together.</p>"""


def _swatch(kind: str, hatching: str, words: str) -> str:
    colour = "#{:02x}{:02x}{:02x}".format(*AGREEMENT_COLOURS[kind])
    width = 3 if hatching else 1.5
    return (
        '<svg viewBox="0 0 18 18" aria-hidden="true"><rect width="18" height="18" fill="#333"/>'
        f'<path d="{hatching}" stroke="{colour}" stroke-width="1.5"/>'
        f'<rect x="2" y="2" width="14" height="14" fill="none" stroke="{colour}" stroke-width="{width}"/></svg>{words}'
    )
