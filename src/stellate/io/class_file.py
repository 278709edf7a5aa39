"""Files that say of which class objects are: a table (CSV), StarDist's class dict (JSON), and a list of class names.

Classes are named, or numbered from 1 (0 is the background, which is no class of objects); an empty cell or ``null``
stands for an object whose class is not known.

- ``NAME.csv``: a header with the columns ``label`` and ``class``; others are passed over.
- ``NAME.json``: ``{"1": 2, "2": null, "7": "tumour"}``, label to class.
- ``classes.csv``, ``classes.json``: the same for many images, with a column ``image``, or an object for each image.
- ``class_names.txt``: a name a line; class number 1 is that of the first line.
"""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from ..errors import InputError
from .content import damaged_file_errors

__all__ = ["CLASS_SUFFIXES", "ClassRow", "read_class_file", "read_class_names"]

CLASS_SUFFIXES = (".csv", ".json")
"""Suffixes of the files that `read_class_file` takes."""

_DELIMITERS = ",;\t"
# Bytes of the largest file that is read; a million objects take some ten of these millions.
_MOST_BYTES = {".csv": 2**28, ".json": 2**26, ".txt": 2**20}
_LONGEST_NAME = 100
_HIGHEST_CLASS = 2**31 - 1
# "3", and "3.0" as programs write whole numbers in a column with gaps
_WHOLE = re.compile(r"([+-]?[0-9]{1,400})(?:\.0*)?")
# a string of a JSON text, and whether it is a key
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"(\s*:)?')


class ClassRow(NamedTuple):
    """What a file says of one object.

    Attributes
    ----------
    image
        The image it is in; empty in a file that belongs to one mask.
    label
        Its id in the mask, above 0.
    value
        Number of its class, from 1, or name, or None where not known.
    line
        Line of the file, from 1.
    """

    image: str
    label: int
    value: int | str | None
    line: int


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with its keys in order, those that occur twice included."""


def read_class_file(path: Path, *, images: bool = False) -> Iterator[ClassRow]:
    """Read a table or a JSON of classes, row by row.

    Parameters
    ----------
    path
        A ``.csv`` or ``.json`` file; see the module for what it holds.
    images
        Whether the file names the image of each object.

    Yields
    ------
    ClassRow

    Raises
    ------
    InputError
        If the file is none of these, is damaged or too large, or holds a label or a class that is none; the message
        names the line.
    """
    with damaged_file_errors(path, remedy="save it again as text"):
        _check_size(path)
        rows = _json_rows if path.suffix.lower() == ".json" else _table_rows
        with path.open(encoding="utf-8-sig", newline="") as file:
            try:
                yield from rows(path, file, images)
            except UnicodeDecodeError as error:
                raise InputError(f"{path}: not a text in UTF-8; save it in that encoding") from error


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read the list of class names.

    Raises
    ------
    InputError
        If it is not a text in UTF-8, is empty, or has an empty line between names.
    """
    with damaged_file_errors(path, remedy="save it again as text, a name a line"):
        _check_size(path)
        try:
            lines = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: not a text in UTF-8; save it in that encoding") from error
        names = tuple(_name(path, line, number) for number, line in enumerate(lines, start=1))
        if not names:
            raise InputError(f"{path}: names no class; write one name a line, or remove the file")
        if "" in names:
            raise _wrong(path, names.index("") + 1, "an empty line", "write one name a line, without gaps")
        return names


def _check_size(path: Path) -> None:
    size, most = path.stat().st_size, _MOST_BYTES[path.suffix.lower()]
    if size > most:
        raise InputError(
            f"{path}: {size:,} bytes, where at most {most:,} are read; keep the columns label and class only, or "
            "divide it among the masks"
        )


def _table_rows(path: Path, file: TextIO, images: bool) -> Iterator[ClassRow]:
    wanted = ("image", "label", "class") if images else ("label", "class")
    header = file.readline(2**16)
    delimiter, columns = _header(path, header, wanted)
    rows = csv.reader(file, delimiter=delimiter, strict=True)
    places = [columns.index(name) for name in wanted]
    while True:
        try:
            cells = next(rows, None)
        except csv.Error as error:
            what = f"no row of a table ({error})"
            raise _wrong(path, rows.line_num + 1, what, "export the table again") from error
        if cells is None:
            return
        line = rows.line_num + 1
        if not any(cells):
            continue
        if len(cells) < len(columns) or any(cells[len(columns) :]):
            what = f"{len(cells)} cells, where the header has {len(columns)}"
            raise _wrong(path, line, what, f"put names that hold a {delimiter!r} into double quotes")
        *image, label, value = (cells[place].strip() for place in places)
        name = image[0] if image else ""
        yield ClassRow(name, _label(path, label, line), _value(path, value, line), line)


