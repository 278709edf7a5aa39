"""What an evaluation of images with one object each shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..metrics.instance_scores import Row
from ..metrics.localization_scores import CORNER, IOU_LEVELS, LocalizationMetrics
from ..results import Boxes
from .agreement import AGREEMENT_COLOURS
from .backdrop import backdrop
from .boxes import Frame, draw_frames, in_words
from .confusion_section import confusion_section
from .page_parts import NOTHING, table
from .projection import flat

__all__ = ["CLASS_COLUMNS", "LocalizationReport"]

_FIRST, _SECOND = (f"{level:g}" for level in IOU_LEVELS)

_SCORES = {
    "mean_iou": "mean IoU",
    "located": f"IoU over {_FIRST}",
    "located_75": f"IoU over {_SECOND}",
    "class_accuracy": "right class",
    "both": f"both, IoU over {_FIRST}",
    "both_75": f"both, IoU over {_SECOND}",
}

CLASS_COLUMNS = {"class": "class", "n_true": "annotated", "n_predicted": "found", **_SCORES}
"""Headings of the table of classes, by the names of its values."""

_SIDE = 512
"""Pixels towards which small images are enlarged, and to which large ones are reduced."""
_ANNOTATED, _FOUND = AGREEMENT_COLOURS["missed"], AGREEMENT_COLOURS["matched"]


@dataclass(frozen=True)
class LocalizationReport:
    """Tables, pictures and parts of the page about boxes; see `stellate.reports.evaluation_report.Report`.

    Attributes
    ----------
    metrics
        What to report.
    """

    metrics: LocalizationMetrics

    captions = ("",)
    of_worst = "The worst images"
    about_pictures = "Those of the wrong class first, then those whose boxes have least in common."

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
        """The image with both boxes, the found one in a broken line."""
        picture, step = backdrop(flat(image), max_side=_SIDE)
        zoom = max(1, _SIDE // max(picture.shape[:2]))
        picture = picture.repeat(zoom, axis=0).repeat(zoom, axis=1)
        frames = [
            Frame(tuple((box * zoom / step).tolist()), colour, in_words(boxes, k), dashed=dashed)
            for boxes, colour, dashed in ((truth, _ANNOTATED, False), (found, _FOUND, True))
            for k, box in enumerate(boxes.boxes_xyxy.astype(np.float64))
        ]
        return (draw_frames(picture, frames),)

    def numbers(self) -> dict[str, str]:
        """The few that tell most."""
        scores = self.metrics.overall.scores()
        names = {
            "mean_iou": "mean IoU of the boxes",
            "located": f"of the boxes with IoU over {_FIRST}",
            "located_75": f"of the boxes with IoU over {_SECOND}",
            "class_accuracy": "of the images with the right class",
            "both": f"with the right class and IoU over {_FIRST}",
            "both_75": f"with the right class and IoU over {_SECOND}",
        }
        numbers = {words: NOTHING if scores[k] is None else f"{scores[k]:.3f}" for k, words in names.items()}
        return {**numbers, "images": f"{len(self.metrics.images):,}"}

    def sections(self) -> list[str]:
        """The scores of the classes, and which was found as which."""
        metrics = self.metrics
        rows = [[row[name] for name in CLASS_COLUMNS] for row in metrics.table()]
        overall = {**metrics.overall.row(), "class": "all images"}
        rows.append([overall[name] for name in CLASS_COLUMNS])
        of_classes = f"""{table(list(CLASS_COLUMNS.values()), rows)}
<p class="soft">Annotated and found are numbers of images. IoU is the area that the found and the annotated box share,
over the area that either covers; a class has the scores of the images that are annotated as of it. IoU does not look at
the class that was found, nor "right class" at the box.</p>"""
        confusion = confusion_section(
            metrics.confusion, metrics.class_names, metrics.class_names, corner=CORNER, counted="Images"
        )
        return ["<h2>Classes</h2>", of_classes, *confusion]

    def legend(self) -> str:
        """Which line is which."""
        return f"<li>{_swatch(_ANNOTATED, '')}annotated</li><li>{_swatch(_FOUND, '4 3')}found</li>"

    def in_words(self, position: int) -> str:
        """What is to be said of an image."""
        image = self.metrics.images[position]
        sure = "" if np.isnan(image.probability) else f" ({image.probability:.1%})"
        classes = (
            f"{image.found}{sure}, as annotated"
            if image.right
            else f"annotated {image.truth}, found {image.found}{sure}"
        )
        return f"IoU {image.iou:.3f}; {classes}"

    def image_columns(self) -> dict[str, str]:
        """Headings of the table of images, by the names of its values."""
        return {
            "image": "image",
            "annotated": "annotated",
            "found": "found",
            "right": "right",
            "probability": "probability of the class found",
            "iou": "IoU",
        }


def _swatch(colour: tuple[int, int, int], dashes: str) -> str:
    return (
        '<svg viewBox="0 0 18 18" aria-hidden="true"><rect width="18" height="18" fill="#333"/>'
        f'<rect x="3" y="3" width="12" height="12" fill="none" stroke="#{"".join(f"{c:02x}" for c in colour)}" '
        f'stroke-width="2.5" stroke-dasharray="{dashes}"/></svg>'
    )
