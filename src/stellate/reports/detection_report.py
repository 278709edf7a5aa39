"""What an evaluation of images with any number of boxes shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..metrics.box_matching import MATCH_IOU, surer_boxes
from ..metrics.detection_scores import CORNER, NOTHING, DetectionMetrics
from ..metrics.instance_scores import Row
from ..results import Boxes
from . import page_parts
from .box_agreement import BOX_COLOURS, draw_box_agreement
from .confusion_section import confusion_section
from .page_parts import table
from .precision_recall_chart import MOST_CURVES, precision_recall_chart

__all__ = ["CLASS_COLUMNS", "COUNT_COLUMNS", "DetectionReport"]

CLASS_COLUMNS = {
    "class": "class",
    "n_true": "annotated",
    "n_predicted": "found",
    "true_positives": "right",
    "false_positives": "false",
    "false_negatives": "missed",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "ap": "AP",
    "ap50": "AP50",
    "ap75": "AP75",
    "average_recall": "average recall",
}
"""Headings of the table of classes, by the names of its values."""

COUNT_COLUMNS = {
    "class": "class",
    "n_true": "annotated",
    "n_predicted": "found",
    "mean_count_error": "mean difference",
    "mean_absolute_count_error": "mean absolute difference",
}
"""Headings of the table of counts, by the names of its values."""

_SIZE_COLUMNS = {"size": "size", "n_true": "annotated", "ap": "AP", "average_recall": "average recall"}
_SIZES = {
    "all": "all",
    "small": "below 32 x 32 pixels",
    "medium": "up to 96 x 96 pixels",
    "large": "above 96 x 96 pixels",
}
_MOST_CLASSES = 60
"""Of more classes the files have the tables."""

# Kind of box, the width of its line, its dashes, and what it means.
_LEGEND = (
    ("matched", 1, "", "of the same class"),
    ("mistaken", 3, "4 3", "in the same place, but of another class"),
    ("missed", 3, "", "annotated, but nothing found there"),
    ("false", 3, "", "found, but nothing annotated there"),
)


@dataclass(frozen=True)
class DetectionReport:
    """Tables, pictures and parts of the page about boxes; see `stellate.reports.evaluation_report.Report`.

    Attributes
    ----------
    metrics
        What to report.
    """

    metrics: DetectionMetrics

    captions = ("annotated", "found")
    of_worst = "The worst images"
    about_pictures = "Those of the lowest F1 first; of equals, those with most objects."

    def tables(self) -> dict[str, list[Row]]:
        """All images together; by image; by class; and which class was found as which."""
        metrics = self.metrics
        return {
            "means": metrics.overall_table(),
            "images": metrics.image_table(),
            "classes": metrics.table(),
            "confusion": metrics.confusion_table(),
        }

    def draw(self, image: Any, truth: Boxes, found: Boxes) -> tuple[npt.NDArray[np.uint8], ...]:
        """Annotated boxes, and those found from the score on that counts, marked by what became of them."""
        return draw_box_agreement(image, truth, surer_boxes(found, self.metrics.score_threshold))

    def numbers(self) -> dict[str, str]:
        """The few that tell most."""
        metrics = self.metrics
        overall = metrics.overall
        values = {
            "mAP: mean over classes and IoU .5 to .95": metrics.map,
            "mAP at IoU 0.5": metrics.map50,
            "mAP at IoU 0.75": metrics.map75,
            f"F1 at IoU {MATCH_IOU:g}, all objects": overall.counts.f1,
            "objects by which the count of an image is off, in the mean": overall.mean_absolute_count_error,
        }
        numbers = {words: page_parts.NOTHING if np.isnan(v) else f"{v:.3f}" for words, v in values.items()}
        found = {f"objects found, of {overall.counts.n_true:,} annotated": f"{overall.counts.n_predicted:,}"}
        return {**numbers, **found, "images": f"{len(metrics.images):,}"}

    def sections(self) -> list[str]:
        """Scores of classes, curves, counts, sizes, and which class was found as which."""
        labels = (*self.metrics.class_names, NOTHING)
        confusion = confusion_section(
            self.metrics.confusion, labels, labels, corner=CORNER, counted="Objects, matched by IoU alone"
        )
        about_nothing = (
            f'<p class="soft">The column {NOTHING} has the objects that were missed, the row {NOTHING} those found '
            "where nothing is annotated.</p>"
        )
        return [*self._classes(), *self._curves(), *self._counts(), *self._sizes(), *confusion, about_nothing]

    def legend(self) -> str:
        """Which line is which."""
        return "".join(f"<li>{_swatch(*entry)}</li>" for entry in _LEGEND)

    def in_words(self, position: int) -> str:
        """What is to be said of an image."""
        image = self.metrics.images[position]
        right = image.pooled.n_true - image.missed - image.mistaken
        return (
            f"F1 {image.f1:.3f}; {image.pooled.n_true} annotated: {right} found, {image.mistaken} of another class, "
            f"{image.missed} missed; {image.invented} invented"
        )

    def image_columns(self) -> dict[str, str]:
        """Headings of the table of images, by the names of its values."""
        return {
            "image": "image",
            "n_true": "annotated",
            "n_predicted": "found",
            "count_error": "difference",
            "mistaken": "of another class",
            "missed": "missed",
            "invented": "invented",
            "precision": "precision",
            "recall": "recall",
            "f1": "F1",
        }

    def _classes(self) -> list[str]:
        from_score = (
            f" Boxes from the score {self.metrics.score_threshold:g} on count; AP and average recall see all."
            if self.metrics.score_threshold
            else ""
        )
        return [
            "<h2>Classes</h2>",
            self._by_class(CLASS_COLUMNS),
            f'<p class="soft">A found object is right if the box of an annotated one of its class has an IoU of at '
            f"least {MATCH_IOU:g} with it; the surest are matched first, one to one. Precision is the share of the "
            "found objects that are right, recall the share of the annotated ones that were found, F1 their harmonic "
            f"mean.{from_score} AP is the average precision of COCO, the mean over IoU .5 to .95; AP50 and AP75 are "
            "those at IoU .5 and .75; average recall is the recall in the mean over IoU .5 to .95. All boxes count, "
            "where COCO takes the 100 surest of each class in an image. In the last row counts are added up, and AP "
            "and average recall are means over the classes that are annotated.</p>",
        ]

    def _curves(self) -> list[str]:
        chart = precision_recall_chart(self.metrics)
        if not chart:
            return []
        some = f" Of more than {MOST_CURVES} classes those of the least AP50 are drawn." * (
            len(self.metrics.class_names) > MOST_CURVES
        )
        return [
            "<h2>Precision and recall</h2>",
            chart,
            '<p class="soft">At IoU .5, while the score that is asked for goes down: the best precision at a recall or '
            "a higher one. The area below is AP50, the number beside the name. A dot is where the boxes that count "
            f"elsewhere on this page end. A curve falls to 0 where no more was found.{some}</p>",
        ]

    def _counts(self) -> list[str]:
        return [
            "<h2>Counts</h2>",
            self._by_class(COUNT_COLUMNS),
            '<p class="soft">Found less annotated objects of an image, in the mean over all images: above 0 there are '
            "too many. In the mean absolute difference too many in one image do not make up for too few in another. "
            "In the last row classes may make up for one another.</p>",
        ]

    def _sizes(self) -> list[str]:
        rows = [{**row, "size": _SIZES[row["size"]]} for row in self.metrics.size_table()]
        return [
            "<h2>Sizes</h2>",
            table(list(_SIZE_COLUMNS.values()), [[row[name] for name in _SIZE_COLUMNS] for row in rows]),
            '<p class="soft">By the area of the annotated boxes, as COCO has it; means over the classes that have '
            "some of the size.</p>",
        ]

    def _by_class(self, columns: dict[str, str]) -> str:
        metrics = self.metrics
        rows = [*metrics.table(), {**metrics.overall.row(), "class": "all classes"}]
        if len(rows) - 1 > _MOST_CLASSES:
            rows = rows[-1:]
        more = "" if len(rows) > 1 else '<p class="soft">See evaluation_classes.csv for each class.</p>'
        return table(list(columns.values()), [[row[name] for name in columns] for row in rows]) + more


def _swatch(kind: str, width: float, dashes: str, words: str) -> str:
    colour = "#{:02x}{:02x}{:02x}".format(*BOX_COLOURS[kind])
    return (
        '<svg viewBox="0 0 18 18" aria-hidden="true"><rect width="18" height="18" fill="#333"/>'
        f'<rect x="3" y="3" width="12" height="12" fill="none" stroke="{colour}" stroke-width="{width}" '
        f'stroke-dasharray="{dashes}"/></svg>{words}'
    )
