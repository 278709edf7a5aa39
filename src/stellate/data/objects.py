"""How large annotated objects are, and whether each is in one piece."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..geometry.components import label_components

__all__ = [
    "ObjectSizes",
    "count_pieces",
    "measure_boxes",
    "measure_objects",
    "measure_structures",
    "no_sizes",
]

IndexArray = npt.NDArray[np.int64]

_COUNTED = 1 << 22
# Pieces of a class in fewer pixels are specks of the annotation: they would outnumber what is to be seen.
_SPECK = 10


@dataclass(frozen=True, eq=False)
class ObjectSizes:
    """Sizes of the objects of a label image; row ``k`` is label ``k + 1``.

    Attributes
    ----------
    areas
        ``(n,)`` int64, pixels (voxels in 3D).
    extents
        ``(n, ndim)`` int64, sides of the bounding box in pixels.
    cut
        ``(n, ndim)`` bool, whether the object reaches the first or the last pixel along an axis, and so may go on
        beyond.
    """

    areas: IndexArray
    extents: IndexArray
    cut: npt.NDArray[np.bool_]

    def only(self, chosen: npt.NDArray[np.bool_]) -> ObjectSizes:
        """Some of the objects."""
        return ObjectSizes(self.areas[chosen], self.extents[chosen], self.cut[chosen])

    @property
    def diameters(self) -> npt.NDArray[np.float64]:
        """``(n,)`` float64: diameters in pixels of the discs (balls in 3D) of the same area."""
        if self.extents.shape[1] == 3:
            return np.cbrt(6 * self.areas / np.pi)
        return np.sqrt(4 * self.areas / np.pi)


def no_sizes(ndim: int) -> ObjectSizes:
    """Sizes of no objects."""
    nothing = np.zeros((0, ndim), dtype=np.int64)
    return ObjectSizes(nothing[:, 0], nothing, nothing.astype(bool))


def measure_boxes(boxes_xyxy: npt.NDArray[Any], shape: tuple[int, ...]) -> ObjectSizes:
    """Sizes of boxes, in whole pixels.

    Parameters
    ----------
    boxes_xyxy
        ``(n, 4)``, at pixel edges.
    shape
        Height and width of the image.
    """
    low, high = boxes_xyxy[:, [1, 0]], boxes_xyxy[:, [3, 2]]
    extents = np.rint(high - low).astype(np.int64)
    return ObjectSizes(extents.prod(axis=1), extents, (low < 1) | (high > np.array(shape) - 1))


def measure_objects(labels: npt.NDArray[Any]) -> ObjectSizes:
    """Measure every object of a label image.

    Parameters
    ----------
    labels
        2D or 3D, integer, contiguous from 1; what is 0 or below is no object.
    """
    boxes = ndimage.find_objects(labels)
    areas = np.zeros(len(boxes) + 1, dtype=np.int64)
    # In pieces, since bincount turns what it counts into 64-bit integers first.
    flat = labels.reshape(-1)
    for start in range(0, flat.size, _COUNTED):
        piece = np.maximum(flat[start : start + _COUNTED], 0)
        areas += np.bincount(piece, minlength=len(areas))
    nowhere = (slice(0, 0),) * labels.ndim
    spans = np.array([[(s.start, s.stop) for s in box or nowhere] for box in boxes], dtype=np.int64)
    first, stop = spans.reshape(-1, labels.ndim, 2).transpose(2, 0, 1)
    return ObjectSizes(areas[1:], stop - first, (first == 0) | (stop == labels.shape))


def measure_structures(classes: npt.NDArray[Any]) -> tuple[ObjectSizes, npt.NDArray[np.int32]]:
    """Measure the connected pieces of every class, but for specks.

    Parameters
    ----------
    classes
        2D or 3D, integer: the class of each pixel; what is below 0 is of none.

    Returns
    -------
    sizes : ObjectSizes
        Of each piece.
    classes : (n,) int32
        The class that each is of.
    """
    labels, kinds = label_components(classes, background=())
    sizes = measure_objects(labels)
    large = sizes.areas >= _SPECK
    return sizes.only(large), kinds[large]


def count_pieces(labels: npt.NDArray[Any]) -> IndexArray:
    """Count the connected pieces of every object; pixels that touch at a corner are connected.

    Parameters
    ----------
    labels
        2D or 3D, integer, contiguous from 1; what is 0 or below is no object.

    Returns
    -------
    (n,) int64
        1 for an object in one piece.
    """
    around = np.ones((3,) * labels.ndim)
    pieces = [
        0 if box is None else ndimage.label(labels[box] == label, around)[1]
        for label, box in enumerate(ndimage.find_objects(labels), start=1)
    ]
    return np.array(pieces, dtype=np.int64)
