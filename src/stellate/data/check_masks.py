"""Checks of masks of classes: what their values mean, and how often each class occurs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from ..errors import StellateError
from ..io.mask_class_file import read_mask_classes
from .check_pair import PairFacts
from .class_pixels import ClassPixels, check_training_classes
from .findings import Finding, Severity
from .folder import Dataset
from .mask_classes import MaskClasses
from .mask_options import MaskOptions
from .mask_use import MaskUse, as_they_look, class_file, understand

__all__ = ["MaskLook", "check_class_pixels", "check_mask_use"]

# A class of a smaller share of the pixels is hardly learned where all pixels count alike.
_RARE = 0.005


class MaskLook(NamedTuple):
    """What masks are looked over as.

    Attributes
    ----------
    use
        What they hold.
    is_open
        Whether nobody can tell; they are then looked over as objects.
    findings
        What is wrong with that.
    """

    use: MaskUse
    is_open: bool
    findings: list[Finding]


def check_mask_use(dataset: Dataset, options: MaskOptions) -> MaskLook:
    """What masks hold, and what is wrong with that.

    Where it is open they are looked over as objects; where they hold classes that cannot be made out, the use says
    classes, and none.
    """
    if not dataset.records:
        return MaskLook(MaskUse("instances"), False, [])
    if broken := _check_class_file(dataset, options):
        return MaskLook(MaskUse("classes"), False, broken)
    try:
        use = understand(dataset, options)
    except (StellateError, OSError) as error:
        return _not_understood(dataset, options, error)
    looks = use.kind == "classes" and not options.says_classes
    what = "masks are taken for classes of pixels, from which a unet learns, but stardist does not"
    remedy = "for outlines give each object a number of its own; --masks instances names what hinders that"
    return MaskLook(use, False, [Finding(Severity.NOTE, None, what, remedy)] * looks)


def _check_class_file(dataset: Dataset, options: MaskOptions) -> list[Finding]:
    """What is wrong with the file that says what values mean; nothing where they are said to be objects."""
    file = class_file(dataset.root)
    if file is None or options.masks == "instances":
        return []
    try:
        read_mask_classes(file)
    except (StellateError, OSError) as error:
        return [Finding.from_error(file, error, "mend it, or take it out")]
    return []


def _not_understood(dataset: Dataset, options: MaskOptions, error: Exception) -> MaskLook:
    finding = Finding.from_error(dataset.root, error, "name the values of classes")
    if kind := as_they_look(dataset, options):
        return MaskLook(MaskUse(kind), False, [finding])
    why = "it is open what they are, so that they are looked over as objects"
    return MaskLook(MaskUse("instances", why), True, [replace(finding, severity=Severity.WARNING)])


def check_class_pixels(facts: Sequence[PairFacts], known: MaskClasses) -> Iterator[Finding]:
    """Classes that are missing, or rare, in what is trained on or validated on.

    Parameters
    ----------
    facts
        Of all pairs.
    known
        The classes.
    """
    parts = {part: _counted(facts, part, known) for part in dict.fromkeys(f.record.split for f in facts)}
    trained = parts.get("train", parts.get(None))
    if trained is None or not trained.n_masks:
        return
    yield from check_training_classes(trained, facts[0].record.mask_path.parent)
    if missing := [name for name in parts.get("val", trained).missing if name not in trained.missing]:
        what = f"no pixel of {', '.join(missing)} in val/"
        yield Finding(Severity.WARNING, None, what, "divide the images so that each part has all classes")
    total = sum(trained.pixels)
    for name, pixels in zip(trained.names, trained.pixels, strict=True):
        if 0 < pixels < _RARE * total:
            what = f"{name} has {pixels / total:.2%} of the pixels"
            remedy = "annotate more of it, or make classes count alike: --task.class-weights balanced"
            yield Finding(Severity.NOTE, None, what, remedy)


def _counted(facts: Sequence[PairFacts], part: str | None, known: MaskClasses) -> ClassPixels:
    rows = [f.class_pixels for f in facts if f.record.split == part and f.class_pixels is not None]
    return ClassPixels.of_masks(known.class_names, rows)
