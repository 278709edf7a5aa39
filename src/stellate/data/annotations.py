"""What annotations of every pixel have in common, whether of objects or of classes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ..results import Instances, IntArray, Mask

__all__ = ["PixelAnnotation", "pixel_ids", "pixels_by_line", "with_pixel_ids"]

PixelAnnotation = Instances | Mask
"""An annotation that says of every pixel what it is of."""


def pixel_ids(annotation: PixelAnnotation) -> IntArray:
    """What each pixel is of: spatial shape, int32, the label of an object or the id of a class; below 0 unknown."""
    return annotation.labels if isinstance(annotation, Instances) else annotation.classes


def with_pixel_ids(annotation: PixelAnnotation, ids: IntArray) -> PixelAnnotation:
    """The same with other pixels, e.g. of another number of axes."""
    if isinstance(annotation, Instances):
        return replace(annotation, labels=ids)
    return replace(annotation, classes=ids)


def pixels_by_line(annotation: PixelAnnotation) -> npt.NDArray[np.int64]:
    """Where to look for pixels that are worth seeing: of objects, or of each class.

    Returns
    -------
    ndarray
        ``(n_lines, n_groups)`` int64: their number in each row of an image, or each plane of a volume. Of objects there
        is one group; of a mask a group for each class.
    """
    if isinstance(annotation, Instances):
        counts = [[np.count_nonzero(line > 0)] for line in annotation.labels]
        return np.array(counts, dtype=np.int64).reshape(-1, 1)
    n_classes = len(annotation.class_names)
    rows = [np.bincount(line[line >= 0], minlength=n_classes) for line in annotation.classes]
    return np.array(rows, dtype=np.int64).reshape(-1, n_classes)
