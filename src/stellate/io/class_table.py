"""Tables (CSV) that state the class of each image.

A line of headings, then a row for each image: its file, its class, and perhaps the part of the data and the group (the
patient, the slide) that it belongs to. Columns may be called as `FILE_COLUMN`, `CLASS_COLUMN` and `MORE_COLUMNS` list,
in any case, with or without blanks and underscores.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from .annotation_text import split_name
from .rows import class_cell, read_rows
from .table import write_table

__all__ = [
    "CLASS_COLUMN",
    "FILE_COLUMN",
    "MORE_COLUMNS",
    "ImageClass",
    "file_name",
    "read_class_table",
    "write_class_table",
]

FILE_COLUMN = (
    "image",
    "imageid",
    "imagename",
    "imagefile",
    "imagepath",
    "file",
    "filename",
    "filepath",
    "path",
)
"""What the column of image files may be called."""
CLASS_COLUMN = ("class", "classname", "classlabel", "label", "type", "celltype", "category")
"""What the column of classes may be called."""
MORE_COLUMNS = {
    "split": ("split", "part", "set", "subset"),
    "group": ("group", "patient", "patientid", "subject", "specimen", "slide"),
}
"""Columns that need not be there."""


@dataclass(frozen=True)
class ImageClass:
    """The class of one image, as a table states it.

    Attributes
    ----------
    file
        The image's file, as the table calls it.
    name
        Its class.
    split
        ``"train"``, ``"val"`` or ``"test"``, or None.
    group
        What it must not be parted from; empty if nothing.
    line
        Line of the table, from 1; 0 if it was not read from one.
    """

    file: str
    name: str
    split: str | None = None
    group: str = ""
    line: int = 0


def read_class_table(path: str | os.PathLike[str]) -> tuple[ImageClass, ...]:
    """Read the class of each image.

    Parameters
    ----------
    path
        The CSV file, in UTF-8, separated by commas, semicolons or tabs.

    Returns
    -------
    tuple of ImageClass
        In the order of the table.

    Raises
    ------
    InputError
        If it cannot be read as such a table; if a row has no file or no class, a file occurs twice, or there are no
        rows. The message names the line.
    """
    file = Path(path)
    required = {"image": FILE_COLUMN, "class": CLASS_COLUMN}
    found: dict[str, ImageClass] = {}
    for line, cells in read_rows(file, required, MORE_COLUMNS, example="image,class"):
        where = f"{file}: line {line}"
        image = file_name(cells["image"], where)
        row = ImageClass(
            image,
            class_cell(cells["class"], where),
            split_name(cells.get("split", ""), where),
            cells.get("group", ""),
            line,
        )
        if image in found:
            raise InputError(
                f"{where}: {image} is stated in line {found[image].line} already; keep one of the two"
            )
        found[image] = row
    if not found:
        raise InputError(f"{file}: no rows below the headings; write a row for each image")
    return tuple(found.values())


def write_class_table(path: str | os.PathLike[str], rows: Sequence[ImageClass]) -> None:
    """Write the class of each image: the columns image and class, and split and group where any image has one.

    Raises
    ------
    OutputError
        If the disk is full or does not permit it.
    """
    columns = {
        "image": [row.file for row in rows],
        "class": [row.name for row in rows],
        "split": [row.split or "" for row in rows],
        "group": [row.group for row in rows],
    }
    write_table(
        path, {name: values for name, values in columns.items() if name in ("image", "class") or any(values)}
    )


def file_name(text: str, where: str) -> str:
    """A file as an annotation calls it: accents in one piece, and ``/`` between folders.

    Raises
    ------
    InputError
        If there is none.
    """
    if not text.strip():
        raise InputError(f"{where}: no image; name its file")
    return unicodedata.normalize("NFC", text.strip().replace("\\", "/"))
