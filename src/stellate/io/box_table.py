"""Tables (CSV) of boxes: a row for each, with the image, the class, and the box's sides at pixel edges.

A box around the pixel in the upper left corner is ``0, 0, 1, 1``. A row without sides says that an image has no boxes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import InputError
from .annotation_text import finite, split_name
from .class_table import CLASS_COLUMN, FILE_COLUMN, MORE_COLUMNS, file_name
from .image_boxes import ImageBoxes
from .rows import class_cell, read_rows
from .table import write_table

__all__ = ["ONE_CLASS", "SIDE_COLUMNS", "read_box_table", "write_box_table"]

SIDE_COLUMNS = {
    "xmin": ("xmin", "x1", "left"),
    "ymin": ("ymin", "y1", "top"),
    "xmax": ("xmax", "x2", "right"),
    "ymax": ("ymax", "y2", "bottom"),
}
"""What the columns of the sides may be called."""
_SIZE_COLUMNS = {"width": ("width", "imagewidth"), "height": ("height", "imageheight")}

ONE_CLASS = "object"
"""The class of all boxes where nobody names classes."""


@dataclass
class _Found:
    """What the rows of one image say."""

    split: str | None
    group: str
    size: tuple[int, int] | None
    first: int
    boxes: list[list[float]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    empty: bool = False


def read_box_table(path: str | os.PathLike[str]) -> tuple[ImageBoxes, ...]:
    """Read the boxes of all images.

    Parameters
    ----------
    path
        The CSV file, in UTF-8, separated by commas, semicolons or tabs.

    Returns
    -------
    tuple of ImageBoxes
        In the order in which the table first names the images. Without a column of classes all are called `ONE_CLASS`.

    Raises
    ------
    InputError
        If it cannot be read as such a table; if a row has no file, sides that are not finite numbers, or no class where
        there is a column of classes; or rows of one image contradict one another. The message names the line.
    """
    file = Path(path)
    required = {"image": FILE_COLUMN, **SIDE_COLUMNS}
    optional = {"class": CLASS_COLUMN, **MORE_COLUMNS, **_SIZE_COLUMNS}
    images: dict[str, _Found] = {}
    for line, cells in read_rows(file, required, optional, example="image,class,xmin,ymin,xmax,ymax"):
        _take(images, cells, f"{file}: line {line}", line)
    if not images:
        raise InputError(f"{file}: no rows below the headings; write a row for each box")
    return tuple(
        ImageBoxes(
            name,
            np.array(found.boxes, dtype=np.float64).reshape(-1, 4),
            tuple(found.names),
            size=found.size,
            split=found.split,
            group=found.group,
            places=tuple(found.places),
        )
        for name, found in images.items()
    )


def write_box_table(path: str | os.PathLike[str], images: Sequence[ImageBoxes]) -> None:
    """Write the boxes of images; split and group are columns where any image has one.

    Raises
    ------
    OutputError
        If the disk is full or does not permit it.
    """
    columns: dict[str, list[str]] = {name: [] for name in ("image", "class", *SIDE_COLUMNS, "split", "group")}
    for image in images:
        boxes = [[repr(side) for side in box] for box in image.boxes_xyxy.tolist()]
        for name, sides in zip(image.names or ("",), boxes or [[""] * 4], strict=True):
            cells = (image.file, name, *sides, image.split or "", image.group)
            for column, cell in zip(columns.values(), cells, strict=True):
                column.append(cell)
    kept = {name: v for name, v in columns.items() if name not in ("split", "group") or any(v)}
    write_table(path, kept)


def _take(images: dict[str, _Found], cells: Mapping[str, str], where: str, line: int) -> None:
    name = file_name(cells["image"], where)
    split, group = split_name(cells.get("split", ""), where), cells.get("group", "")
    found = images.setdefault(name, _Found(split, group, _size(cells, where), line))
    if (found.split, found.group) != (split, group):
        raise InputError(
            f"{where}: {name} is of another split or group than in line {found.first}; write both alike"
        )
    sides = [cells[side] for side in SIDE_COLUMNS]
    found.empty |= not any(sides)
    if any(sides):
        found.boxes.append(
            [finite(text, where, side) for text, side in zip(sides, SIDE_COLUMNS, strict=True)]
        )
        found.names.append(class_cell(cells["class"], where) if "class" in cells else ONE_CLASS)
        found.places.append(f"line {line}")
    if found.empty and found.boxes:
        raise InputError(f"{where}: {name} has boxes, and a row without any; take that row out")


def _size(cells: Mapping[str, str], where: str) -> tuple[int, int] | None:
    if not (cells.get("width") and cells.get("height")):
        return None
    height, width = (int(finite(cells[name], where, name)) for name in ("height", "width"))
    return (height, width) if height > 0 and width > 0 else None
