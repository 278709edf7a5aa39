"""From what annotations say to datasets: names become ids, boxes are held against images, faults are gathered."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import DataError, StellateError
from ..io.pictures import image_name
from ..io.sizes import image_size
from .box_dataset import BoxDataset, BoxRecord
from .box_faults import sound_boxes
from .box_sources import from_coco, from_masks, from_table, from_voc
from .class_dataset import ClassDataset, ClassRecord
from .class_sources import StatedClass, folders_passed_over, from_class_folders, from_class_tables
from .findings import Finding, Severity
from .label_names import listed_names, name_classes
from .layouts import Layout
from .stated import StatedBoxes, StatedImage
from .yolo_sources import from_yolo

__all__ = ["ReadBoxes", "ReadClasses", "boxes_of", "classes_of"]


class ReadClasses(NamedTuple):
    """Images of classes, and what is wrong with them."""

    dataset: ClassDataset
    findings: tuple[Finding, ...]


class ReadBoxes(NamedTuple):
    """Images with boxes, and what is wrong with them."""

    dataset: BoxDataset
    findings: tuple[Finding, ...]


def classes_of(layout: Layout, root: Path, *, axes: str | None = None) -> ReadClasses:
    """Images that each are of a class, and everything that hinders their use.

    Parameters
    ----------
    layout
        What states the classes.
    root
        The folder of the data, where ``class_names.txt`` may lie.
    axes
        Axes of the image files where they do not say so.
    """
    stated: list[StatedClass] = []
    findings: list[Finding] = []
    for folder, split, files in layout.parts:
        if layout.form == "class folders":
            more, wrong = from_class_folders(files, split)
            wrong += folders_passed_over(folder, files)
        else:
            more, wrong = from_class_tables(folder, files)
            more = [s._replace(split=s.split or split) for s in more]
        stated += more
        findings += wrong
    findings += _twice([(s.image, s.source) for s in stated])
    first: dict[str, Path] = {}
    for s in stated:
        first.setdefault(s.name, s.source)
    names, ids, problems = name_classes(first, listed=listed_names(root))
    findings += problems
    called = _names([s.image for s in stated], root)
    records = tuple(
        ClassRecord(name, s.image, ids[s.name], s.split, s.group)
        for name, s in zip(called, stated, strict=True)
        if s.name in ids
    )
    return ReadClasses(ClassDataset(_above(root, records), records, axes, names), tuple(findings))


def boxes_of(layout: Layout, root: Path, *, axes: str | None = None) -> ReadBoxes:
    """Images with boxes but for those that cannot be used, and everything that hinders the use of all.

    Parameters
    ----------
    layout
        What states the boxes.
    root
        The folder of the data, where ``class_names.txt`` may lie.
    axes
        Axes of the image files where they do not say so.

    Raises
    ------
    DataError
        If label images cannot be opened, or hold classes of pixels.
    """
    stated = _stated(layout, root, axes)
    findings = [*stated.findings, *_twice([(s.image, s.annotation) for s in stated.images])]
    first: dict[str, Path] = {}
    for one in stated.images:
        for name in one.boxes.names:
            first.setdefault(name, one.annotation)
    names, ids, problems = name_classes(first, stated.class_order, listed_names(root))
    findings += problems
    records = []
    n_cut = 0
    called = _names([s.image for s in stated.images], root)
    for name, one in zip(called, stated.images, strict=True):
        size = _size(one, axes, findings)
        sound = sound_boxes(one, size, click=stated.click)
        findings += sound.faults
        n_cut += sound.n_cut
        known = [k for k, of in enumerate(sound.names) if of in ids]
        classes = np.array([ids[sound.names[k]] for k in known], dtype=np.int32)
        split = one.boxes.split or one.split
        records.append(BoxRecord(name, one.image, sound.boxes_xyxy[known], classes, split, one.boxes.group))
    if n_cut:
        what = f"{n_cut} box{'es'[: 2 * (n_cut > 1)]} reached beyond the image and {'were' if n_cut > 1 else 'was'} cut"
        findings.append(Finding(Severity.NOTE, None, what, "see that images are those that were annotated"))
    dataset = BoxDataset(_above(root, records), tuple(records), axes, names, left_out=stated.left_out)
    return ReadBoxes(dataset, tuple(findings))


def _stated(layout: Layout, root: Path, axes: str | None) -> StatedBoxes:
    if layout.form == "masks":
        return from_masks(root, axes=axes)
    # boxes of YOLO are shares of their images, which must then be looked at
    read: dict[str, Callable[[Path, tuple[Path, ...]], StatedBoxes]] = {
        "voc": from_voc,
        "coco": from_coco,
        "yolo": partial(from_yolo, axes=axes),
        "box table": from_table,
    }
    stated = StatedBoxes()
    for folder, split, files in layout.parts:
        part = read[layout.form](folder, files)
        if split is not None:
            part.images = [s._replace(split=s.boxes.split or split) for s in part.images]
        stated.add(part)
    return stated


def _above(root: Path, records: Sequence[ClassRecord | BoxRecord]) -> Path:
    """The folder, or where annotations name images outside of it, the one that holds all."""
    if all(record.image_path.is_relative_to(root) for record in records):
        return root
    try:
        return Path(os.path.commonpath([root.absolute(), *(r.image_path.absolute() for r in records)]))
    except ValueError as error:
        raise DataError(f"{root}: names images on other drives; put all on one") from error


def _names(images: Sequence[Path], root: Path) -> list[str]:
    """What images are called: as their files, or where these are called alike, as their paths in the folder."""
    names = [image_name(image) for image in images]
    counts = Counter(names)
    return [
        image.relative_to(root).with_name(name).as_posix()
        if counts[name] > 1 and image.is_relative_to(root)
        else name
        for name, image in zip(names, images, strict=True)
    ]


def _twice(stated: Sequence[tuple[Path, Path]]) -> list[Finding]:
    """Images of which more than one file, or one file twice, says something."""
    first: dict[Path, Path] = {}
    findings = []
    for image, source in stated:
        if image in first:
            where = "" if first[image] == source else f", first in {first[image].name}"
            what = f"{image.name} is annotated twice{where}"
            findings.append(Finding(Severity.ERROR, source, what, "keep one of the two"))
        first.setdefault(image, source)
    return findings


def _size(stated: StatedImage, axes: str | None, findings: list[Finding]) -> tuple[int, int] | None:
    """Height and width of an image by its file; where that cannot be read, the image's reader will say so."""
    try:
        size = image_size(stated.image, axes=axes)
    except (StellateError, OSError):
        return None
    if stated.boxes.size not in (None, size):
        height, width = stated.boxes.size or size
        what = f"{stated.image.name}: {width} x {height} pixels by the annotation, {size[1]} x {size[0]} by its file"
        findings.append(Finding(Severity.ERROR, stated.annotation, what, "annotate the image that is there"))
    return size
