"""What annotations of boxes say, read from any format, before it is held against the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..io.image_boxes import ImageBoxes
from .findings import Finding

__all__ = ["StatedBoxes", "StatedImage"]


class StatedImage(NamedTuple):
    """An image and what is said of it.

    Attributes
    ----------
    image
        The image's file.
    annotation
        The file that says it.
    boxes
        What it says.
    split
        The part that the image is of, or None.
    """

    image: Path
    annotation: Path
    boxes: ImageBoxes
    split: str | None = None


@dataclass
class StatedBoxes:
    """Everything that the annotations of a folder say.

    Attributes
    ----------
    images
        Of each image.
    class_order
        Classes in the order that the format gives them; empty if it gives none.
    click
        Sides of boxes up to this are those of a click, and no box: 1 where both ends of a side count.
    left_out
        Boxes that were left out, counted by the reason.
    findings
        What is wrong.
    """

    images: list[StatedImage] = field(default_factory=list)
    class_order: Sequence[str] = ()
    click: float = 0.0
    left_out: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def add(self, other: StatedBoxes) -> None:
        """Take in what annotations of another part say."""
        self.images += other.images
        self.class_order = tuple(dict.fromkeys([*self.class_order, *other.class_order]))
        self.click = max(self.click, other.click)
        self.findings += other.findings
        for reason, count in other.left_out.items():
            self.left_out[reason] = self.left_out.get(reason, 0) + count
