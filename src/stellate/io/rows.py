"""Rows of tables that people and programs write: found columns, whatever they are called exactly."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from ..errors import InputError
from .annotation_text import check_size, class_name
from .content import damaged_file_errors

__all__ = ["Row", "class_cell", "plain", "read_headings", "read_rows"]

_DELIMITERS = ",;\t"
_MOST_BYTES = 2**28
_LONGEST_HEADING = 2**16
# "3.0", as programs write whole numbers in a column with gaps
_WHOLE = re.compile(r"([+-]?[0-9]{1,18})\.0*")

Columns = Mapping[str, Sequence[str]]


class Row(NamedTuple):
    """A row of a table.

    Attributes
    ----------
    line
        Line of the file that it ends in, from 1.
    cells
        What stands in each column that was asked for, without blanks around it; columns that are not there are missing.
    """

    line: int
    cells: dict[str, str]


def plain(heading: str) -> str:
    """A heading in small letters, without blanks, underscores, hyphens and dots.

    Examples
    --------
    >>> plain("Image_ID "), plain("class label")
    ('imageid', 'classlabel')
    """
    return "".join(c for c in heading.casefold() if c not in " _-.\t")


def class_cell(text: str, where: str) -> str:
    """A class's name as a table has it; numbers without decimals.

    Raises
    ------
    InputError
        If it is empty, or cannot be a name.
    """
    whole = _WHOLE.fullmatch(text.strip())
    return whole[1] if whole else class_name(text, where)


def read_headings(path: str | os.PathLike[str]) -> tuple[str, ...]:
    """Headings of a table, as `plain` makes them.

    Raises
    ------
    InputError
        If the file is missing, empty, or no text.
    """
    file = Path(path)
    with damaged_file_errors(file, remedy="save it again as text"), _opened(file) as text:
        return tuple(map(plain, _headings(file, text)[1]))


def read_rows(
    path: str | os.PathLike[str], required: Columns, optional: Columns | None = None, *, example: str
) -> Iterator[Row]:
    """Read the rows of a CSV table with a line of headings, separated by commas, semicolons or tabs.

    Parameters
    ----------
    path
        The file, in UTF-8.
    required, optional
        What is looked for, each with the headings that it may have, as `plain` makes them.
    example
        A line of headings as they should be, for the message.

    Yields
    ------
    Row
        Empty ones are passed over.

    Raises
    ------
    InputError
        If the file cannot be read as such a table; if a column is missing, two columns may be the one that is looked
        for, or a row is longer or shorter than the headings.
    """
    file = Path(path)
    with damaged_file_errors(file, remedy="save it again as text"), _opened(file) as text:
        delimiter, headings = _headings(file, text)
        places = _places(file, headings, required, optional or {}, example)
        rows = csv.reader(text, delimiter=delimiter, strict=True)
        while True:
            try:
                cells = next(rows, None)
            except csv.Error as error:
                raise InputError(
                    f"{file}: line {rows.line_num + 1}: no row of a table ({error}); export it again"
                ) from error
            except UnicodeDecodeError as error:
                raise InputError(f"{file}: not a text in UTF-8; save it in that encoding") from error
            if cells is None:
                return
            line = rows.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) < len(headings) or any(cells[len(headings) :]):
                raise InputError(
                    f"{file}: line {line}: {len(cells)} cells, where the headings are {len(headings)}; put names that "
                    f"hold a {delimiter!r} into double quotes"
                )
            yield Row(line, {name: _cell(cells[at], delimiter) for name, at in places.items()})


def _opened(file: Path) -> TextIO:
    check_size(file, _MOST_BYTES, "keep the columns that are needed only")
    return file.open(encoding="utf-8-sig", newline="")


def _headings(file: Path, text: TextIO) -> tuple[str, list[str]]:
    try:
        line = text.readline(_LONGEST_HEADING)
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: not a text in UTF-8; save it in that encoding") from error
    if not line.strip():
        raise InputError(f"{file}: no line of headings; the first line names the columns")
    # the one that occurs most: names of columns hold none
    delimiter = max(_DELIMITERS, key=line.count)
    return delimiter, next(csv.reader([line.rstrip("\r\n")], delimiter=delimiter))


def _places(
    file: Path, headings: Sequence[str], required: Columns, optional: Columns, example: str
) -> dict[str, int]:
    """Where each column is."""
    seen = [plain(heading) for heading in headings]
    places: dict[str, int] = {}
    for name, called in {**required, **optional}.items():
        found = [at for at, heading in enumerate(seen) if heading in called]
        if len(found) > 1:
            shown = " and ".join(repr(headings[at].strip()) for at in found[:2])
            raise InputError(f"{file}: line 1: the columns {shown} may both be the {name}; keep one of them")
        if found:
            places[name] = found[0]
    missing = [name for name in required if name not in places]
    if missing:
        have = ", ".join(heading.strip() for heading in headings)[:100]
        raise InputError(
            f"{file}: line 1: no column for {', '.join(missing)} (there are: {have}); begin with a line such as "
            f"{example}"
        )
    return places


def _cell(text: str, delimiter: str) -> str:
    text = text.strip()
    # where commas do not part cells they may stand in numbers
    if delimiter != "," and text.count(",") == 1 and text.replace(",", "").lstrip("+-").isdigit():
        return text.replace(",", ".")
    return text
