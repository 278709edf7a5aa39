"""Checks of boxes: those that are tiny or stand for one another, and images that are none for a localizer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ..geometry.boxes import box_iou
from .box_dataset import BoxDataset, BoxRecord
from .findings import Finding, Severity, first_few, images_named

__all__ = ["check_boxes"]

# Sides below this, in pixels, are those of slips rather than of things that could be recognised.
_TINY = 2.0
# As a share of the image's longer side: of an image that is brought to 640 pixels, little more than six are left.
_SMALL = 0.01
# Two boxes that share this much of their union are hardly around two things.
_SAME = 0.9
# Boxes per block of comparisons: some 500 times all boxes of an image at a time.
_COMPARED = 512


def check_boxes(dataset: BoxDataset, sizes: Sequence[tuple[int, int] | None]) -> Iterator[Finding]:
    """Look for boxes that hinder a network, or that count something twice.

    Those that cannot be used at all were found when the annotation was read.

    Parameters
    ----------
    dataset
        The boxes.
    sizes
        Height and width of each image; None where it could not be read.
    """
    yield from _check_single(dataset)
    yield from _check_small(dataset, sizes)
    yield from _check_same(dataset)
    for reason, count in dataset.left_out.items():
        yield Finding(
            Severity.NOTE, None, f"left out: {count} {reason}", "as intended where they are no objects"
        )


def _check_single(dataset: BoxDataset) -> Iterator[Finding]:
    """Images with another number of boxes than one."""
    numbers = Counter(min(len(record.boxes_xyxy), 2) for record in dataset.records)
    if not dataset.records or numbers[1] == len(dataset):
        return
    none, several = ([r.name for r in dataset.records if min(len(r.boxes_xyxy), 2) == n] for n in (0, 2))
    told = [
        f"{images_named(names)} with {n}"
        for names, n in ((none, "no box"), (several, "several boxes"))
        if names
    ]
    remedy = (
        "a localizer finds the one object of an image; it can be trained on the others: --skip-not-single"
        if numbers[1]
        else "a localizer cannot be trained on them, since it finds the one object of an image"
    )
    yield Finding(Severity.NOTE, None, " and ".join(told), remedy)


def _check_small(dataset: BoxDataset, sizes: Sequence[tuple[int, int] | None]) -> Iterator[Finding]:
    """Boxes of hardly any pixels, and those of which nothing is left when their image is shrunk."""
    tiny: list[str] = []
    small: list[str] = []
    n_small = 0
    for record, size in zip(dataset.records, sizes, strict=True):
        sides = _shorter_sides(record)
        if (sides < _TINY).any():
            tiny.append(record.name)
        if size is not None and (few := ((sides >= _TINY) & (sides < _SMALL * max(size))).sum()):
            small.append(record.name)
            n_small += int(few)
    if tiny:
        what = f"{images_named(tiny)} with boxes less than {_TINY:g} pixels across"
        yield Finding(Severity.WARNING, None, what, "remove what is no object")
    if small:
        what = f"{_boxes(n_small)} less than {_SMALL:.0%} of their image across, in {images_named(small)}"
        remedy = "cut such images into pieces, since networks that shrink them see little of these"
        yield Finding(Severity.NOTE, None, what, remedy)


def _check_same(dataset: BoxDataset) -> Iterator[Finding]:
    """Pairs of boxes around nearly the same pixels, of one class or of two."""
    counts = Counter[bool]()
    first: dict[bool, dict[str, str]] = {True: {}, False: {}}
    for record in dataset.records:
        for i, j in _nearly_same(record):
            one_class = bool(record.classes[i] == record.classes[j])
            counts[one_class] += 1
            first[one_class].setdefault(record.name, _pair(record, dataset.class_names, i, j))
    for one_class, which, remedy in (
        (True, "one class", "keep one of each; else a thing counts twice"),
        (False, "two classes", "keep that of the right class, unless it is both"),
    ):
        if counts[one_class]:
            shown = first_few([*first[one_class].values()], most=3)
            what = f"{_pairs(counts[one_class])} of {which} around nearly the same: {shown}"
            yield Finding(Severity.WARNING, None, what, remedy)


def _nearly_same(record: BoxRecord) -> list[tuple[int, int]]:
    boxes = record.boxes_xyxy
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(boxes), _COMPARED):
        first, second = np.nonzero(box_iou(boxes[start : start + _COMPARED], boxes) >= _SAME)
        pairs += [(start + int(i), int(j)) for i, j in zip(first, second, strict=True) if start + i < j]
    return pairs


def _pair(record: BoxRecord, names: Sequence[str], i: int, j: int) -> str:
    x1, y1, x2, y2 = record.boxes_xyxy[i].tolist()
    classes = " and ".join(dict.fromkeys(names[record.classes[k]] for k in (i, j)))
    return f"{record.name} x {x1:g} to {x2:g}, y {y1:g} to {y2:g} ({classes})"


def _shorter_sides(record: BoxRecord) -> npt.NDArray[np.float32]:
    boxes = record.boxes_xyxy
    return np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])


def _boxes(count: int) -> str:
    return f"{count} box{'es'[: 2 * (count != 1)]}"


def _pairs(count: int) -> str:
    return f"{count} pair{'s'[: count != 1]} of boxes"
