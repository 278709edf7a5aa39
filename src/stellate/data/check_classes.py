"""Checks of the files that state classes of objects, and of how often each class occurs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..io.class_file import CLASS_SUFFIXES
from .check_pair import PairFacts
from .classes import FolderClasses
from .findings import Finding, Severity
from .listing import Listing

__all__ = ["check_classes", "other_files"]

# A class of fewer objects is hardly learned, and its scores are accidents.
FEW = 10
_NAMED = 6


def other_files(listing: Listing, classes: FolderClasses) -> Iterator[Finding]:
    """Files of other kinds in the folders of images and masks, those apart that state classes."""
    masks = {r.mask_path.parent for r in listing.records}
    for file in listing.ignored:
        if file in classes.files:
            continue
        if file.parent in masks and file.suffix.lower() in CLASS_SUFFIXES:
            what = (
                "a table that fits no mask: files of this kind state the classes of the mask of the same name"
            )
            yield Finding(Severity.WARNING, file, what, "name it as the mask, or put it elsewhere")
        else:
            yield Finding(
                Severity.NOTE, file, "not an image that can be read", "export it as TIFF if it matters"
            )


def check_classes(classes: FolderClasses, facts: Sequence[PairFacts]) -> Iterator[Finding]:
    """Files that cannot be used, objects of unknown class, and classes that are rare or missing in a part.

    Parameters
    ----------
    classes
        Of the folder.
    facts
        Of all pairs.
    """
    yield from classes.problems
    if not classes.names:
        return
    yield from _unknown(facts)
    parts = [*dict.fromkeys(f.record.split for f in facts)]
    counts = {
        part: _counts([f for f in facts if f.record.split == part], len(classes.names)) for part in parts
    }
    total = np.sum(list(counts.values()), axis=0)
    for k, name in enumerate(classes.names):
        if total[k] < FEW:
            what = (
                f"class {name!r} has {_objects(total[k])}" if total[k] else f"class {name!r} has no objects"
            )
            yield Finding(
                Severity.WARNING, None, what, "annotate more of them, or join it with another class"
            )
        missing = [part for part in ("train", "val") if part in counts and not counts[part][k]]
        if total[k] and missing:
            what = f"class {name!r} has no objects in {'/, '.join(missing)}/"
            yield Finding(Severity.WARNING, None, what, "divide the images so that each part has all classes")


def _counts(facts: Sequence[PairFacts], n_classes: int) -> np.ndarray:
    """Objects of each class."""
    counts = np.zeros(n_classes, dtype=np.int64)
    for fact in facts:
        if fact.classes is not None:
            counts += np.bincount(fact.classes[fact.classes >= 0], minlength=n_classes)
    return counts


def _unknown(facts: Sequence[PairFacts]) -> Iterator[Finding]:
    without = [f.record.mask_path for f in facts if f.classes is None and f.n_objects]
    if without:
        what = f"no file states classes for {_files(without)}"
        yield Finding(Severity.NOTE, None, what, "their objects train the outline only")
    known = [f.classes for f in facts if f.classes is not None]
    unknown = sum(int((classes < 0).sum()) for classes in known)
    if unknown:
        what = f"{_objects(unknown)} of {sum(map(len, known))} without a class in files that state classes"
        yield Finding(
            Severity.NOTE, None, what, "as intended where the class is not known: the outline is learned"
        )


def _objects(number: int) -> str:
    return f"{number} object" if number == 1 else f"{number} objects"


def _files(paths: Sequence[Path]) -> str:
    shown = ", ".join(path.name for path in paths[:_NAMED])
    return f"{shown} and {len(paths) - _NAMED} more" if len(paths) > _NAMED else shown
