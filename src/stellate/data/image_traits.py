"""What is kept of an image and its annotation where a data set is summarised: a few numbers, and no pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..errors import DataError
from ..results import Annotation, Boxes, Mask, Scores
from .annotations import PixelAnnotation
from .class_pixels import pixels_of_classes
from .objects import ObjectSizes, measure_boxes, measure_objects, measure_structures, no_sizes
from .reading import spatial_sizes

__all__ = [
    "INTENSITY_PERCENTILES",
    "ImageTraits",
    "MaskOf",
    "refuse_not_finite",
    "traits_of",
    "without_class",
]

INTENSITY_PERCENTILES = (0, 1, 5, 50, 95, 99, 99.8, 100)
# Above this, percentiles are taken of every n-th value.
_INTENSITIES_SAMPLED = 1 << 20

MaskOf = Callable[[PixelAnnotation], Mask]
"""Gives the classes of pixels of an annotation."""


@dataclass(frozen=True, eq=False)
class ImageTraits:
    """What is kept of each image."""

    axes: str
    dtype: str
    channels: int
    spatial_axes: str
    shape: tuple[int, ...]
    intensities: npt.NDArray[np.float64]
    sizes: ObjectSizes
    spacing: tuple[float, ...] | None
    classes: npt.NDArray[np.int32]
    mask_names: tuple[str, ...] = ()
    mask_pixels: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    """Pixels of each class, and last of none."""


def traits_of(image: Image, annotation: Annotation, mask_of: MaskOf | None = None) -> ImageTraits:
    """Traits of a pair.

    Parameters
    ----------
    image, annotation
        The pair.
    mask_of
        Gives the classes of pixels that are counted; those of a mask if None, and none of objects.
    """
    values = np.asarray(image.array).reshape(-1)
    values = values[:: max(1, values.size // _INTENSITIES_SAMPLED)]
    sides = spatial_sizes(image)
    spatial = "".join(sides)
    if isinstance(annotation, Scores):
        sizes, classes = no_sizes(len(spatial)), np.array([annotation.probabilities.argmax()], dtype=np.int32)
    elif isinstance(annotation, Boxes):
        sizes, classes = measure_boxes(annotation.boxes_xyxy, tuple(sides.values())), annotation.classes
    elif isinstance(annotation, Mask):
        sizes, classes = measure_structures(annotation.classes)
    else:
        sizes = measure_objects(annotation.labels)
        unknown = np.full(len(sizes.areas), -1, dtype=np.int32)
        classes = unknown if annotation.classes is None else annotation.classes
    traits = ImageTraits(
        axes=image.axes,
        dtype=str(image.array.dtype),
        channels=image.channels,
        spatial_axes=spatial,
        shape=tuple(sides.values()),
        intensities=np.percentile(values, INTENSITY_PERCENTILES),
        sizes=sizes,
        spacing=image.spacing(spatial),
        classes=classes,
    )
    if isinstance(annotation, Scores | Boxes) or (mask_of is None and not isinstance(annotation, Mask)):
        return traits
    mask = annotation if isinstance(annotation, Mask) or mask_of is None else mask_of(annotation)
    assert isinstance(mask, Mask)
    return replace(traits, mask_names=mask.class_names, mask_pixels=pixels_of_classes(mask))


def without_class(traits: Sequence[ImageTraits], ground: int) -> list[ImageTraits]:
    """Without the pieces of one class, the ground on which the others are."""
    kept = [t.classes != ground for t in traits]
    return [
        replace(t, sizes=t.sizes.only(k), classes=t.classes[k]) for t, k in zip(traits, kept, strict=True)
    ]


def refuse_not_finite(image: Image, path: Path) -> None:
    """See that all values of an image are finite numbers.

    Raises
    ------
    DataError
        If they are not.
    """
    values = np.asarray(image.array)
    if values.dtype.kind == "f" and (bad := values.size - int(np.isfinite(values).sum())):
        raise DataError(
            f"{path}: {bad} value{'s'[: bad > 1]} that {'are' if bad > 1 else 'is'} NaN or infinite; replace them "
            "by the background's value, or take the pair out (stellate data check finds all such images)"
        )