def _header(path: Path, header: str, wanted: tuple[str, ...]) -> tuple[str, list[str]]:
    """The delimiter that makes a table of the first line, and the columns in small letters."""
    for delimiter in _DELIMITERS:
        columns = [cell.strip().casefold() for cell in next(csv.reader([header], delimiter=delimiter), [])]
        if set(wanted) <= set(columns):
            twice = [name for name in wanted if columns.count(name) > 1]
            if twice:
                raise _wrong(path, 1, f"two columns are called {twice[0]}", "keep one of them")
            return delimiter, columns
    what = f"expected a header with the columns {', '.join(wanted)}, got {header.strip()[:60]!r}"
    raise _wrong(path, 1, what, "begin with such a line, separated by commas, semicolons or tabs")


def _json_rows(path: Path, file: TextIO, images: bool) -> Iterator[ClassRow]:
    text = file.read()
    try:
        content = json.loads(text, object_pairs_hook=_Pairs)
    except json.JSONDecodeError as error:
        remedy = "mend it, or write it by a program"
        raise InputError(f"{path}: line {error.lineno}: no JSON ({error.msg}); {remedy}") from error
    except RecursionError as error:
        raise InputError(f"{path}: nested too deeply to be a class dict; write it anew") from error
    lines = _key_lines(text)
    shape = "image to label to class" if images else "label to class"
    if not isinstance(content, _Pairs):
        raise _wrong(path, 1, f"expected an object, {shape}, got {_short(content)}", _EXAMPLE)
    if not images:
        yield from _dict_rows(path, "", content, lines)
        return
    for image, labels in content:
        line = next(lines)
        if not isinstance(labels, _Pairs):
            what = f"expected an object, label to class, for the image {image!r}, got {_short(labels)}"
            raise _wrong(path, line, what, _EXAMPLE)
        yield from _dict_rows(path, image, labels, lines)


_EXAMPLE = 'write for example {"1": "round", "2": null}, for several images {"NAME": {"1": "round"}}'


def _dict_rows(path: Path, image: str, labels: _Pairs, lines: Iterator[int]) -> Iterator[ClassRow]:
    for key, value in labels:
        line = next(lines)
        label = _label(path, key.strip(), line)
        if isinstance(value, bool | list) or (isinstance(value, float) and not value.is_integer()):
            raise _wrong(path, line, f"label {label}: {_short(value)} is no class", _EXAMPLE)
        yield ClassRow(image, label, _value(path, _as_text(value), line), line)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return str(int(value) if isinstance(value, float) else value).strip()


def _key_lines(text: str) -> Iterator[int]:
    """Line of each key of a JSON text, in order."""
    line, seen = 1, 0
    for match in _STRING.finditer(text):
        if match[1]:
            line += text.count("\n", seen, match.start())
            seen = match.start()
            yield line


def _label(path: Path, text: str, line: int) -> int:
    whole = _WHOLE.fullmatch(text)
    if whole is None or not 0 < int(whole[1]) < 2**63:
        what = f"{text[:40]!r} is no label of an object"
        raise _wrong(path, line, what, "labels are the whole numbers above 0 of the mask")
    return int(whole[1])


def _value(path: Path, text: str, line: int) -> int | str | None:
    if not text:
        return None
    whole = _WHOLE.fullmatch(text)
    if whole is None:
        return _name(path, text, line)
    number = int(whole[1])
    if number == 0:
        remedy = "number classes from 1, or name them"
        raise _wrong(path, line, "class 0 is the background, and no class of objects", remedy)
    if not 0 < number <= _HIGHEST_CLASS:
        remedy = "number classes from 1, and leave the class empty (null in JSON) where it is not known"
        raise _wrong(path, line, f"{text} is no number of a class", remedy)
    return number


def _name(path: Path, text: str, line: int) -> str:
    name = unicodedata.normalize("NFC", text.strip())
    if len(name) > _LONGEST_NAME or not name.isprintable():
        what = (
            f"{name[:30]!r}... is no name of a class" if len(name) > 30 else f"{name!r} is no name of a class"
        )
        raise _wrong(path, line, what, f"names are one line of at most {_LONGEST_NAME} letters")
    return name


def _short(value: Any) -> str:
    if isinstance(value, _Pairs):
        return "an object"
    text = json.dumps(value) if not isinstance(value, list) else "a list"
    return text if len(text) < 40 else f"{text[:37]}..."


def _wrong(path: Path, line: int, what: str, remedy: str) -> InputError:
    return InputError(f"{path}: line {line}: {what}; {remedy}")
