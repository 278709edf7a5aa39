"""From a class of every pixel to objects, by connectedness, and from objects to the classes of their pixels.

Objects that touch would grow together on the way back. So their pixels are made two classes: those near another object
are its border, all others its foreground, and the foregrounds of two objects never touch (Ronneberger et al., U-Net,
MICCAI 2015, leave a line of background between touching cells for the same purpose; here no pixel is lost to it).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..errors import ConfigError, InputError
from .connected import connected_pieces
from .labels import Labels

__all__ = [
    "BACKGROUND",
    "BORDER",
    "FOREGROUND",
    "REGION_NAMES",
    "instances_of_regions",
    "label_components",
    "regions_of_instances",
]

BACKGROUND, FOREGROUND, BORDER = 0, 1, 2
REGION_NAMES = ("background", "foreground", "border")
"""Names of the classes that `regions_of_instances` gives, by id."""

_REACH = 2.0
_GROWN = 1 << 20
"""Pixels at a time; what is made of them takes thirty times as much memory as they do."""


def label_components(
    classes: npt.NDArray[Any], *, background: Collection[int] = (BACKGROUND,), connectivity: int | None = None
) -> tuple[Labels, npt.NDArray[np.int32]]:
    """Make an object of each connected piece of a class.

    Parameters
    ----------
    classes
        Class of each pixel, two or three axes, any integer dtype or bool; below 0 where it is not known.
    background
        Classes that are no objects.
    connectivity
        Neighbours are pixels that differ along at most so many axes, by one: 1 for those that share a side (4 in
        images, 6 in volumes), 2 for those that share an edge as well, and so on. As many as there are axes if None: 8
        neighbours in images, 26 in volumes.

    Returns
    -------
    labels : ndarray
        Same shape, int32: objects are 1 to n, by class and within a class by their first pixel; 0 is background, -1
        where the class is not known.
    classes : ndarray
        ``(n,)`` int32: class of each object.

    Raises
    ------
    ConfigError
        If `connectivity` is not one of 1 to the number of axes.
    InputError
        If there are not two or three axes, or classes are not integers.

    Examples
    --------
    >>> labels, of = label_components(np.array([[1, 0, 2, 2], [0, 1, 1, 2]]), connectivity=1)
    >>> labels.tolist(), of.tolist()
    ([[1, 0, 3, 3], [0, 2, 2, 3]], [1, 1, 2])
    """
    _check(classes)
    most = classes.ndim
    if connectivity is not None and not 1 <= connectivity <= most:
        raise ConfigError(f"connectivity {connectivity}: expected 1 to {most} for {most} axes")
    return connected_pieces(classes, np.array(sorted(background), dtype=np.int64), connectivity or most)


def regions_of_instances(labels: npt.NDArray[Any], *, width: int | Sequence[int] = 1) -> Labels:
    """Class of each pixel: background, foreground, or border between touching objects.

    Parameters
    ----------
    labels
        Label image, two or three axes; 0 is background, below 0 is not annotated.
    width
        Border pixels of an object are those within so many rows, columns (and planes) of another object; of two
        objects that touch, each has a border so wide. A number for each axis where pixels are not cubes.

    Returns
    -------
    ndarray
        Same shape, int32: `BACKGROUND`, `FOREGROUND` or `BORDER`; -1 where not annotated.

    Notes
    -----
    The foregrounds of two objects are nowhere neighbours, not even by their corners. An object without a pixel farther
    than `width` from all others has no foreground.

    Raises
    ------
    ConfigError
        If a width is below 1, or there is not one for each axis.
    InputError
        If there are not two or three axes, or labels are not integers.

    Examples
    --------
    >>> regions_of_instances(np.array([[4, 4, 4, 9, 9, 9, 0, 5]])).tolist()
    [[1, 1, 2, 2, 1, 1, 0, 1]]
    """
    _check(labels)
    size = tuple(2 * w + 1 for w in _widths(width, labels.ndim))
    objects = np.where(labels > 0, labels, 0)
    # the window holds another object if its highest id, or its lowest but for the background, is not one's own
    highest = ndimage.maximum_filter(objects, size, mode="nearest")
    lowest = ndimage.minimum_filter(np.where(labels > 0, labels, labels.max()), size, mode="nearest")
    regions = np.where(objects > 0, np.int32(FOREGROUND), np.int32(BACKGROUND))
    regions[(objects > 0) & ((highest != objects) | (lowest != objects))] = BORDER
    regions[labels < 0] = -1
    return regions


def instances_of_regions(regions: npt.NDArray[Any], *, width: int | Sequence[int] = 1) -> Labels:
    """Objects of a class map of background, foreground and border: connected foreground, with the border next to it.

    Parameters
    ----------
    regions
        Two or three axes, as `regions_of_instances` gives.
    width
        That the border was made with.

    Returns
    -------
    ndarray
        Same shape, int32: objects are 1 to n; 0 is background, -1 where the class is not known.

    Notes
    -----
    A border pixel belongs to the object with the nearest foreground, if that is no farther than twice the width of a
    border (straight across it is the width, at corners more); else it is background.

    Raises
    ------
    ConfigError, InputError
        As `regions_of_instances`.
    """
    widths = np.array(_widths(width, regions.ndim), dtype=np.float64)
    labels, _ = label_components(regions, background=(BACKGROUND, BORDER))
    if not labels.max(initial=0) > 0:
        return labels
    reach, rows = math.ceil(_REACH * widths[0]), max(1, _GROWN * len(labels) // labels.size)
    # what has grown in one block must not be grown from in the next one
    grown = [
        _grown(labels, regions, slice(start, start + rows), reach=reach, sampling=1 / widths)
        for start in range(0, len(labels), rows)
    ]
    for at, ids in grown:
        labels[at] = ids
    return labels


def _grown(
    labels: Labels, regions: npt.NDArray[Any], block: slice, *, reach: int, sampling: npt.NDArray[np.float64]
) -> tuple[tuple[npt.NDArray[np.int64], ...], npt.NDArray[np.int32]]:
    """Border pixels in a block of rows, or planes, that objects reach, and the objects that they fall to."""
    border = np.argwhere(regions[block] == BORDER)
    first = max(0, block.start - reach)
    near = labels[first : block.stop + reach]
    if not len(border) or not near.max() > 0:
        return tuple(border[:0].T), np.empty(0, dtype=np.int32)
    # widths are the unit along their axes, so that a border reaches as far along each
    distance, nearest = ndimage.distance_transform_edt(
        near <= 0, sampling=sampling, return_distances=True, return_indices=True
    )
    border[:, 0] += block.start - first
    border = border[distance[tuple(border.T)] <= _REACH]
    ids = near[tuple(nearest[(slice(None), *border.T)])]
    border[:, 0] += first
    return tuple(border.T), ids


def _check(array: npt.NDArray[Any]) -> None:
    if array.ndim not in (2, 3) or array.dtype.kind not in "biu":
        raise InputError(
            f"expected integers along 2 or 3 axes, got {array.dtype} of shape {array.shape}; convert the array, "
            "or take its frames one by one"
        )


def _widths(width: int | Sequence[int], ndim: int) -> tuple[int, ...]:
    widths = (width,) * ndim if isinstance(width, int | np.integer) else tuple(width)
    if len(widths) != ndim or min(widths) < 1:
        raise ConfigError(f"border width {width!r}: expected a whole number from 1, or {ndim} of them")
    return tuple(int(w) for w in widths)
