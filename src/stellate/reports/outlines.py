"""Outlines of objects, in colours that tell neighbours apart on any ground."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter

from ..io.class_colours import class_colour
from ..results import Instances

__all__ = ["distinct_colours", "draw_outlines", "object_colours", "outline_pixels"]

Picture = npt.NDArray[np.uint8]

# The same hues twice: light ones for dark ground, deep ones for bright ground.
_LIGHT = np.array(
    [(255, 214, 10), (64, 224, 255), (255, 110, 199), (120, 255, 90), (255, 140, 40), (170, 160, 255)],
    np.uint8,
)
_DEEP = np.array(
    [(150, 105, 0), (0, 110, 130), (200, 0, 110), (0, 115, 30), (200, 60, 0), (30, 30, 30)], np.uint8
)
# Ground brighter than this (of 255) gets the deep colours.
_BRIGHT = 125
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
# Sides of the square around an outline, inside and outside of the object, that counts as its ground.
_AROUND = 7
# Distances in pixels at which objects are near each other, and at which they touch.
_NEAR, _TOUCHING = (1, 3, 6), (1,)


def outline_pixels(labels: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Pixels of objects that have a side in common with something else; the image's border is no outline.

    Parameters
    ----------
    labels
        ``(H, W)``, integer; what is 0 or below is no object.

    Returns
    -------
    (H, W) bool
    """
    edge = np.zeros(labels.shape, dtype=bool)
    down, right = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    return edge & (labels > 0)


def draw_outlines(picture: Picture, labels: npt.NDArray[Any], colours: Picture) -> None:
    """Draw the outline of every object into a picture.

    Parameters
    ----------
    picture
        ``(H, W, 3)`` uint8; changed in place.
    labels
        ``(H, W)``, integer.
    colours
        ``(n + 1, 3)`` uint8: the colour of each label; row 0 is not used.
    """
    where = outline_pixels(labels)
    picture[where] = colours[labels[where]]


def object_colours(
    picture: Picture, shown: npt.NDArray[Any], objects: Instances | npt.NDArray[Any]
) -> Picture:
    """Choose a colour for every object: that of its class where it is known, else as `distinct_colours` does.

    Parameters
    ----------
    picture
        ``(H, W, 3)`` uint8, the ground.
    shown
        ``(H, W)``, integer: the labels as they are drawn.
    objects
        What the labels stand for; classes are known of `Instances` only.

    Returns
    -------
    (n + 1, 3) uint8
        Row ``k`` is for label ``k``, up to the highest that is shown.
    """
    colours = distinct_colours(picture, shown)
    if not isinstance(objects, Instances) or objects.classes is None:
        return colours
    classes = objects.classes[: len(colours) - 1]
    known = np.flatnonzero(classes >= 0)
    of_class = np.array([class_colour(k) for k in range(int(classes.max(initial=0)) + 1)], dtype=np.uint8)
    colours[known + 1] = of_class[classes[known]]
    return colours


def distinct_colours(picture: Picture, labels: npt.NDArray[Any]) -> Picture:
    """Choose a colour for every object: another than its neighbours', and apart from what it is drawn on.

    Parameters
    ----------
    picture
        ``(H, W, 3)`` uint8, the ground.
    labels
        ``(H, W)``, integer; what is 0 or below is no object.

    Returns
    -------
    (n + 1, 3) uint8
        Row ``k`` is for label ``k``.
    """
    n = max(0, int(labels.max(initial=0)))
    hue = _hues(labels, n)
    where = outline_pixels(labels)
    ground = uniform_filter(picture @ _LUMINANCE, _AROUND)
    if np.median(ground) < _BRIGHT:
        # Bright objects on a dark ground: a light line stands out from the ground, which is what it ends at.
        return _LIGHT[hue]
    brightness = ground[where]
    total = np.bincount(labels[where], weights=brightness, minlength=n + 1)
    pixels = np.bincount(labels[where], minlength=n + 1)
    deep = total > _BRIGHT * pixels
    return np.where(deep[:, np.newaxis], _DEEP[hue], _LIGHT[hue])


def _neighbours(labels: npt.NDArray[Any], distances: Sequence[int]) -> npt.NDArray[np.int64]:
    """``(m, 2)`` pairs of labels, each both ways and sorted, that have pixels at one of these distances."""
    height, width = labels.shape
    keys = []
    base = int(labels.max(initial=0)) + 1
    for far in distances:
        for dy, dx in ((0, far), (far, 0), (far, far), (far, -far)):
            first = labels[: max(0, height - dy), max(0, -dx) : max(0, width - max(0, dx))]
            second = labels[dy:, max(0, dx) : max(0, width - max(0, -dx))]
            near = (first != second) & (first > 0) & (second > 0)
            a, b = first[near].astype(np.int64), second[near].astype(np.int64)
            keys.append(_once(np.minimum(a, b) * base + np.maximum(a, b)))
    low, high = np.divmod(_once(np.concatenate(keys)), base)
    both = np.sort(np.concatenate([low * base + high, high * base + low]))
    return np.stack(np.divmod(both, base), axis=1)


def _once(keys: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Sorted, each once; many times faster than np.unique of NumPy 2.3, which hashes."""
    keys = np.sort(keys)
    return keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if len(keys) else keys


def _hues(labels: npt.NDArray[Any], n: int) -> npt.NDArray[np.int64]:
    """A palette entry per label: one that no object near has, or in a crowd one that none has that it touches.

    Of several the one that the label's number falls on, so that all are used.
    """
    near, touching = (_Lists(_neighbours(labels, distances), n) for distances in (_NEAR, _TOUCHING))
    hues = [-1] * (n + 1)
    for label in range(1, n + 1):
        order = [(label + k) % len(_LIGHT) for k in range(len(_LIGHT))]
        for others in (near.of(label), touching.of(label)):
            taken = {hues[other] for other in others}
            free = [hue for hue in order if hue not in taken]
            if free:
                break
        hues[label] = (free or order)[0]
    hues[0] = 0
    return np.array(hues, dtype=np.int64)


class _Lists:
    """The second of each pair, by the first."""

    def __init__(self, pairs: npt.NDArray[np.int64], n: int) -> None:
        self._starts = np.searchsorted(pairs[:, 0], np.arange(n + 2)).tolist()
        self._others = pairs[:, 1].tolist()

    def of(self, label: int) -> list[int]:
        return self._others[self._starts[label] : self._starts[label + 1]]
