"""Images that each are of one class, or pieces of images that are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .. import io
from ..axes import Image
from ..errors import DataError
from ..results import Scores
from .class_names import renumbered_names
from .dataset import AnnotatedImages

__all__ = ["ClassDataset", "ClassRecord", "Region"]

Region = tuple[tuple[int, int], tuple[int, int]]
"""Half-open rows and columns of a piece of an image: ``((y0, y1), (x0, x1))``."""


@dataclass(frozen=True)
class ClassRecord:
    """An image file, or a piece of it, and its class.

    Attributes
    ----------
    name
        What it is called in reports; no two of a dataset's part are called alike.
    image_path
        The image.
    class_id
        Its class, from 0.
    split
        ``"train"``, ``"val"`` or ``"test"`` where the data say so, else None.
    group
        Images of one group (a patient, the pieces of one image) stay on one side of every split; empty if it stands
        alone.
    region
        The piece of the image that is meant; None for all of it.
    """

    name: str
    image_path: Path
    class_id: int
    split: str | None = None
    group: str = ""
    region: Region | None = None


@dataclass(frozen=True, eq=False)
class ClassDataset(AnnotatedImages[ClassRecord, Scores]):
    """Images, each of one class. `stellate.data.opening.open_classes` makes it."""

    def class_of(self, index: int) -> int:
        """Class id of an image, from 0."""
        return self.records[index].class_id

    def annotation(self, index: int) -> Scores:
        """Probability 1 for the class of an image."""
        probabilities = np.zeros(len(self.class_names), dtype=np.float32)
        probabilities[self.class_of(index)] = 1
        return Scores(probabilities, self.class_names)

    def with_class_names(self, names: Sequence[str]) -> ClassDataset:
        """The same with these class names, in this order; images keep their classes by name.

        Raises
        ------
        DataError
            If images are of classes that are not among them.
        """
        table = renumbered_names(self.root, self.class_names, names, {r.class_id for r in self.records})
        records = tuple(replace(r, class_id=int(table[r.class_id])) for r in self.records)
        return replace(self, records=records, class_names=tuple(names))

    def _read(self, index: int, read: Callable[..., Image]) -> Image:
        region = self.records[index].region
        return (
            super()._read(index, read) if region is None else _cut(super()._read(index, io.open_lazy), region)
        )


def _cut(image: Image, region: Region) -> Image:
    """A piece of an image, with all that lies along its other axes."""
    spans = dict(zip("YX", region, strict=True))
    for axis, (start, stop) in spans.items():
        if not 0 <= start < stop <= image.sizes[axis]:
            raise DataError(
                f"{image.path}: the piece {axis} {start} to {stop} is not inside the image, which has "
                f"{image.sizes[axis]} along {axis}; it has changed since it was annotated"
            )
    at = tuple(slice(*spans[axis]) if axis in spans else slice(None) for axis in image.axes)
    # a copy, lest the piece hold all of the image in memory
    return replace(image, array=np.array(image.array[at]))
