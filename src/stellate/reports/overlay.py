"""An image with the outlines of its objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..results import Instances
from .backdrop import backdrop, reduce_labels
from .outlines import draw_outlines, object_colours
from .projection import seen_plane

__all__ = ["overlay"]


def overlay(
    image: Image | npt.NDArray[Any],
    labels: Instances | npt.NDArray[Any],
    *,
    max_side: int | None = 4096,
    zoom: int = 1,
) -> npt.NDArray[np.uint8]:
    """Draw the outlines of objects on an image.

    Objects of a known class have the colour of the class, the same as in files for ImageJ and QuPath. Of all others
    neighbours differ in colour, and every outline is light on dark ground and deep on bright ground.

    Parameters
    ----------
    image
        Grey, colour or of many channels; of time and pages the middle is shown, of a volume the brightest along
        its depth. It may be lazy.
    labels
        The objects, or their label image, of the image's spatial shape, or for a volume of one of its planes. Of
        the objects of a volume that lie above one another, the brightest is seen.
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
    values = labels.labels if isinstance(labels, Instances) else np.asarray(labels)
    plane, values = seen_plane(image, values)
    picture, step = backdrop(plane, max_side=max_side)
    shown = reduce_labels(values, step)
    if zoom > 1:
        picture, shown = (a.repeat(zoom, axis=0).repeat(zoom, axis=1) for a in (picture, shown))
    draw_outlines(picture, shown, object_colours(picture, shown, labels))
    return picture
