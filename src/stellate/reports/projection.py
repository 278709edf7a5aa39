"""A volume as one plane: the brightest along its depth, and the objects that are seen there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..errors import InputError
from ..geometry.projection import add_values, project_labels
from .backdrop import show_plane

__all__ = ["flat", "maximum_projection", "seen_plane"]


def flat(image: Image | npt.NDArray[Any]) -> Image:
    """The plane of an image that is drawn where no pixels have labels: of a volume the brightest along its depth.

    Raises
    ------
    InputError
        If a bare array can be read in several ways.
    """
    image = _middle(image)
    if isinstance(image, Image) and "Z" in image.axes:
        image = maximum_projection(image)[0]
    return show_plane(image)


def seen_plane(
    image: Image | npt.NDArray[Any], labels: npt.NDArray[Any], *, in_front: npt.ArrayLike = ()
) -> tuple[Image, npt.NDArray[Any]]:
    """The plane of an image that is drawn, and the labels in it.

    Parameters
    ----------
    image
        Of time and pages the middle is drawn, of a volume the brightest along its depth.
    labels
        Of the image's spatial shape, or for a volume of one of its planes.
    in_front
        Labels of objects of a volume that hide all others; else of those above one another the brightest is seen.

    Returns
    -------
    image
        Axes ``YX``, or these and ``C``, in any order.
    labels
        ``(rows, columns)``.

    Raises
    ------
    InputError
        If the shapes differ, or a bare array can be read in several ways.
    """
    image = _middle(image)
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
    projected, seen = maximum_projection(volume, labels if labels.ndim == 3 else None, in_front=in_front)
    return show_plane(projected), labels if seen is None else seen


def maximum_projection(
    image: Image, labels: npt.NDArray[Any] | None = None, *, in_front: npt.ArrayLike = ()
) -> tuple[Image, npt.NDArray[np.int32] | None]:
    """Project an image along ``Z``.

    Parameters
    ----------
    image
        Axes ``ZYX``, or these and ``C``, in any order. It may be lazy: it is read plane by plane.
    labels
        ``(planes, rows, columns)``, integer, of the same spatial shape; or None.
    in_front
        Labels of objects that hide all others.

    Returns
    -------
    image
        The highest value at each place, NaN left out, with the same axes less ``Z``.
    labels
        ``(rows, columns)`` int32: of the objects above one another, the one that is brighter in the mean, since
        that is the one that is seen in the projection. None if there were none.
    """
    highest = int(labels.max(initial=0)) if labels is not None else 0
    sums, counts = np.zeros(highest + 1), np.zeros(highest + 1, dtype=np.int64)
    top = np.array(image.select("Z", 0).array)
    higher = np.fmax if top.dtype.kind == "f" else np.maximum  # many times faster, where nothing is NaN
    for z in range(image.sizes["Z"]):
        plane = image.select("Z", z)
        values = np.asarray(plane.array)
        higher(top, values, out=top)
        if labels is not None:
            add_values(
                np.ascontiguousarray(labels[z], dtype=np.int32), _brightness(plane, values), sums, counts
            )
    projected = replace(image.select("Z", 0), array=top)
    if labels is None:
        return projected, None
    # by order, so that no brightness is so large that what is added gets lost in it
    order = np.unique(np.nan_to_num(sums / np.maximum(counts, 1)), return_inverse=True)[1]
    rank = order.astype(np.float64)
    rank[np.asarray(in_front, dtype=np.int64)] += len(rank)
    return projected, project_labels(labels, rank)


def _middle(image: Image | npt.NDArray[Any]) -> Image | npt.NDArray[Any]:
    """The image in the middle of time and pages."""
    if isinstance(image, Image):
        for axis in set(image.axes) - set("ZYXC"):
            image = image.select(axis, image.sizes[axis] // 2)
    return image


def _brightness(plane: Image, values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Sum of the channels at each pixel, ``(rows, columns)``."""
    channels = replace(plane, array=values).to_axes("CYX")
    total = channels[0] if len(channels) == 1 else channels.sum(axis=0, dtype=np.float32)
    return np.ascontiguousarray(total, dtype=np.float32)
