"""How the masks of an annotated folder are understood: as classes of pixels, or as objects.

In this order: what the user says; what ``mask_classes.csv`` in the folder says (see `stellate.io.mask_class_file`);
what the masks look like. What a model was trained on goes with it, so that it is evaluated, and trained on, likewise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import ConfigError, DataError, StellateError
from ..io.class_masks import Value
from ..io.mask_class_file import MaskClassRows, read_mask_classes
from .class_files import entries
from .folder import Dataset
from .mask_classes import MaskClasses
from .mask_kind import gather, judge
from .mask_learning import learn_mask_classes
from .mask_options import MaskOptions

__all__ = ["CLASS_FILE", "MaskUse", "as_they_look", "as_trained", "plainly_classes", "understand"]

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
    rows = _rows(dataset.root)
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
    """What masks seem to hold, ``"classes"`` or ``"instances"``; empty where it is open, or files cannot be read."""
    try:
        return _kind(dataset, options, _rows(dataset.root))[0]
    except (StellateError, OSError):
        return ""


def plainly_classes(dataset: Dataset) -> str:
    """Why masks can be nothing but classes: the folder names them, or they are in colour; empty if they may be objects.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    if _rows(dataset.root):
        return f"{CLASS_FILE} names them"
    if dataset.classes:
        return ""
    return gather([record.mask_path for record in dataset.records]).colour


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
    ConfigError, DataError
        If what is said cannot be used.
    """
    options = options or MaskOptions()
    use = MaskUse.from_dict(masks)
    if options.masks == "instances":
        return dataset
    names, ignore = _said(options, _rows(dataset.root))
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


def _rows(root: Path) -> MaskClassRows | None:
    file = next((f for f in entries(root) if f.name.casefold() == CLASS_FILE), None)
    return None if file is None else read_mask_classes(file)
