"""The classes of annotated objects, from files beside the masks.

One of these says of which class the objects of a mask are (see `stellate.io.class_file` for what they hold):

- ``masks/NAME.csv`` or ``masks/NAME.json`` beside ``masks/NAME.tif``;
- ``classes.csv`` or ``classes.json`` beside ``images/`` and ``masks/``, or beside ``train/`` and ``val/``. It names
  images as their files are called, with or without suffix, and where parts have images of the same name, with the part
  before it: ``train/NAME``.

Objects that none of them speaks of are of unknown class. Class names are sorted; numbers keep their order, and number
``k`` is called ``class k``. A file ``class_names.txt`` in the data folder lists all names in the wanted order, and what
the numbers stand for.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import DataError, StellateError
from ..io.class_file import ClassRow, read_class_file, read_class_names
from .class_files import composed, entries, files_beside_masks, files_of_many
from .class_names import Value, name_values
from .findings import Finding, Severity
from .listing import Listing

__all__ = ["MISFIT_REMEDY", "FolderClasses", "ObjectClasses", "read_classes"]

MISFIT_REMEDY = (
    "labels are the ids that the mask's file has: mend them, or export mask and classes together anew"
)
"""What to do about `ObjectClasses.misfit`."""

_NAMED = 6
_REPLACE = "replace it, or take it away"


# The mask that a file speaks of, or the masks by what their images may be called.
_Masks = Path | Mapping[str, Sequence[Path]]


@dataclass(frozen=True, eq=False)
class ObjectClasses:
    """Classes of the objects of one mask.

    Attributes
    ----------
    file
        The file that states them.
    ids
        ``(n,)`` int64, ascending: labels as they are in the mask's file.
    classes
        ``(n,)`` int32: class ids from 0, -1 where unknown.
    lines
        ``(n,)`` int64: where in the file each is stated.
    """

    file: Path
    ids: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int32]
    lines: npt.NDArray[np.int64]

    def of(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """Classes of some objects.

        Parameters
        ----------
        ids
            ``(m,)`` int64: labels as they are in the mask's file.

        Returns
        -------
        (m,) int32
            Class ids from 0, -1 where unknown.
        """
        found = np.full(len(ids), -1, dtype=np.int32)
        if len(self.ids):
            at = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
            stated = self.ids[at] == ids
            found[stated] = self.classes[at[stated]]
        return found

    def misfit(self, ids: npt.NDArray[np.int64]) -> str:
        """What is wrong where the file states classes of labels that the mask has not; empty if it fits.

        Parameters
        ----------
        ids
            ``(m,)`` int64: all labels of the mask's file.
        """
        strange = np.flatnonzero(~np.isin(self.ids, ids))
        if not len(strange):
            return ""
        first = strange[np.argmin(self.lines[strange])]
        more = f" (and {len(strange) - 1} more)" if len(strange) > 1 else ""
        return f"line {self.lines[first]}: the mask has no label {self.ids[first]}{more}"

    def renumbered(self, table: npt.NDArray[np.int32]) -> ObjectClasses:
        """The same with class ``k`` called ``table[k]``; the last of the table is for unknown classes."""
        return replace(self, classes=table[self.classes])


@dataclass(frozen=True, eq=False)
class FolderClasses:
    """Classes of the objects of an annotated folder.

    Attributes
    ----------
    names
        One for each class id; empty if no file states classes.
    by_mask
        By the path of the mask; masks of which no file speaks are missing.
    files
        The files that state them.
    problems
        What is wrong with these files.
    """

    names: tuple[str, ...] = ()
    by_mask: Mapping[Path, ObjectClasses] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    problems: tuple[Finding, ...] = ()

    def check(self) -> None:
        """See that nothing hinders their use.

        Raises
        ------
        DataError
            If something does.
        """
        for problem in self.problems:
            if problem.severity is Severity.ERROR:
                raise DataError(str(problem).removeprefix(f"{problem.severity}: "))


@dataclass(eq=False)
class _Stated:
    """What a file says of one mask: columns of ids, codes of values, and lines."""

    file: Path
    ids: array[int] = field(default_factory=lambda: array("q"))
    codes: array[int] = field(default_factory=lambda: array("q"))
    lines: array[int] = field(default_factory=lambda: array("q"))


class _Reading:
    """What is known while the files are read, one after another."""

    def __init__(self) -> None:
        self.values: dict[Value, int] = {}
        """Code of each class as it is written."""
        self.first: dict[Value, tuple[Path, int]] = {}
        """File and line where each occurs first."""
        self.stated: dict[Path, _Stated] = {}
        self.problems: list[Finding] = []

    def problem(self, file: Path | None, what: str, remedy: str, severity: Severity = Severity.ERROR) -> None:
        self.problems.append(Finding(severity, file, what, remedy))

    def code(self, value: Value | None, file: Path, line: int) -> int:
        if value is None:
            return -1
        if value not in self.values:
            self.values[value] = len(self.values)
            self.first[value] = (file, line)
        return self.values[value]


def read_classes(listing: Listing) -> FolderClasses:
    """Read the files of an annotated folder that state classes.

    Nothing is raised: what is wrong with a file is among the problems of the result.
    """
    reading = _Reading()
    files: list[tuple[Path, _Masks]] = [*files_beside_masks(listing), *files_of_many(listing)]
    for file, masks in files:
        try:
            _read(file, masks, reading)
        except (StellateError, OSError) as error:
            reading.problems.append(Finding.from_error(file, error, _REPLACE))
    listed, list_file = _listed(listing.root, reading)
    if reading.problems and any(p.severity is Severity.ERROR for p in reading.problems):
        return FolderClasses((), {}, tuple(f for f, _ in files), tuple(reading.problems))
    if list_file is not None and not files:
        what = "lists class names, but no file says which objects they are of"
        reading.problem(list_file, what, "add masks/NAME.csv or classes.csv", Severity.WARNING)
        return FolderClasses(problems=tuple(reading.problems))
    names, table, problems = name_values(reading.first, listed, list_file)
    reading.problems += problems
    codes = np.array([table.get(value, -1) for value in reading.values] + [-1], dtype=np.int32)
    by_mask = {mask: _columns(stated, codes, reading) for mask, stated in reading.stated.items()}
    return FolderClasses(names, by_mask, tuple(f for f, _ in files), tuple(reading.problems))


def _listed(root: Path, reading: _Reading) -> tuple[tuple[str, ...] | None, Path | None]:
    """Class names in the wanted order, and where they are listed."""
    file = next((f for f in entries(root) if f.name.casefold() == "class_names.txt"), None)
    if file is not None:
        try:
            return read_class_names(file), file
        except (StellateError, OSError) as error:
            reading.problems.append(Finding.from_error(file, error, _REPLACE))
    return None, None


def _read(file: Path, masks: _Masks, reading: _Reading) -> None:
    """Take down what a file says of one mask, or of many by the names of their images."""
    strange: dict[str, int] = {}
    # a file beside a mask that states nothing states that nothing is known
    stated = {masks: _Stated(file)} if isinstance(masks, Path) else {}
    for row in read_class_file(file, images=not isinstance(masks, Path)):
        mask = masks if isinstance(masks, Path) else _mask_of(file, row, masks)
        if mask is None:
            strange.setdefault(row.image, row.line)
            continue
        columns = stated.setdefault(mask, _Stated(file))
        columns.ids.append(row.label)
        columns.codes.append(reading.code(row.value, file, row.line))
        columns.lines.append(row.line)
    if strange:
        _tell_strange(file, strange, reading, all_are=not stated)
    for mask, columns in stated.items():
        other = reading.stated.setdefault(mask, columns)
        if other is not columns:
            what = f"states classes of {mask.name}, and so does {other.file.name}"
            reading.problem(file, what, "keep one of them")


def _mask_of(file: Path, row: ClassRow, masks: Mapping[str, Sequence[Path]]) -> Path | None:
    found = masks.get(composed(row.image.replace("\\", "/")), ())
    if len(found) > 1:
        what = f"line {row.line}: several parts of the data have an image {row.image!r}"
        raise DataError(f"{file}: {what}; write the part before it, e.g. train/{row.image}")
    return found[0] if found else None


def _tell_strange(file: Path, strange: Mapping[str, int], reading: _Reading, *, all_are: bool) -> None:
    shown = ", ".join(repr(name) for name in list(strange)[:_NAMED])
    more = f" and {len(strange) - _NAMED} more" if len(strange) > _NAMED else ""
    line = next(iter(strange.values()))
    if all_are:
        what = f"line {line}: none of the images that it names is in this folder ({shown}{more})"
        reading.problem(file, what, "name images as their files are called")
    else:
        what = f"line {line}: names images that are not in this folder: {shown}{more}"
        reading.problem(file, what, "see whether they are misspelt", Severity.WARNING)


def _columns(stated: _Stated, codes: npt.NDArray[np.int32], reading: _Reading) -> ObjectClasses:
    """The classes of a mask by ascending label, each once."""
    ids, written, lines = (np.array(c, dtype=np.int64) for c in (stated.ids, stated.codes, stated.lines))
    order = np.argsort(ids, kind="stable")
    ids, classes, lines = ids[order], codes[written[order]], lines[order]
    again = np.flatnonzero(ids[1:] == ids[:-1]) + 1
    for k in again[classes[again] != classes[again - 1]][:1]:
        first, second = sorted((int(lines[k - 1]), int(lines[k])))
        what = f"line {second}: label {ids[k]} is of another class than in line {first}"
        reading.problem(stated.file, what, "keep one of the two")
    once = np.concatenate([[True], ids[1:] != ids[:-1]]) if len(ids) else np.zeros(0, bool)
    return ObjectClasses(stated.file, ids[once], classes[once], lines[once])
