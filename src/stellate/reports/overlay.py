"""An image with the outlines of its objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..errors import InputError
from ..results import Instances
from .backdrop import backdrop, reduce_labels, show_plane
from .outlines import draw_outlines, object_colours
from .projection import maximum_projection

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
    plane, values = _seen(image, values)
    picture, step = backdrop(plane, max_side=max_side)
    shown = reduce_labels(values, step)
    if zoom > 1:
        picture, shown = (a.repeat(zoom, axis=0).repeat(zoom, axis=1) for a in (picture, shown))
    draw_outlines(picture, shown, object_colours(picture, shown, labels))
    return picture


def _seen(image: Image | npt.NDArray[Any], labels: npt.NDArray[Any]) -> tuple[Image, npt.NDArray[Any]]:
    """The plane that is drawn, and the labels in it."""
    if isinstance(image, Image):
        for axis in set(image.axes) - set("ZYXC"):
            image = image.select(axis, image.sizes[axis] // 2)
    volume = image if isinstance(image, Image) and "Z" in image.axes else None
    plane = volume or show_plane(image)
    expected = tuple(plane.sizes[a] for a in "ZYX" if a in plane.axes)
    if labels.shape != expected and (labels.ndim != 2 or labels.shape != expected[-2:]):
        raise InputError(
            f"{plane.name}: the labels have shape {labels.shape}, but the image {expected}; "
            "both must cover the same pixels"
        )
    if volume is None:
        return plane, labels
    projected, seen = maximum_projection(volume, labels if labels.ndim == 3 else None)
    return show_plane(projected), labels if seen is None else seen
