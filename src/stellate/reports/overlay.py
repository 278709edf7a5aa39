"""An image with what was found in it: outlines of objects, tints of classes, or boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..results import Boxes, Scores
from .backdrop import backdrop, reduce_labels
from .boxes import draw_frames, frames_of
from .painting import Found, painter, values_of
from .projection import flat, seen_plane

__all__ = ["overlay"]


def overlay(
    image: Image | npt.NDArray[Any],
    found: Found | Boxes | Scores,
    *,
    max_side: int | None = 4096,
    zoom: int = 1,
) -> npt.NDArray[np.uint8]:
    """Draw the outlines of objects on an image, tint it by classes, or frame what is in boxes.

    Objects of a known class have the colour of the class, the same as in files for ImageJ and QuPath. Of all others
    neighbours differ in colour, and every outline is light on dark ground and deep on bright ground. Of a mask each
    class but the first has a translucent tint, and its outline. Boxes have the colours of their classes, and labels
    where there is room. The class of a whole image is not drawn.

    Parameters
    ----------
    image
        Grey, colour or of many channels; of time and pages the middle is shown, of a volume the brightest along
        its depth. It may be lazy.
    found
        Objects, or their label image, or a mask; of the image's spatial shape, or for a volume of one of its planes.
        Of the objects or classes of a volume that lie above one another, the brightest is seen. Boxes in pixels of
        the image, or the scores of its classes.
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
    if isinstance(found, Boxes | Scores):
        picture, step = backdrop(flat(image), max_side=max_side)
        picture = picture.repeat(zoom, axis=0).repeat(zoom, axis=1)
        return draw_frames(picture, frames_of(found, zoom / step)) if isinstance(found, Boxes) else picture
    plane, values = seen_plane(image, values_of(found))
    picture, step = backdrop(plane, max_side=max_side)
    shown = reduce_labels(values, step)
    if zoom > 1:
        picture, shown = (a.repeat(zoom, axis=0).repeat(zoom, axis=1) for a in (picture, shown))
    painter(found, picture, shown)(picture, shown)
    return picture
