"""An image with the outlines of its objects, or with the tints of its classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..axes import Image
from .backdrop import backdrop, reduce_labels
from .painting import Found, painter, values_of
from .projection import seen_plane

__all__ = ["overlay"]


def overlay(
    image: Image | npt.NDArray[Any],
    found: Found,
    *,
    max_side: int | None = 4096,
    zoom: int = 1,
) -> npt.NDArray[np.uint8]:
    """Draw the outlines of objects on an image, or tint it by classes.

    Objects of a known class have the colour of the class, the same as in files for ImageJ and QuPath. Of all others
    neighbours differ in colour, and every outline is light on dark ground and deep on bright ground. Of a mask each
    class but the first has a translucent tint, and its outline.

    Parameters
    ----------
    image
        Grey, colour or of many channels; of time and pages the middle is shown, of a volume the brightest along
        its depth. It may be lazy.
    found
        Objects, or their label image, or a mask; of the image's spatial shape, or for a volume of one of its planes.
        Of the objects or classes of a volume that lie above one another, the brightest is seen.
    max_side
        Longest side of the picture; a larger image is made smaller by a whole factor, which bounds the
        memory. None for full size.
    zoom
        Picture pixels per image pixel of a small image, so that outlines are thin beside its pixels.

    Returns
    -------
    (h, w, 3) uint8

    Raises
    ------
    InputError
        If the shapes differ, or a bare array can be read in several ways.
    """
    plane, values = seen_plane(image, values_of(found))
    picture, step = backdrop(plane, max_side=max_side)
    shown = reduce_labels(values, step)
    if zoom > 1:
        picture, shown = (a.repeat(zoom, axis=0).repeat(zoom, axis=1) for a in (picture, shown))
    painter(found, picture, shown)(picture, shown)
    return picture
