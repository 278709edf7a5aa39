"""Boxes that are none: without area, outside of their image, or twice in it. Those at its border are cut by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from .findings import Finding, Severity
from .stated import StatedImage

__all__ = ["BAD_BOXES", "BadBoxes", "SoundBoxes", "sound_boxes"]

BadBoxes = Literal["refuse", "drop"]
"""Whether boxes that cannot be used are an error, or are left out."""

BAD_BOXES = "mend or remove them, or leave them out (bad_boxes drop)"
"""What to do about boxes that cannot be used."""


class SoundBoxes(NamedTuple):
    """The boxes of an image that can be used.

    Attributes
    ----------
    boxes_xyxy
        ``(n, 4)`` float32, inside the image.
    names
        Class of each.
    faults
        What is wrong with the others.
    n_cut
        How many of those reach beyond the image in their file.
    """

    boxes_xyxy: npt.NDArray[np.float32]
    names: tuple[str, ...]
    faults: list[Finding]
    n_cut: int


def sound_boxes(stated: StatedImage, size: tuple[int, int] | None, *, click: float) -> SoundBoxes:
    """Cut boxes at the border of their image, and tell those apart that cannot be used.

    Parameters
    ----------
    stated
        What is said of the image.
    size
        Its height and width; None if they cannot be read, and boxes are not held against them.
    click
        See `StatedBoxes`.
    """
    given = stated.boxes.boxes_xyxy
    limits = np.array([size[1], size[0]] * 2 if size else [np.inf] * 4, dtype=np.float64)
    cut = np.clip(given, 0, limits).astype(np.float32) if len(given) else given.astype(np.float32)
    faults: list[Finding] = []
    good = np.ones(len(given), dtype=bool)
    for k, what in _faults(stated, cut, limits, click):
        good[k] = False
        what = f"{stated.boxes.place(k)} ({stated.boxes.names[k]}): {what}"
        faults.append(Finding(Severity.ERROR, stated.annotation, _of_image(stated, what), BAD_BOXES))
    names = tuple(name for name, keep in zip(stated.boxes.names, good, strict=True) if keep)
    n_cut = int((np.abs(cut - given).max(axis=1, initial=0)[good] > 1e-3).sum())
    return SoundBoxes(cut[good], names, faults, n_cut)


def _faults(
    stated: StatedImage, cut: npt.NDArray[np.float32], limits: npt.NDArray[np.float64], click: float
) -> Iterator[tuple[int, str]]:
    """Positions of boxes that cannot be used, and why."""
    seen: dict[tuple[object, ...], int] = {}
    for k, (box, inside) in enumerate(zip(stated.boxes.boxes_xyxy, cut, strict=True)):
        x1, y1, x2, y2 = box.tolist()
        sides = f"x {x1:g} to {x2:g}, y {y1:g} to {y2:g}"
        other = seen.setdefault((stated.boxes.names[k], *box.tolist()), k)
        if x2 < x1 or y2 < y1:
            yield k, f"ends before it begins ({sides})"
        elif x2 - x1 <= click or y2 - y1 <= click:
            yield k, f"no area, as of a click ({sides})" if click else f"no area ({sides})"
        elif inside[2] <= inside[0] or inside[3] <= inside[1]:
            yield k, f"outside of the image, which is {limits[0]:g} wide and {limits[1]:g} high ({sides})"
        elif other != k:
            yield k, f"the same as {stated.boxes.place(other)}"


def _of_image(stated: StatedImage, what: str) -> str:
    """With the image's name, where the annotation is of many."""
    return what if stated.annotation.stem == stated.image.stem else f"{stated.image.name}, {what}"
