"""Ids for classes that files call by names: in the order of a list, of the file, or else of the names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..errors import InputError, suggestion
from ..io.class_file import read_class_names
from .class_files import entries
from .findings import Finding, Severity, first_few

__all__ = ["listed_names", "name_classes", "natural"]

_LIST = "class_names.txt"


def natural(name: str) -> tuple[tuple[bool, int, str], ...]:
    """A key to sort names by, in which numbers count as such, and capitals do not.

    Examples
    --------
    >>> sorted(["grade 10", "Grade 2", "benign"], key=natural)
    ['benign', 'Grade 2', 'grade 10']
    """
    parts = re.split(r"([0-9]+)", name.casefold())
    return tuple((False, int(p), "") if p.isdecimal() and p.isascii() else (True, 0, p) for p in parts if p)


def listed_names(folder: Path) -> tuple[str, ...]:
    """The names that ``class_names.txt`` lists; empty if there is none.

    Raises
    ------
    InputError
        If it cannot be used.
    """
    file = next((f for f in entries(folder) if f.name.casefold() == _LIST), None)
    if file is None:
        return ()
    names = read_class_names(file)
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"{file}: {twice[0]!r} is listed twice; keep one of them")
    return names


def name_classes(
    first: Mapping[str, Path], ordered: Sequence[str] = (), listed: Sequence[str] = ()
) -> tuple[tuple[str, ...], dict[str, int], list[Finding]]:
    """Find names and ids for classes.

    Parameters
    ----------
    first
        Every class as it is written somewhere, with a file that has it.
    ordered
        Classes in the order of the annotation, some of which may not occur; empty where it has none.
    listed
        All names in the wanted order; a whole number that is none of them stands for one of them, from 1. Empty if
        nobody listed them.

    Returns
    -------
    names : tuple of str
        One for each class id. Without an order they are sorted, numbers as such.
    ids : dict
        Class id by what is written.
    problems : list of Finding
        What cannot be told apart or is not listed; that has no id.
    """
    if listed:
        return tuple(listed), *_by_list(first, listed)
    names = tuple(dict.fromkeys([*ordered, *sorted(first, key=lambda n: (natural(n), n))]))
    return names, {name: k for k, name in enumerate(names)}, [*_alike(names, first)]


def _by_list(first: Mapping[str, Path], listed: Sequence[str]) -> tuple[dict[str, int], list[Finding]]:
    ids, problems = {name: k for k, name in enumerate(listed)}, [*_alike(listed, first)]
    for name, file in first.items():
        number = int(name) if name.isdecimal() and name.isascii() else 0
        if name in ids:
            continue
        if 0 < number <= len(listed):
            ids[name] = number - 1
        else:
            what = f"{_LIST} lists no class {name!r}{suggestion(name, listed)}"
            remedy = "add it there, or mend it here; numbers count the lines from 1"
            problems.append(Finding(Severity.ERROR, file, what, remedy))
    return ids, problems


def _alike(names: Iterable[str], first: Mapping[str, Path]) -> Iterable[Finding]:
    """Names that are the same but for capitals, blanks, and what else joins words."""
    seen: dict[str, list[str]] = {}
    for name in names:
        seen.setdefault(re.sub(r"[\s_-]+", "", name.casefold()) or name, []).append(name)
    for several in seen.values():
        if len(several) > 1:
            file = next((first[name] for name in several[1:] if name in first), None)
            what = f"the classes {first_few([repr(n) for n in several])} differ by capitals, blanks or hyphens only"
            yield Finding(Severity.ERROR, file, what, "write them alike")
