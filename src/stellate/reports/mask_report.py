"""What an evaluation of classes of pixels shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from ..io.class_colours import mask_colours
from ..metrics.instance_scores import Row
from ..metrics.mask_scores import CORNER, SCORES, UNCLASSIFIED, MaskMetrics
from ..results import Mask
from .class_agreement import ERROR_COLOUR, UNKNOWN_COLOUR, draw_class_agreement
from .confusion_section import confusion_section
from .page_parts import NOTHING, table

__all__ = ["CLASS_COLUMNS", "MaskReport", "mean_row"]

_MOST_COLUMNS = 8
"""Classes up to which images have a column for each."""

CLASS_COLUMNS = {
    "class": "class",
    "n_true": "annotated",
    "n_predicted": "found",
    "iou": "IoU",
    "dice": "Dice",
    "accuracy": "accuracy",
    "boundary_f1": "boundary F1",
    "iou_by_image": "IoU by image",
    "dice_by_image": "Dice by image",
}
"""Headings of the table of classes, by the names of its values."""


@dataclass(frozen=True)
class MaskReport:
    """Tables, pictures and parts of the page about classes; see `stellate.reports.evaluation_report.Report`.

    Attributes
    ----------
    metrics
        What to report.
    """

    metrics: MaskMetrics

    captions = ("annotated", "found", "image", "errors")
    of_worst = "The worst images"
    about_pictures = "Of a volume the plane with most errors is shown."

    def tables(self) -> dict[str, list[Row]]:
        """Means; by image; by class; and which class was found as which."""
        metrics = self.metrics
        return {
            "means": metrics.overall_table(),
            "images": metrics.image_table(),
            "classes": metrics.table(),
            "confusion": metrics.confusion_table(),
        }

    def draw(self, image: Any, truth: Mask, found: Mask) -> tuple[npt.NDArray[np.uint8], ...]:
        """Its classes as annotated and as found, the image, and where they differ."""
        names = self.metrics.class_names
        of_truth, of_found = (_by_position(mask, names) for mask in (truth, found))
        return draw_class_agreement(image, of_truth, of_found, len(names))

    def numbers(self) -> dict[str, str]:
        """The few that tell most."""
        metrics = self.metrics
        means, tolerance = metrics.pooled.means(), f"{metrics.boundary_tolerance:g}"
        names = {
            "mean_iou": "mean IoU of the classes",
            "mean_dice": "mean Dice of the classes",
            "pixel_accuracy": "pixel accuracy",
            "class_accuracy": "mean accuracy of the classes",
            "mean_boundary_f1": f"mean boundary F1, within {tolerance} pixels",
        }
        numbers = {words: NOTHING if means[k] is None else f"{means[k]:.3f}" for k, words in names.items()}
        return {**numbers, "images": f"{len(metrics.images):,}"}

    def sections(self) -> list[str]:
        """The scores of the classes, and which was found as which."""
        metrics = self.metrics
        rows = [[row[name] for name in CLASS_COLUMNS] for row in metrics.table()]
        means = {"class": "mean over the classes", **mean_row(metrics)}
        rows.append([means.get(name, "") for name in CLASS_COLUMNS])
        of_classes = f"""{table(list(CLASS_COLUMNS.values()), rows)}
<p class="soft">Annotated and found are numbers of pixels (of volumes: voxels). Of each class, IoU is the pixels that
are both, over those that are either; Dice is twice the former over the sum of both; accuracy is the share of its
annotated pixels that were found; boundary F1 is that of its outline, found within {metrics.boundary_tolerance:g}
pixels. Scores by image are means over the images; for all others the pixels of all images are counted together. Pixels
that nobody annotated do not count.</p>"""
        return ["<h2>Classes</h2>", of_classes, *self._confusion()]

    def legend(self) -> str:
        """Which colour is which class."""
        names = self.metrics.class_names
        colours: Any = mask_colours(len(names)).tolist()
        items = [_swatch(colours[k] if k else None, name) for k, name in enumerate(names)]
        items += [_swatch(ERROR_COLOUR, "errors"), _swatch(UNKNOWN_COLOUR, "not annotated")]
        return "".join(f"<li>{item}</li>" for item in items)

    def in_words(self, position: int) -> str:
        """What is to be said of an image."""
        image = self.metrics.images[position]
        of_classes = ", ".join(f"{c.name} {c.iou:.3f}" for c in image.classes if c.n_true or c.n_predicted)
        return f"mean IoU {image.mean('iou'):.3f}; IoU of the classes: {of_classes}"

    def image_columns(self) -> dict[str, str]:
        """Headings of the table of images, by the names of its values."""
        names = self.metrics.class_names if len(self.metrics.class_names) <= _MOST_COLUMNS else ()
        return {
            "image": "image",
            "n_pixels": "annotated pixels",
            "mean_iou": "mean IoU",
            "mean_dice": "mean Dice",
            "pixel_accuracy": "pixel accuracy",
            "mean_boundary_f1": "mean boundary F1",
            **{f"iou_{name}": f"IoU of {name}" for name in names},
        }

    def _confusion(self) -> list[str]:
        metrics = self.metrics
        names, counts = metrics.class_names, metrics.confusion
        columns = [*names, UNCLASSIFIED] if counts[:, -1].any() else [*names]
        return confusion_section(
            counts[:, : len(columns)], names, columns, corner=CORNER, counted="Pixels of all images"
        )


def _by_position(mask: Mask, names: Sequence[str]) -> npt.NDArray[np.int32]:
    """Class ids by the positions of their names; -1 for none."""
    positions = np.array([*(names.index(name) for name in mask.class_names), -1], dtype=np.int32)
    return positions[mask.classes]


def mean_row(metrics: MaskMetrics) -> dict[str, float | None]:
    """Mean of each score over the classes, all images pooled; None where no class has it."""
    means = {name: metrics.pooled.mean(name) for name in SCORES}
    return {name: None if np.isnan(mean) else mean for name, mean in means.items()}


def _swatch(colour: Sequence[int] | None, words: str) -> str:
    fill = "none" if colour is None else "#{:02x}{:02x}{:02x}".format(*colour)
    return (
        f'<svg viewBox="0 0 18 18" aria-hidden="true"><rect x="2" y="2" width="14" height="14" fill="{fill}" '
        f'stroke="#222"/></svg>{escape(words)}'
    )
