"""Files that say what the values of masks mean: ``mask_classes.csv``.

A header with the columns ``value`` and ``class``, and a row for each value: a number, or a colour as ``#rrggbb``, and
the name of its class; several values may have one name. Classes keep the order of the rows. A value without a name is
that of pixels that nobody annotated.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from pathlib import Path
from typing import NamedTuple

from ..errors import InputError
from .class_masks import Value
from .content import damaged_file_errors

__all__ = ["MaskClassRows", "read_mask_classes"]

_MOST_BYTES = 2**20
_LONGEST_NAME = 100
_NUMBER = re.compile(r"[0-9]{1,15}")
_COLOUR = re.compile(r"#([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")
_EXAMPLE = "write for example 128,cytoplasm or #ff0000,nucleus"


class MaskClassRows(NamedTuple):
    """What the file says.

    Attributes
    ----------
    names
        Name of the class by value, in the order of the file.
    ignore
        Values of pixels that nobody annotated.
    """

    names: dict[Value, str]
    ignore: tuple[Value, ...]


def read_mask_classes(path: Path) -> MaskClassRows:
    """Read what the values of masks mean.

    Raises
    ------
    InputError
        If the file is no such table, or a row holds no value, a name that is none, or a value for the second time; the
        message names the line.
    """
    with damaged_file_errors(path, remedy="save it again as text"):
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(
                f"{path}: more than {_MOST_BYTES:,} bytes; keep the columns value and class only"
            )
        try:
            text = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: not a text in UTF-8; save it in that encoding") from error
        return _rows(path, text)


def _rows(path: Path, text: str) -> MaskClassRows:
    lines = text.splitlines()
    head = lines[0] if lines else ""
    delimiter = next((d for d in ",;\t" if d in head), ",")
    rows = csv.reader(lines, delimiter=delimiter)
    columns = [cell.strip().casefold() for cell in next(rows, [])]
    if not {"value", "class"} <= set(columns):
        raise _wrong(path, 1, f"expected a header with the columns value and class, got {head[:60]!r}")
    at_value, at_class = columns.index("value"), columns.index("class")
    names: dict[Value, str] = {}
    ignore: list[Value] = []
    for cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        cells += [""] * (len(columns) - len(cells))
        value = _value(path, cells[at_value].strip(), rows.line_num)
        if value in names or value in ignore:
            raise _wrong(path, rows.line_num, f"the value {cells[at_value].strip()} for the second time")
        if name := _name(path, cells[at_class], rows.line_num):
            names[value] = name
        else:
            ignore.append(value)
    if not names:
        raise _wrong(path, 1, "no value has the name of a class")
    return MaskClassRows(names, tuple(ignore))


def _value(path: Path, text: str, line: int) -> Value:
    if _NUMBER.fullmatch(text):
        return int(text)
    colour = _COLOUR.fullmatch(text)
    if colour is None:
        raise _wrong(path, line, f"{text[:40]!r} is neither a number from 0 nor a colour")
    red, green, blue = (int(part, 16) for part in colour.groups())
    return red, green, blue


def _name(path: Path, text: str, line: int) -> str:
    name = unicodedata.normalize("NFC", text.strip())
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise _wrong(
            path, line, f"{name[:30]!r} is no name: expected one line of at most {_LONGEST_NAME} letters"
        )
    return name


def _wrong(path: Path, line: int, what: str) -> InputError:
    return InputError(f"{path}: line {line}: {what}; {_EXAMPLE}")
