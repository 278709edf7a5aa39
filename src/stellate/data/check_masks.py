"""Checks of masks of classes: what their values mean, and how often each class occurs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..errors import StellateError
from .check_pair import PairFacts
from .class_pixels import ClassPixels, check_training_classes
from .findings import Finding, Severity
from .folder import Dataset
from .mask_classes import MaskClasses
from .mask_options import MaskOptions
from .mask_use import MaskUse, as_they_look, understand

__all__ = ["check_class_pixels", "check_mask_use"]

# A class of a smaller share of the pixels is hardly learned where all pixels count alike.
_RARE = 0.005


def check_mask_use(dataset: Dataset, options: MaskOptions) -> tuple[MaskUse, list[Finding]]:
    """What masks hold, and what is wrong with that.

    Where it is open they are looked over as objects; where they hold classes that cannot be made out, the use says
    classes, and none.
    """
    if not dataset.records:
        return MaskUse("instances"), []
    try:
        use = understand(dataset, options)
        looks = use.kind == "classes" and not options.says_classes
        what = "masks are taken for classes of pixels, from which a unet learns, but stardist does not"
        remedy = (
            "for outlines give each object a number of its own; --masks instances names what hinders that"
        )
        return use, [Finding(Severity.NOTE, None, what, remedy)] * looks
    except (StellateError, OSError) as error:
        kind = as_they_look(dataset, options)
        finding = Finding.from_error(dataset.root, error, "name the values of classes")
        severity = Severity.ERROR if kind else Severity.WARNING
        why = "" if kind else "it is open what they are, so that they are looked over as objects"
        return MaskUse(kind or "instances", why), [Finding(severity, None, finding.what, finding.remedy)]


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
