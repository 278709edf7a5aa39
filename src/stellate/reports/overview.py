"""Many images on one sheet, each with what is annotated or was found in it, in the picture and in numbers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..axes import Image
from ..io import write_picture
from ..results import Boxes, Instances, Mask, Result, Scores
from .boxes import in_words
from .contact_sheet import contact_sheet
from .overlay import overlay

__all__ = ["MOST_SHOWN", "draw_overview", "evenly", "in_numbers"]

MOST_SHOWN = 24
"""Images that a sheet has room for."""


def draw_overview(images: Iterable[tuple[str, Image, Result]], path: Path, *, title: str = "") -> Path:
    """Draw images with what is in them on one sheet; see `overlay`.

    Parameters
    ----------
    images
        Of each a name, the pixels, and what is in it. They are drawn one after another.
    path
        The picture.
    title
        Heading of the sheet.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    InputError
        If there are no images.
    OutputError
        If the picture cannot be written.
    """
    pictures = [(f"{name}\n{in_numbers(found)}", overlay(image, found)) for name, image, found in images]
    return write_picture(path, contact_sheet(pictures, title=title))


def in_numbers(found: Result) -> str:
    """What is in an image, in few words.

    Of objects, or boxes, how many there are, in how many planes of a volume, of which classes; of classes of pixels the
    share of each; of a class of the whole image which it is, and how probable where that is less than certain.

    Examples
    --------
    >>> import numpy as np
    >>> in_numbers(Scores(np.array([0.97, 0.03]), ("round", "long")))
    'round 97%'
    """
    if isinstance(found, Mask):
        shares = [(name, float((found.classes == k).mean())) for k, name in enumerate(found.class_names)]
        return ", ".join(f"{name} {share:.0%}" for name, share in shares if share)
    if isinstance(found, Scores):
        best = int(found.probabilities.argmax())
        probability = float(found.probabilities[best])
        # what is annotated is certain
        return found.class_names[best] if probability == 1 else f"{found.class_names[best]} {probability:.0%}"
    if isinstance(found, Boxes):
        return in_words(found, 0) if len(found) == 1 else f"{len(found)} boxes{_of_classes(found)}"
    planes = len(found.labels) if found.labels.ndim == 3 else 0
    where = f" in {planes} plane{'s'[: planes != 1]}" if planes else ""
    return f"{len(found)} object{'s'[: len(found) != 1]}{where}{_of_classes(found)}"


def _of_classes(found: Instances | Boxes) -> str:
    """How many there are of each class; empty where that is not known."""
    if found.classes is None:
        return ""
    counts = [(name, int((found.classes == k).sum())) for k, name in enumerate(found.class_names)]
    of_classes = ", ".join(f"{count} {name}" for name, count in counts if count)
    return f": {of_classes}" if of_classes else ""


def evenly(size: int, count: int) -> list[int]:
    """At most `count` positions out of `size`, evenly spread, the first and the last among them.

    Examples
    --------
    >>> evenly(9, 3), evenly(2, 5)
    ([0, 4, 8], [0, 1])
    """
    return sorted({round(k * (size - 1) / max(1, min(size, count) - 1)) for k in range(min(size, count))})
