"""What is in an image. The same types hold what a person annotated and what a model found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import InputError

__all__ = ["Annotation", "Boxes", "Instances", "Mask", "Result", "Scores"]

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Scores:
    """Class probabilities of a whole image.

    Attributes
    ----------
    probabilities
        ``(n_classes,)`` float32, summing to 1; for an annotation, 1 at the true class.
    class_names
        One name per class.
    """

    probabilities: FloatArray
    class_names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Mask:
    """A class for every pixel.

    Attributes
    ----------
    classes
        Spatial shape, int32; -1 where the class is not annotated.
    class_names
        One name per class id, from 0.
    probabilities
        ``(n_classes, *spatial)`` float32, or None.
    """

    classes: IntArray
    class_names: tuple[str, ...]
    probabilities: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class Boxes:
    """Axis-aligned boxes.

    Attributes
    ----------
    boxes_xyxy
        ``(n, 4)`` float32 at pixel edges: x2 - x1 is the width of the covered pixels.
    classes
        ``(n,)`` int32, from 0.
    class_names
        One name per class id.
    scores
        ``(n,)`` float32 in 0..1, or None for an annotation.
    """

    boxes_xyxy: FloatArray
    classes: IntArray
    class_names: tuple[str, ...] = ()
    scores: FloatArray | None = None

    def __len__(self) -> int:
        return len(self.boxes_xyxy)


@dataclass(frozen=True, eq=False)
class Instances:
    """Objects by their pixels: a label image, and a row of properties for each object.

    Object ``k`` (from 0) has label ``k + 1``; labels are contiguous.

    Attributes
    ----------
    labels
        Spatial shape, int32; 0 is background.
    scores
        ``(n,)`` float32 object probabilities, or None for an annotation.
    classes
        ``(n,)`` int32 class ids from 0, -1 where unknown; None if there is only one class.
    class_names
        One name per class id; empty if there is only one class.
    centres
        ``(n, ndim)`` float32, the points that the star distances start from, in pixels (array order); or None.
    distances
        ``(n, n_rays)`` float32 star distances in pixels; or None.
    """

    labels: IntArray
    scores: FloatArray | None = None
    classes: IntArray | None = None
    class_names: tuple[str, ...] = ()
    centres: FloatArray | None = None
    distances: FloatArray | None = None

    def __post_init__(self) -> None:
        for name in ("scores", "classes", "centres", "distances"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self):
                raise InputError(f"{name} has {len(values)} rows for {len(self)} objects")

    def __len__(self) -> int:
        """Number of objects: the number of rows, or the highest label where there are none."""
        for rows in (self.scores, self.classes, self.centres):
            if rows is not None:
                return len(rows)
        return int(self.labels.max(initial=0))


Result = Scores | Mask | Boxes | Instances
Annotation = Result
Labels = npt.NDArray[Any]
