"""Which class is which: from names and numbers, as annotators write them, to class ids from 0."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import DataError, suggestion
from .findings import Finding, Severity

__all__ = ["MOST_CLASSES", "Value", "name_values", "renumbered_names", "renumbering"]

Value = int | str
"""A class as it is written: its number from 1, or its name."""

MOST_CLASSES = 1000
"""More are taken for a slip, such as a column of remarks."""

_NUMBERED = re.compile(r"class ([1-9][0-9]{0,9})")
_LIST = "class_names.txt"


def name_values(
    first: Mapping[Value, tuple[Path, int]], listed: Sequence[str] | None, list_file: Path | None
) -> tuple[tuple[str, ...], dict[Value, int], list[Finding]]:
    """Find names and ids for classes that are written as names or numbers.

    Parameters
    ----------
    first
        Every class as it is written somewhere, with the file and line where it first is.
    listed
        All class names in the wanted order; number ``k`` is the ``k``-th of them. Without, numbers keep their order and
        are called ``class k``, and names are sorted.
    list_file
        Where they are listed.

    Returns
    -------
    names : tuple of str
        One for each class id.
    ids : dict
        Class id by what is written.
    problems : list of Finding
        What cannot be named; then it has no id.
    """
    if listed is not None and list_file is not None:
        return tuple(listed), *_by_list(first, listed, list_file)
    problems: list[Finding] = []
    numbers = {value: number for value in first if (number := _number(value)) is not None}
    names = sorted(
        {v for v in first if isinstance(v, str) and v not in numbers}, key=lambda n: (n.casefold(), n)
    )
    if numbers and names:
        written, name = next(iter(numbers)), names[0]
        file, line = first[name]
        other, other_line = first[written]
        what = (
            f"line {line}: a class by name ({name!r}), where {other.name}, line {other_line}, has {written!r}"
        )
        problems.append(
            _error(file, what, f"write all names, or list them in {_LIST}, a line each, number 1 first")
        )
    problems += _alike([v for v in first if isinstance(v, str) and v not in numbers], first)
    order = [*(f"class {k}" for k in sorted(set(numbers.values()))), *names]
    if len(order) > MOST_CLASSES:
        what = f"{len(order)} different classes, where at most {MOST_CLASSES} are meant to be"
        file, _ = first[next(iter(first))]
        problems.append(_error(file, what, "see whether the column class holds classes"))
    place = {name: k for k, name in enumerate(order)}
    ids = {value: place[f"class {numbers[value]}" if value in numbers else str(value)] for value in first}
    return tuple(order), ids, problems


def renumbering(names: Sequence[str], others: Sequence[str]) -> npt.NDArray[np.int32]:
    """Class ids among `others` of each of `names`, -1 where it is not among them; and -1 for unknown classes, last."""
    place = {name: k for k, name in enumerate(others)}
    return np.array([*(place.get(name, -1) for name in names), -1], dtype=np.int32)


def renumbered_names(
    root: Path, names: Sequence[str], others: Sequence[str], used: Iterable[int]
) -> npt.NDArray[np.int32]:
    """Class ids among `others` of each of `names`, as `renumbering` gives them.

    Parameters
    ----------
    root
        Where the data lie, for the message.
    names, others
        Class names by id, before and after.
    used
        Class ids that occur.

    Raises
    ------
    DataError
        If one that occurs is not among `others`.
    """
    table = renumbering(names, others)
    if strange := [names[k] for k in sorted(used) if table[k] < 0]:
        raise DataError(
            f"{root}: of the class {', '.join(strange)}, which is not among {', '.join(others)}; name the classes alike"
        )
    return table


def _number(value: Value) -> int | None:
    """The number of a class that has no other name."""
    if isinstance(value, int):
        return value
    named = _NUMBERED.fullmatch(value)
    return int(named[1]) if named else None


def _by_list(
    first: Mapping[Value, tuple[Path, int]], listed: Sequence[str], list_file: Path
) -> tuple[dict[Value, int], list[Finding]]:
    problems = _alike(listed, {name: (list_file, k) for k, name in enumerate(listed, start=1)})
    twice = [k for k, name in enumerate(listed) if name in listed[:k]]
    if twice:
        what = f"line {twice[0] + 1}: the name {listed[twice[0]]!r} is listed twice"
        problems.append(_error(list_file, what, "keep one of them"))
    ids: dict[Value, int] = {}
    for value, (file, line) in first.items():
        if isinstance(value, str) and value in listed:
            ids[value] = listed.index(value)
        elif isinstance(value, int) and value <= len(listed):
            ids[value] = value - 1
        elif isinstance(value, int):
            what = f"line {line}: class {value}, where {_LIST} lists {len(listed)}"
            problems.append(_error(file, what, "add its name there, or mend the number"))
        else:
            what = f"line {line}: {_LIST} lists no class {value!r}{suggestion(value, listed)}"
            problems.append(_error(file, what, "add it there, or mend the name"))
    return ids, problems


def _alike(names: Iterable[str], first: Mapping[Value, tuple[Path, int]]) -> list[Finding]:
    """Names that are the same but for capitals and blanks."""
    problems = []
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault("".join(name.casefold().split()), name)
        if other != name:
            (file, line), (other_file, other_line) = first[name], first[other]
            what = f"line {line}: {name!r} differs from {other!r} ({other_file.name}, line {other_line})"
            problems.append(_error(file, f"{what} by capitals or blanks only", "write both alike"))
    return problems


def _error(file: Path, what: str, remedy: str) -> Finding:
    return Finding(Severity.ERROR, file, what, remedy)
