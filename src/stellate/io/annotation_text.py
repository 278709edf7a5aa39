"""What files of annotations have in common, whatever their format: numbers, names, parts, and limits."""

from __future__ import annotations

import math
import unicodedata
from pathlib import Path

from ..errors import InputError

__all__ = ["SPLIT_NAMES", "check_size", "class_name", "finite", "split_name"]

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
"""What parts of data are called in folders and tables, in small letters, and what they are called here."""

_LONGEST_NAME = 100


def check_size(path: Path, most: int, remedy: str) -> None:
    """Refuse a file of more than `most` bytes.

    Raises
    ------
    InputError
        If it is larger.
    """
    size = path.stat().st_size
    if size > most:
        raise InputError(f"{path}: {size:,} bytes, where at most {most:,} are read; {remedy}")


def finite(text: str | float, where: str, what: str) -> float:
    """A number that a file states.

    Parameters
    ----------
    text
        What stands there.
    where
        File and place, for the message.
    what
        What it is, e.g. ``"xmin"``.

    Raises
    ------
    InputError
        If it is none, or not finite.
    """
    try:
        number = float(text) if not isinstance(text, bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    # Python reads "1_000" as a number, which no other program does
    if not math.isfinite(number) or (isinstance(text, str) and "_" in text):
        shown = repr(text)[:40]
        raise InputError(f"{where}: {what} is {shown}, where a finite number is expected; mend or remove it")
    return number


def class_name(text: str, where: str) -> str:
    """A class's name as it is used: without blanks around it, accents in one piece.

    Raises
    ------
    InputError
        If it is empty, too long, or cannot be printed.
    """
    name = unicodedata.normalize("NFC", text.strip())
    if not name:
        raise InputError(f"{where}: no class; name it, or take the row or object out")
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise InputError(
            f"{where}: {name[:30]!r} is no name of a class; names are one line of at most {_LONGEST_NAME} letters"
        )
    return name


def split_name(text: str, where: str) -> str | None:
    """A part of the data, ``"train"``, ``"val"`` or ``"test"``; None where nothing is said.

    Raises
    ------
    InputError
        If it is called otherwise.
    """
    name = text.strip().casefold()
    if name and name not in SPLIT_NAMES:
        known = ", ".join(SPLIT_NAMES)
        raise InputError(
            f"{where}: {text.strip()[:40]!r} is no part of the data; write one of {known}, or nothing"
        )
    return SPLIT_NAMES.get(name)
