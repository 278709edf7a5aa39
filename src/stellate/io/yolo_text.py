"""YOLO: a text for each image, boxes as centre, width and height in shares of the image's sides.

A line holds the number of the class, from 0, and x and y of the centre, width and height of the box; that around the
first pixel of an image of 10 x 10 is ``0 0.05 0.05 0.1 0.1``. Lines of more numbers are outlines, as exports for
segmentation have them: the class and x and y of each corner, of which the box around all is taken.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .annotation_text import check_size, finite
from .atomic import atomic
from .content import damaged_file_errors
from .image_boxes import ImageBoxes

__all__ = ["YoloImage", "read_yolo", "write_yolo"]

_MOST_BYTES = 2**26
_NAMES = ("the centre's x", "the centre's y", "the width", "the height")
# "3.0", as programs write whole numbers that they keep as others
_WHOLE = re.compile(r"\+?([0-9]{1,9})(?:\.0*)?")
_CORNERS = 3  # of the simplest outline
# What programs that write few decimals make of a share of 1; more is a number in pixels or a slip.
_ROUNDED = 1e-4
# Sides that lie as little outside are there by rounding to six decimals, which most programs write.
_LAST_DECIMAL = 2e-6


class YoloImage(NamedTuple):
    """What a file says.

    Attributes
    ----------
    boxes
        The boxes of the image.
    n_outlines
        How many of them were taken from outlines.
    """

    boxes: ImageBoxes
    n_outlines: int = 0


def read_yolo(
    path: str | os.PathLike[str], file: str, size: tuple[int, int], names: Mapping[int, str]
) -> YoloImage:
    """Read the boxes of one image.

    Parameters
    ----------
    path
        The text file.
    file
        What the image is called.
    size
        Its height and width in pixels, which the text does not state.
    names
        Class names by their numbers in the file.

    Raises
    ------
    InputError
        If the file is missing, too large, or no text; if a line has another count of numbers, one that is not finite or
        not between 0 and 1, or a class without a name. The message names the line.
    """
    text = Path(path)
    boxes, classes, places, n_outlines = [], [], [], 0
    for number, line in enumerate(_lines(text), start=1):
        cells = line.split()
        if not cells:
            continue
        where = f"{text}: line {number}"
        _check_count(len(cells), where)
        classes.append(_class(cells[0], names, where))
        outline = len(cells) > 5
        n_outlines += outline
        boxes.append(_around(cells[1:], where) if outline else _box(cells[1:], where))
        places.append(f"line {number}")
    array = np.array(boxes, dtype=np.float64).reshape(-1, 4) * (size[1], size[0], size[1], size[0])
    return YoloImage(ImageBoxes(file, array, tuple(classes), size=size, places=tuple(places)), n_outlines)


def write_yolo(path: str | os.PathLike[str], image: ImageBoxes, class_names: Sequence[str]) -> None:
    """Write the boxes of one image, without rounding.

    Parameters
    ----------
    path
        The text file; its folder is made where it is missing.
    image
        With its size. Boxes must lie inside, as shares of the image cannot say otherwise.
    class_names
        All names, by class id from 0.

    Raises
    ------
    InputError
        If its size is not known, a box reaches beyond it, or a class is not among the names.
    OutputError
        If the disk is full or does not permit it.
    """
    if image.size is None:
        raise InputError(
            f"{image.file}: YOLO has boxes in shares of the image, whose size is not known; give it"
        )
    sides = np.array(image.size[::-1], dtype=np.float64)
    ids = {name: k for k, name in enumerate(class_names)}
    lines = []
    for number, (name, box) in enumerate(zip(image.names, image.boxes_xyxy, strict=True), start=1):
        if name not in ids:
            raise InputError(f"{image.file}: of the class {name!r}, which is not among the names; add it")
        low, high = box[:2], box[2:]
        if (low < 0).any() or (high > sides).any() or (high < low).any():
            raise InputError(f"{image.file}: box {number} is not inside the image; cut or remove it")
        shares = [*((low + high) / 2 / sides).tolist(), *((high - low) / sides).tolist()]
        lines.append(" ".join([str(ids[name]), *map(_decimal, shares)]) + "\n")
    with atomic(path) as draft:
        draft.write_text("".join(lines), encoding="utf-8", newline="\n")


def _decimal(share: float) -> str:
    """All digits, and no exponent, which not every program reads."""
    return np.format_float_positional(share, trim="0")


def _lines(file: Path) -> list[str]:
    with damaged_file_errors(file, remedy="export it again"):
        check_size(file, _MOST_BYTES, "a file holds the boxes of one image")
        try:
            return file.read_text(encoding="utf-8-sig").split("\n")
        except UnicodeDecodeError as error:
            raise InputError(f"{file}: not a text in UTF-8; export it again") from error


def _check_count(count: int, where: str) -> None:
    if count == 5 or (count > 2 * _CORNERS and count % 2):
        return
    what = (
        "a class and the centre's x, y, the width and the height of a box, or x and y of an outline's corners"
    )
    remedy = (
        "the sixth may be how sure a prediction is: export what was annotated"
        if count == 6
        else "mend or remove the line"
    )
    raise InputError(f"{where}: {count} numbers, where {what} are expected; {remedy}")


def _class(text: str, names: Mapping[int, str], where: str) -> str:
    whole = _WHOLE.fullmatch(text)
    if whole is None:
        raise InputError(
            f"{where}: the class is {text[:40]!r}, where its number, a whole one from 0, is expected; mend it"
        )
    number = int(whole[1])
    if (found := names.get(number)) is None:
        have = f"{len(names)} are named, {min(names)} to {max(names)}" if names else "none is named"
        raise InputError(f"{where}: class {number} has no name ({have}); name it, or mend the number")
    return found


def _share(text: str, where: str, what: str) -> float:
    share = finite(text, where, what)
    if not -_ROUNDED <= share <= 1 + _ROUNDED:
        raise InputError(
            f"{where}: {what} is {text[:40]}, where a share of the image between 0 and 1 is expected; divide pixels by "
            "the image's width or height"
        )
    return share


def _box(cells: Sequence[str], where: str) -> npt.NDArray[np.float64]:
    x, y, width, height = (_share(text, where, what) for text, what in zip(cells, _NAMES, strict=True))
    box = np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
    cut = np.clip(box, 0, 1)
    return np.where(np.abs(cut - box) <= _LAST_DECIMAL, cut, box)


def _around(cells: Sequence[str], where: str) -> npt.NDArray[np.float64]:
    """The box around the corners of an outline."""
    corners = np.array([_share(text, where, "a corner's x or y") for text in cells]).reshape(-1, 2)
    return np.concatenate([corners.min(axis=0), corners.max(axis=0)])
