"""From what is annotated to the classes of pixels that a network learns."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, DataError
from ..geometry.border_weights import border_weights
from ..geometry.components import REGION_NAMES, regions_of_instances
from ..results import Annotation, Instances, Mask

__all__ = ["checked_width", "class_map", "pixel_weights", "region_names"]


def checked_width(width: Any) -> int:
    """The width of borders, if it is one.

    Raises
    ------
    ConfigError
        If it is no whole number from 0.
    """
    if isinstance(width, bool) or not isinstance(width, int) or width < 0:
        raise ConfigError(f"border_width {width!r}: expected a whole number of pixels from 0")
    return width


def region_names(border_width: int) -> tuple[str, ...]:
    """Names of the classes that objects are made into: with a border between those that touch, or without."""
    return REGION_NAMES if border_width else REGION_NAMES[:2]


def class_map(annotation: Annotation, border_width: int = 1) -> Mask:
    """The class of every pixel.

    Parameters
    ----------
    annotation
        A mask, which is returned as it is; or objects, whose pixels become background, foreground, and border where
        objects touch.
    border_width
        Of objects: width of the border; 0 for none, so that touching objects are one foreground.

    Raises
    ------
    DataError
        If the annotation is neither.
    """
    if isinstance(annotation, Mask):
        return annotation
    if not isinstance(annotation, Instances):
        raise DataError(
            f"classes of pixels are learned from masks or objects, but the annotation is of type "
            f"{type(annotation).__name__}"
        )
    labels = annotation.labels
    if border_width:
        return Mask(regions_of_instances(labels, width=border_width), REGION_NAMES)
    return Mask(np.clip(labels, -1, 1).astype(np.int32), region_names(0))


def pixel_weights(annotation: Annotation, most: float) -> npt.NDArray[np.float32]:
    """How much each pixel counts, where narrow gaps between objects are to be learned; see `border_weights`.

    Parameters
    ----------
    annotation
        Objects.
    most
        Most that a gap adds to the weight 1 of a pixel.

    Raises
    ------
    DataError
        If these are no objects, of which nobody knows where they touch.
    """
    if not isinstance(annotation, Instances):
        raise DataError(
            "border_weights are made of the gaps between objects, but the masks are of classes, without objects; "
            "leave border_weights out"
        )
    return border_weights(annotation.labels, w0=most)
