"""How the masks of an annotated folder are understood: as classes of pixels, or as objects.

In this order: what the user says; what ``mask_classes.csv`` in the folder says (see `stellate.io.mask_class_file`);
what the masks look like. What a model was trained on goes with it, so that it is evaluated, and trained on, likewise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ConfigError, DataError, StellateError
from ..io.class_masks import Value
from ..io.mask_class_file import MaskClassRows, read_mask_classes
from .class_files import entries
from .folder import Dataset
from .mask_classes import MaskClasses
from .mask_kind import gather, judge
from .mask_learning import learn_mask_classes
from .mask_options import MaskOptions

__all__ = [
    "CLASS_FILE",
    "ClassSigns",
    "MaskUse",
    "as_they_look",
    "as_trained",
    "class_file",
    "signs_of_classes",
    "understand",
]

CLASS_FILE = "mask_classes.csv"


@dataclass(frozen=True)
class MaskUse:
    """What the values in masks are.

    Attributes
    ----------
    kind
        ``"classes"`` or ``"instances"``.
    why
        What speaks for it.
    classes
        The class of each value, of masks of classes.
    """

    kind: str
    why: str = ""
    classes: MaskClasses | None = None

    def applied(self, dataset: Dataset) -> Dataset:
        """The dataset with masks so understood."""
        return dataset if self.classes is None else dataset.with_mask_classes(self.classes)

    def to_dict(self) -> dict[str, Any]:
        """What a model keeps of it, in plain JSON."""
        return {"kind": self.kind, **(self.classes.to_dict() if self.classes else {})}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> MaskUse:
        """What `to_dict` made.

        Raises
        ------
        ConfigError
            If it is something else.
        """
        kind = data.get("kind")
        if kind not in ("classes", "instances"):
            raise ConfigError(f"masks of kind {kind!r}: expected classes or instances")
        why = "as the model was trained"
        return cls(kind, why, MaskClasses.from_dict(data) if kind == "classes" else None)


def understand(dataset: Dataset, options: MaskOptions) -> MaskUse:
    """Find out what the masks of a folder hold. Masks are read one at a time.

    Raises
    ------
    ConfigError
        If what the user says contradicts itself.
    DataError
        If it is open what masks hold; or they hold classes, and values that are of none, or a single one.
    InputError
        If a file cannot be read.
    """
    paths = [record.mask_path for record in dataset.records]
    if not paths:
        raise DataError(f"{dataset.root}: no masks to look at")
    rows = _rows(dataset.root, options)
    kind, why = _kind(dataset, options, rows)
    if not kind:
        raise DataError(
            f"{dataset.root}: it is open whether the masks hold classes of pixels or objects ({why}); say which: "
            "--masks classes or --masks instances"
        )
    if kind == "instances":
        return MaskUse(kind, why)
    names, ignore = _said(options, rows)
    known = learn_mask_classes(paths, names=names, ignore=ignore, tolerance=options.mask_tolerance)
    return MaskUse("classes", f"{why}; the ground is {known.ground}" if known.ground else why, known)


def as_they_look(dataset: Dataset, options: MaskOptions) -> str:
    """What masks seem to hold, ``"classes"`` or ``"instances"``; empty where it is open, or masks cannot be read.

    Raises
    ------
    InputError
        If the folder's ``mask_classes.csv`` cannot be used.
    """
    rows = _rows(dataset.root, options)
    try:
        return _kind(dataset, options, rows)[0]
    except (StellateError, OSError):
        return ""


class ClassSigns(NamedTuple):
    """What speaks for classes of pixels where masks are to hold objects. Both are empty where nothing does.

    Attributes
    ----------
    plain
        Why the masks can be nothing else.
    likely
        Why they look like it, where they may be objects.
    """

    plain: str = ""
    likely: str = ""


def signs_of_classes(dataset: Dataset) -> ClassSigns:
    """Look whether masks that are to hold objects hold classes of pixels: named by the folder, in colour, or recurring.

    One value beside 0 is no sign: an image may hold a single object, and a foreground be annotated as one.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    if _rows(dataset.root, MaskOptions()):
        return ClassSigns(plain=f"{CLASS_FILE} names them")
    if dataset.classes or not dataset.records:
        return ClassSigns()
    seen = gather([record.mask_path for record in dataset.records])
    if seen.colour:
        return ClassSigns(plain=seen.colour)
    kind, why = judge(seen)
    return ClassSigns(likely=why if kind == "classes" and len(seen.values) > 1 else "")


