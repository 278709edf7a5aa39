"""Looking over images of classes, or with boxes, before training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import StellateError
from .box_dataset import BoxDataset
from .check_boxes import check_boxes
from .check_images import (
    ImageFacts,
    check_copies,
    check_look_alikes,
    check_uniform,
    check_values,
    image_facts,
)
from .class_dataset import ClassDataset
from .duplicates import annotation_hash
from .findings import CheckReport, Finding, Severity, first_few, images_named, worst_first
from .image_files import images_in
from .opening import kind_of, read_boxes, read_classes

__all__ = ["check_labels"]

# A class of fewer images or boxes is hardly learned, and its scores are accidents.
_FEW = 10
_REPLACE = "replace the file, or take it out; or train without such: --skip-unreadable"

Labelled = ClassDataset | BoxDataset


def check_labels(
    path: str | Path, *, axes: str | None = None, progress: Callable[[int, int], None] | None = None
) -> CheckReport:
    """Look for everything that hinders training, or that makes its result worse or seem better than it is.

    Every image is read once.

    Parameters
    ----------
    path
        What `open_classes` or `open_boxes` takes, but for masks.
    axes
        Axes of the image files where they do not say so.
    progress
        Called with the images done and their number after each.

    Raises
    ------
    DataError
        If there is no such data, or they can be understood in several ways.
    """
    kind = kind_of(path)
    dataset: Labelled
    dataset, known = read_classes(path, axes=axes) if kind == "classes" else read_boxes(path, axes=axes)
    findings = list(known)
    facts: list[ImageFacts] = []
    for k in range(len(dataset)):
        fact, found = _check_image(dataset, k)
        facts.append(fact)
        findings += found
        if progress is not None:
            progress(k + 1, len(dataset))
    annotation = "class" if kind == "classes" else "boxes"
    findings += [
        *check_uniform(facts),
        *check_copies(facts, annotation=annotation),
        *check_look_alikes(facts),
    ]
    findings += [*_check_parts(dataset), *_check_not_annotated(dataset)]
    counts = _counts(dataset)
    findings += _check_classes(dataset, counts)
    if isinstance(dataset, BoxDataset):
        findings += check_boxes(dataset, [fact.size for fact in facts])
    total = np.stack([*counts.values()]).sum(axis=0)
    return CheckReport(
        dataset.root,
        len(dataset),
        int(total.sum()) if isinstance(dataset, BoxDataset) else 0,
        worst_first(findings),
        class_names=dataset.class_names,
        kind=kind,
        class_counts=dict(zip(dataset.class_names, total.tolist(), strict=True)),
        most_objects=max((len(r.boxes_xyxy) for r in dataset.records), default=0)
        if isinstance(dataset, BoxDataset)
        else 0,
    )


def _check_image(dataset: Labelled, index: int) -> tuple[ImageFacts, list[Finding]]:
    record = dataset[index]
    try:
        image = dataset.image(index)
    except (StellateError, OSError) as error:
        return ImageFacts(record), [Finding.from_error(record.image_path, error, _REPLACE)]
    facts = ImageFacts(
        record, **image_facts(image), annotation_hash=annotation_hash(dataset.annotation(index))
    )
    return facts, [*check_values(image, record.image_path)]


def _counts(dataset: Labelled) -> dict[str | None, npt.NDArray[np.int64]]:
    """Images, or boxes, of each class in each part."""
    counts = {split: np.zeros(len(dataset.class_names), dtype=np.int64) for split in (None, *dataset.splits)}
    for record in dataset.records:
        classes = record.classes if hasattr(record, "classes") else [record.class_id]
        np.add.at(counts[record.split], classes, 1)
    return counts


def _check_classes(dataset: Labelled, counts: dict[str | None, npt.NDArray[np.int64]]) -> Iterator[Finding]:
    """Classes that are too few, too rare, or missing in a part."""
    noun = "box" if isinstance(dataset, BoxDataset) else "image"
    total = np.stack([*counts.values()]).sum(axis=0)
    if not len(dataset):
        yield Finding(Severity.ERROR, None, "no annotated images", "annotate some")
        return
    if noun == "image" and np.count_nonzero(total) == 1:
        what = f"all images are of the class {dataset.class_names[int(total.argmax())]!r}"
        yield Finding(
            Severity.ERROR, None, what, "add images of another class, so that there is one to be told from"
        )
    if noun == "box" and not total.any():
        yield Finding(Severity.ERROR, None, "no boxes in any image", "annotate at least some images")
    for k, name in enumerate(dataset.class_names):
        yield from _check_rare(name, int(total[k]), noun, needs_two=_one_each(dataset))
        if total[k]:
            yield from _check_missing(name, {split: int(n[k]) for split, n in counts.items() if split}, noun)


def _check_missing(name: str, counts: dict[str, int], noun: str) -> Iterator[Finding]:
    """A class that is in some parts only."""
    others = [split for split in ("val", "test") if counts.get(split)]
    if others and counts.get("train") == 0:
        severity = Severity.ERROR if "val" in others else Severity.WARNING
        what = f"class {name!r} is in {'/ and '.join(others)}/, but not in train/, so that nothing learns it"
        yield Finding(severity, None, what, "move some of it to train/, or take it out")
    elif counts.get("val") == 0:
        what = f"class {name!r} has no {noun} in val/"
        yield Finding(Severity.WARNING, None, what, "divide the images so that each part has all classes")


def _one_each(dataset: Labelled) -> bool:
    """Whether every image is of one class, by itself or by the one box in it."""
    return isinstance(dataset, ClassDataset) or all(len(r.classes) == 1 for r in dataset.records)


def _check_rare(name: str, count: int, noun: str, *, needs_two: bool) -> Iterator[Finding]:
    if count == 0:
        what = f"class {name!r} has no {noun}; it is listed only"
        yield Finding(Severity.NOTE, None, what, "as intended where other data have it")
    elif count == 1 and needs_two:
        what = f"class {name!r} has a single image, where one is needed to train on and one to validate on"
        yield Finding(
            Severity.ERROR, None, what, "add images of it, or train without such classes: --least-images 2"
        )
    elif count < _FEW:
        several = noun if count == 1 else {"box": "boxes", "image": "images"}[noun]
        what = f"class {name!r} has {count} {several}"
        yield Finding(Severity.WARNING, None, what, "annotate more of them, or join it with another class")


def _check_parts(dataset: Labelled) -> Iterator[Finding]:
    """Images of no part, and groups in several."""
    if not dataset.splits:
        return
    outside = [record.name for record in dataset.records if record.split is None]
    if outside:
        what = f"{images_named(outside)} of no part, where others are in {', '.join(dataset.splits)}"
        yield Finding(Severity.WARNING, None, what, "say which part they belong to; else they are not used")
    parts: dict[str, set[str]] = {}
    for record in dataset.records:
        if record.group and record.split:
            parts.setdefault(record.group, set()).add(record.split)
    if divided := [group for group, of in parts.items() if len(of) > 1]:
        what = f"images of one group are in several parts: {first_few(divided)}"
        remedy = "keep each on one side: scores on what is like the images trained on say little"
        yield Finding(Severity.WARNING, None, what, remedy)


def _check_not_annotated(dataset: Labelled) -> Iterator[Finding]:
    """Images beside the annotated ones of which nothing is said."""
    known = {record.image_path for record in dataset.records}
    folders = sorted({dataset.root, *(file.parent for file in known)})
    others = [file.name for folder in folders for file in images_in(folder) if file not in known]
    if others:
        what = f"{images_named(others)} beside the annotated ones, of which nothing is said"
        yield Finding(Severity.NOTE, None, what, "annotate them if they matter")
