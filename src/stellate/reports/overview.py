"""Many images on one sheet, each with what is annotated or was found in it, in the picture and in numbers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..axes import Image
from ..io import write_picture
from ..results import Instances, Mask
from .contact_sheet import contact_sheet
from .overlay import overlay

__all__ = ["MOST_SHOWN", "draw_overview", "evenly", "in_numbers"]

MOST_SHOWN = 24
"""Images that a sheet has room for."""


def draw_overview(
    images: Iterable[tuple[str, Image, Instances | Mask]], path: Path, *, title: str = ""
) -> Path:
    """Draw images with the outlines of their objects, or the tints of their classes, on one sheet.

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


def in_numbers(found: Instances | Mask) -> str:
    """How many objects there are, in how many planes of a volume, of which classes; or the share of each class.

    Examples
    --------
    >>> import numpy as np
    >>> in_numbers(Instances(np.array([[1, 0, 2]]), classes=np.array([0, 0]), class_names=("round", "long")))
    '2 objects: 2 round'
    """
    if isinstance(found, Mask):
        shares = [(name, float((found.classes == k).mean())) for k, name in enumerate(found.class_names)]
        return ", ".join(f"{name} {share:.0%}" for name, share in shares if share)
    text = f"{len(found)} object{'s'[: len(found) != 1]}"
    if found.labels.ndim == 3:
        text += f" in {len(found.labels)} plane{'s'[: len(found.labels) != 1]}"
    if found.classes is None:
        return text
    counts = [(name, int((found.classes == k).sum())) for k, name in enumerate(found.class_names)]
    of_classes = ", ".join(f"{count} {name}" for name, count in counts if count)
    return f"{text}: {of_classes}" if of_classes else text


def evenly(size: int, count: int) -> list[int]:
    """At most `count` positions out of `size`, evenly spread, the first and the last among them.

    Examples
    --------
    >>> evenly(9, 3), evenly(2, 5)
    ([0, 4, 8], [0, 1])
    """
    return sorted({round(k * (size - 1) / max(1, min(size, count) - 1)) for k in range(min(size, count))})
