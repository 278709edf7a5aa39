"""What was found of each pixel, painted onto a picture: outlines of objects, or the tints of classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..io.class_colours import mask_colours
from ..results import Instances, Mask
from .outlines import draw_outlines, object_colours, outline_pixels

__all__ = ["Found", "painter", "tint", "values_of"]

Picture = npt.NDArray[np.uint8]
Found = Instances | Mask | npt.NDArray[Any]
"""Objects, classes, or the label image of objects."""

_OPACITY = np.float32(0.35)


def values_of(found: Found) -> npt.NDArray[Any]:
    """What each pixel has: the label of its object, or its class; 0 and below are ground."""
    if isinstance(found, Instances):
        return found.labels
    return found.classes if isinstance(found, Mask) else np.asarray(found)


def painter(
    found: Found, picture: Picture, shown: npt.NDArray[Any]
) -> Callable[[Picture, npt.NDArray[Any]], None]:
    """How the parts of a picture are painted.

    Parameters
    ----------
    found
        What is to be seen.
    picture
        ``(H, W, 3)`` uint8, the ground of all parts.
    shown
        ``(H, W)``, integer: the values of `found` as they are drawn.

    Returns
    -------
    callable
        Given a part of the picture and of `shown`, it paints the former in place.
    """
    if isinstance(found, Mask):
        colours = mask_colours(len(found.class_names))
        return lambda part, values: tint(part, values, colours)
    of_objects = object_colours(picture, shown, found)
    return lambda part, values: draw_outlines(part, values, of_objects)


def tint(picture: Picture, classes: npt.NDArray[Any], colours: Picture) -> None:
    """Lay a translucent colour over the pixels of each class but the first, and draw its outline.

    Parameters
    ----------
    picture
        ``(H, W, 3)`` uint8; changed in place.
    classes
        ``(H, W)``, integer; 0 is the class that is left as it is, and so are pixels below, whose class is not known.
    colours
        ``(n_classes, 3)`` uint8.
    """
    where = classes > 0
    mixed = picture[where] * (1 - _OPACITY) + colours[classes[where]] * _OPACITY
    picture[where] = np.rint(mixed).astype(np.uint8)
    edge = outline_pixels(classes)
    picture[edge] = colours[classes[edge]]