def class_file(root: Path) -> Path | None:
    """The file of a folder that says what values mean; None if there is none."""
    return next((file for file in entries(root) if file.name.casefold() == CLASS_FILE), None)


def _kind(dataset: Dataset, options: MaskOptions, rows: MaskClassRows | None) -> tuple[str, str]:
    """What masks hold, empty where it is open, and what speaks for it."""
    if options.masks == "instances":
        return "instances", "as set"
    if options.says_classes:
        return "classes", "as set"
    if rows:
        return "classes", f"{CLASS_FILE} names them"
    if dataset.classes:
        return "instances", "files beside the masks state classes of objects"
    return judge(gather([record.mask_path for record in dataset.records]))


def as_trained(dataset: Dataset, masks: Mapping[str, Any], options: MaskOptions | None = None) -> Dataset:
    """The dataset with masks understood as those that a model was trained on; what the user or the folder says wins.

    Parameters
    ----------
    dataset
        An annotated folder.
    masks
        What the model keeps, `ModelInfo.masks`.
    options
        What the user says.

    Returns
    -------
    Dataset
        Its classes may have other ids than the model's; names are what counts.

    Raises
    ------
    ConfigError
        If what the user says cannot be used.
    DataError
        If the model learned its classes from objects, and the masks look like classes that nobody named.
    InputError
        If a file cannot be read.
    """
    options = options or MaskOptions()
    use = MaskUse.from_dict(masks)
    if options.masks == "instances":
        return dataset
    names, ignore = _said(options, _rows(dataset.root, options))
    if names is not None:
        of_model = use.classes.tolerance if use.classes else 0.0
        own = MaskClasses(tuple(names), tuple(names.values()), ignore, options.mask_tolerance or of_model)
        return dataset.with_mask_classes(own.ground_first())
    if use.classes is None and options.says_classes:
        raise ConfigError(
            f"{dataset.root}: the model learned its classes from objects; name the values of these masks "
            f"(mask_values, or {CLASS_FILE} in the folder)"
        )
    if use.classes is None:
        _see_that_objects(dataset)
        return dataset
    known = use.classes
    if ignore or options.mask_tolerance:
        more = tuple(value for value in ignore if value not in known.ignore)
        tolerance = options.mask_tolerance or known.tolerance
        known = replace(known, ignore=(*known.ignore, *more), tolerance=tolerance)
    return dataset.with_mask_classes(known)


def _said(
    options: MaskOptions, rows: MaskClassRows | None
) -> tuple[dict[Value, str] | None, tuple[Value, ...]]:
    """Names by value, and values to ignore, by the user or else by the folder."""
    names = options.names or (rows.names if rows else None)
    ignore = options.ignore or (rows.ignore if rows and not options.names else ())
    return names, ignore


def _see_that_objects(dataset: Dataset) -> None:
    """See that masks do not look like classes where a model knows objects only."""
    signs = signs_of_classes(dataset)
    if why := signs.plain or signs.likely:
        raise DataError(
            f"{dataset.root}: the model learned its classes from objects, but the masks look like classes of pixels "
            f"({why}); name the values (mask_values, or {CLASS_FILE} in the folder), or say --masks instances if they "
            "are objects after all"
        )


def _rows(root: Path, options: MaskOptions) -> MaskClassRows | None:
    """What the folder says of values; None if nothing, or if the user says that they are objects."""
    file = class_file(root)
    return None if file is None or options.masks == "instances" else read_mask_classes(file)
