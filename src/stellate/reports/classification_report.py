"""What an evaluation of classified images shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..metrics.calibration import N_BINS
from ..metrics.classification_scores import CLASS_SCORES, CORNER, ClassificationMetrics
from ..metrics.instance_scores import Row
from ..metrics.ratios import plain
from ..results import Scores
from .confusion_section import confusion_section
from .overlay import overlay
from .page_parts import NOTHING, table
from .reliability_chart import reliability_chart
from .roc_chart import MOST_CURVES, roc_chart

__all__ = ["CLASS_COLUMNS", "ClassificationReport", "mean_row"]

CLASS_COLUMNS = {
    "class": "class",
    "n_true": "annotated",
    "n_predicted": "found",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "roc_auc": "ROC area",
}
"""Headings of the table of classes, by the names of its values."""

_SIDE = 384
"""Pixels towards which small images are enlarged, and to which large ones are reduced."""


@dataclass(frozen=True)
class ClassificationReport:
    """Tables, pictures and parts of the page about classes of images; see `stellate.reports.evaluation_report.Report`.

    Attributes
    ----------
    metrics
        What to report.
    """

    metrics: ClassificationMetrics

    captions = ("",)
    of_worst = "The surest mistakes"
    about_pictures = "Images of another class than was found, those first of which the model was surest."

    def tables(self) -> dict[str, list[Row]]:
        """All images together; by image; by class; and which class was found as which."""
        metrics = self.metrics
        return {
            "means": metrics.overall_table(),
            "images": metrics.image_table(),
            "classes": metrics.table(),
            "confusion": metrics.confusion_table(),
        }

    def draw(self, image: Any, truth: Scores, found: Scores) -> tuple[npt.NDArray[np.uint8], ...]:
        """The image."""
        picture = overlay(image, found, max_side=_SIDE)
        zoom = max(1, _SIDE // max(picture.shape[:2]))
        return (picture.repeat(zoom, axis=0).repeat(zoom, axis=1),)

    def numbers(self) -> dict[str, str]:
        """The few that tell most."""
        metrics = self.metrics
        values = {
            "accuracy: images of the right class": metrics.accuracy,
            "balanced accuracy: mean of the classes": metrics.balanced_accuracy,
            "mean F1 of the classes": metrics.mean("f1"),
            "mean ROC area of the classes": metrics.mean("roc_auc"),
            "calibration error": metrics.calibration_error,
        }
        numbers = {words: NOTHING if np.isnan(v) else f"{v:.3f}" for words, v in values.items()}
        return {**numbers, "images": f"{len(metrics.images):,}"}

    def sections(self) -> list[str]:
        """The scores of the classes, which was found as which, and what probabilities are worth."""
        metrics = self.metrics
        rows = [[row[name] for name in CLASS_COLUMNS] for row in metrics.table()]
        means = {"class": "mean over the classes", **mean_row(metrics)}
        rows.append([means.get(name, "") for name in CLASS_COLUMNS])
        of_classes = f"""{table(list(CLASS_COLUMNS.values()), rows)}
<p class="soft">Annotated and found are numbers of images. Of each class, precision is the share of the images found
that are of it; recall is the share of its images that were found; F1 is their harmonic mean. The ROC area tells how
well its probability ranks its images before all others: 1 is perfect, 0.5 is chance. The mean of the recalls is the
balanced accuracy.</p>"""
        confusion = confusion_section(
            metrics.confusion, metrics.class_names, metrics.class_names, corner=CORNER, counted="Images"
        )
        return ["<h2>Classes</h2>", of_classes, *confusion, *self._ranking(), *self._calibration()]

    def legend(self) -> str:
        """Nothing is drawn into the pictures."""
        return ""

    def in_words(self, position: int) -> str:
        """What is to be said of an image."""
        image = self.metrics.images[position]
        found = f"found {image.found} ({image.probability:.1%})"
        if image.right:
            return f"{found}, as annotated"
        return f"annotated {image.truth} ({image.truth_probability:.1%}), {found}"

    def image_columns(self) -> dict[str, str]:
        """Headings of the table of images, by the names of its values."""
        return {
            "image": "image",
            "annotated": "annotated",
            "found": "found",
            "right": "right",
            "probability": "probability of the class found",
            "truth_probability": "probability of the annotated class",
        }

    def _ranking(self) -> list[str]:
        chart = roc_chart(self.metrics)
        if not chart:
            return []
        some = f" Of more than {MOST_CURVES} classes those of the least area are drawn." * (
            len(self.metrics.class_names) > MOST_CURVES
        )
        return [
            "<h2>ROC curves</h2>",
            chart,
            '<p class="soft">Each class against all others, while the probability that is asked for goes down, with '
            f"the area below the curve. Chance is the diagonal.{some}</p>",
        ]

    def _calibration(self) -> list[str]:
        error = self.metrics.calibration_error
        return [
            "<h2>How far probabilities can be trusted</h2>",
            reliability_chart(self.metrics.reliability),
            '<p class="soft">Of the answers with a probability of 0.8, 0.8 should be right: the points should lie on '
            f"the diagonal. Their mean distance from it, over {N_BINS} equal bins, weighted by the number of images, "
            f"is the calibration error, {error:.3f}.</p>",
        ]


def mean_row(metrics: ClassificationMetrics) -> dict[str, float | None]:
    """Mean of each score over the classes that have it; None where none has."""
    return {name: plain(metrics.mean(name)) for name in CLASS_SCORES}
