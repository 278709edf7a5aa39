"""Images with boxes around things in them, each of a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..errors import DataError
from ..results import Boxes, FloatArray, IntArray
from .class_dataset import ClassDataset
from .class_names import renumbered_names
from .crops import crop_records
from .dataset import AnnotatedImages
from .findings import first_few

__all__ = ["BoxDataset", "BoxRecord"]


@dataclass(frozen=True, eq=False)
class BoxRecord:
    """An image file and the boxes in it.

    Attributes
    ----------
    name
        What the image is called in reports.
    image_path
        The image.
    boxes_xyxy
        ``(n, 4)`` float32 at pixel edges, inside the image and of an area above 0.
    classes
        ``(n,)`` int32, from 0.
    split
        ``"train"``, ``"val"`` or ``"test"`` where the data say so, else None.
    group
        Images of one group (a patient) stay on one side of every split; empty if it stands alone.
    """

    name: str
    image_path: Path
    boxes_xyxy: FloatArray
    classes: IntArray
    split: str | None = None
    group: str = ""


@dataclass(frozen=True, eq=False)
class BoxDataset(AnnotatedImages[BoxRecord, Boxes]):
    """Images, each with any number of boxes. `stellate.data.opening.open_boxes` makes it.

    Attributes
    ----------
    left_out
        Boxes or images that the annotation has and the dataset has not, counted by the reason.
    """

    left_out: Mapping[str, int] = field(default_factory=dict)

    def annotation(self, index: int) -> Boxes:
        """The boxes of an image."""
        record = self.records[index]
        return Boxes(record.boxes_xyxy, record.classes, self.class_names)

    def pair(self, index: int) -> tuple[Image, Boxes]:
        """Read an image and its boxes.

        Raises
        ------
        DataError
            If the image has depth or several frames, or boxes reach beyond it.
        InputError
            If it cannot be read.
        """
        image, boxes = super().pair(index)
        where = self.records[index].image_path
        if image.sizes.get("Z", 1) > 1:
            raise DataError(
                f"{where}: a volume; boxes are for images, so name its axes, or save planes apart"
            )
        size = np.array([image.sizes["X"], image.sizes["Y"]] * 2)
        if len(boxes) and (boxes.boxes_xyxy > size).any():
            raise DataError(
                f"{where}: boxes reach to x {boxes.boxes_xyxy[:, 2].max():g}, y {boxes.boxes_xyxy[:, 3].max():g}, but "
                f"the image has {size[0]} x {size[1]} pixels; it is not the one that was annotated"
            )
        return image, boxes

    def with_class_names(self, names: Sequence[str]) -> BoxDataset:
        """The same with these class names, in this order; boxes keep their classes by name.

        Raises
        ------
        DataError
            If boxes are of classes that are not among them.
        """
        used = {int(k) for r in self.records for k in r.classes}
        table = renumbered_names(self.root, self.class_names, names, used)
        records = tuple(replace(r, classes=table[r.classes]) for r in self.records)
        return replace(self, records=records, class_names=tuple(names))

    def counts(self) -> npt.NDArray[np.int64]:
        """Number of boxes of each class, ``(n_classes,)`` int64."""
        every = [r.classes for r in self.records]
        flat = np.concatenate(every) if every else np.zeros(0, dtype=np.int32)
        return np.bincount(flat, minlength=len(self.class_names)).astype(np.int64)

    def single(self, skip: bool = False) -> BoxDataset:
        """The images with exactly one box.

        Parameters
        ----------
        skip
            Leave others out, and count them in `left_out`.

        Raises
        ------
        DataError
            If there are others, unless they are left out; or if none is left.
        """
        others = [r for r in self.records if len(r.boxes_xyxy) != 1]
        kept = tuple(r for r in self.records if len(r.boxes_xyxy) == 1)
        if others and not skip:
            shown = first_few([f"{r.name} has {len(r.boxes_xyxy) or 'none'}" for r in others])
            raise DataError(
                f"{self.root}: exactly one box is expected in each image; {shown}; take these images out, have them "
                "skipped, or keep boxes of one thing only"
            )
        if not kept:
            raise DataError(
                f"{self.root}: none of {len(self.records)} images has exactly one box; annotate one thing in each"
            )
        if not others:
            return self
        reason = "images without exactly one box"
        return replace(self, records=kept, left_out={**self.left_out, reason: len(others)})

    def crops(self, margin: float) -> ClassDataset:
        """A square piece of an image around each box, of the box's class.

        Parameters
        ----------
        margin
            What is seen around it: the square's side is the box's longer side times ``1 + 2 * margin``. Squares are
            moved into the image, and cut where it is smaller.

        Returns
        -------
        ClassDataset
            The pieces of one image are a group.

        Raises
        ------
        ConfigError
            If the margin is below 0.
        DataError
            If there are no boxes.
        InputError
            If an image's size cannot be read.
        """
        records = crop_records(self, margin)
        return ClassDataset(self.root, records, self.axes, self.class_names, self.channels)
