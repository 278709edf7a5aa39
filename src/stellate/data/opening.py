"""Opening annotated data: what a path holds is found out here, and nowhere else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from ..errors import DataError, StellateError
from ..io.pictures import image_name
from ..io.sizes import image_size
from .box_dataset import BoxDataset, BoxRecord
from .box_faults import BAD_BOXES, sound_boxes
from .box_sources import from_coco, from_masks, from_table, from_voc
from .class_dataset import ClassDataset, ClassRecord
from .class_sources import StatedClass, from_class_folders, from_class_tables
from .findings import Finding, Severity, first_few
from .label_names import listed_names, name_classes
from .layouts import Form, Layout, base_of, layouts
from .stated import StatedBoxes, StatedImage

__all__ = ["ReadBoxes", "ReadClasses", "kind_of", "open_boxes", "open_classes", "read_boxes", "read_classes"]

BadBoxes = Literal["refuse", "drop"]
Kind = Literal["pixels", "classes", "boxes"]

_KINDS: Mapping[Form, Kind] = {
    "masks": "pixels",
    "voc": "boxes",
    "coco": "boxes",
    "box table": "boxes",
    "class table": "classes",
    "class folders": "classes",
}
_EXPECTED = {
    "boxes": "XML files of Pascal VOC, a JSON of COCO, a table (.csv) of boxes, or images/ with label images in masks/",
    "classes": "a folder of images for each class, a table (.csv) of images and classes, or annotated boxes or objects",
}


class ReadClasses(NamedTuple):
    """Images of classes, and what is wrong with them."""

    dataset: ClassDataset
    findings: tuple[Finding, ...]


class ReadBoxes(NamedTuple):
    """Images with boxes, and what is wrong with them."""

    dataset: BoxDataset
    findings: tuple[Finding, ...]


def kind_of(path: str | Path) -> Kind:
    """What is annotated: a class or object for each pixel, a class for each image, or boxes.

    Where there is an annotation of pixels, it counts. Data that cannot be told to be any are taken for pixels, whose
    reader says what is expected.

    Raises
    ------
    DataError
        If there is no such path, or both boxes and classes of images are annotated.
    """
    found = layouts(path)
    kinds = {_KINDS[layout.form] for layout in found}
    if "pixels" in kinds or not kinds:
        return "pixels"
    if len(kinds) > 1:
        kinds = {_KINDS[layout.form] for layout in found if layout.usual} or kinds
    if len(kinds) > 1:
        raise DataError(_ambiguous(Path(path), found))
    return kinds.pop()


def open_classes(
    path: str | Path, *, axes: str | None = None, crop_margin: float = 0.2, bad_boxes: BadBoxes = "refuse"
) -> ClassDataset:
    """Open images that each are of a class, or the pieces of images around annotated boxes or objects.

    Parameters
    ----------
    path
        A folder with a folder of images for each class, or with ``train/``, ``val/``, ``test/`` that hold such folders;
        a table (CSV) of images and their classes, or a folder with one; or what `open_boxes` takes.
    axes
        Axes of the image files, e.g. ``"YXC"``, where they do not say so themselves.
    crop_margin
        What is seen around a box; see `BoxDataset.crops`.
    bad_boxes
        See `open_boxes`.

    Raises
    ------
    DataError
        If it is none of these or several of them, or cannot be used as it is: files that are missing or cannot be read,
        images that are named twice, folders of classes without images, names of classes that differ by capitals only.
    """
    found = layouts(path)
    if not any(_KINDS[layout.form] == "classes" for layout in found):
        return open_boxes(path, axes=axes, bad_boxes=bad_boxes).crops(crop_margin)
    read = read_classes(path, axes=axes)
    _refuse(read.dataset.root, read.findings)
    return read.dataset


def open_boxes(path: str | Path, *, axes: str | None = None, bad_boxes: BadBoxes = "refuse") -> BoxDataset:
    """Open images with boxes. Annotations, and the sizes of images, are read; images are when asked for.

    Parameters
    ----------
    path
        A folder of Pascal VOC (``Annotations/`` beside ``JPEGImages/`` or ``images/``, or XML files beside the images);
        a JSON of COCO, or a folder with one; a table (CSV) of boxes, or a folder with one; a folder with ``train/``,
        ``val/``, ``test/`` that hold any of these; or a folder with ``images/`` and label images in ``masks/``.
    axes
        Axes of the image files, e.g. ``"YXC"``, where they do not say so themselves.
    bad_boxes
        What to do about boxes without area, outside of their image, or twice in it: ``"refuse"`` all the data, or
        ``"drop"`` them and count them in `BoxDataset.left_out`. Boxes partly outside are cut in either case.

    Raises
    ------
    DataError
        If it is none of these or several of them, or cannot be used as it is: files that are missing or cannot be read,
        images that are annotated twice or have another size, bad boxes, names of classes that differ by capitals only.
    """
    read = read_boxes(path, axes=axes)
    findings, dropped = read.findings, read.dataset.left_out
    if bad_boxes == "drop":
        bad = sum(f.remedy == BAD_BOXES for f in findings)
        findings = tuple(f for f in findings if f.remedy != BAD_BOXES)
        dropped = {**dropped, "bad boxes": bad} if bad else dropped
    _refuse(read.dataset.root, findings)
    return replace(read.dataset, left_out=dropped)


def read_classes(path: str | Path, *, axes: str | None = None) -> ReadClasses:
    """Images that each are of a class, and everything that hinders their use.

    Raises
    ------
    DataError
        If they cannot be found at all.
    """
    layout = _choose(Path(path), "classes")
    stated: list[StatedClass] = []
    findings: list[Finding] = []
    for folder, split, files in layout.parts:
        if layout.form == "class folders":
            more, wrong = from_class_folders(files, split)
        else:
            more, wrong = from_class_tables(folder, files)
            more = [s._replace(split=s.split or split) for s in more]
        stated += more
        findings += wrong
    findings += _twice([(s.image, s.source) for s in stated])
    root = _root(Path(path))
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
    return ReadClasses(ClassDataset(root, records, axes, names), tuple(findings))


def read_boxes(path: str | Path, *, axes: str | None = None) -> ReadBoxes:
    """Images with boxes, those apart that cannot be used, and everything that hinders the use of all.

    Raises
    ------
    DataError
        If they cannot be found at all.
    """
    root = _root(Path(path))
    stated = _stated(_choose(Path(path), "boxes"), root, axes)
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
    return ReadBoxes(BoxDataset(root, tuple(records), axes, names, left_out=stated.left_out), tuple(findings))


def _stated(layout: Layout, root: Path, axes: str | None) -> StatedBoxes:
    if layout.form == "masks":
        return from_masks(root, axes=axes)
    read = {"voc": from_voc, "coco": from_coco, "box table": from_table}[layout.form]
    stated = StatedBoxes()
    for folder, split, files in layout.parts:
        part = read(folder, files)
        if split is not None:
            part.images = [s._replace(split=s.boxes.split or split) for s in part.images]
        stated.add(part)
    return stated


def _choose(path: Path, kind: Kind) -> Layout:
    """The only way to understand a path as a kind of data. Masks of objects have boxes, if nothing else has."""
    found = layouts(path)
    fitting = [layout for layout in found if _KINDS[layout.form] == kind]
    if kind == "boxes" and not fitting:
        # parts that hold masks are opened together with their folder
        fitting = [layout for layout in found if layout.form == "masks"][:1]
    if len(fitting) > 1:
        fitting = [layout for layout in fitting if layout.usual] or fitting
    if len(fitting) > 1:
        raise DataError(_ambiguous(path, fitting))
    if not fitting:
        have = f"; it holds {first_few([str(layout) for layout in found])}" if found else ""
        raise DataError(f"{path}: no annotated {kind}{have}; expected {_EXPECTED[kind]}")
    return fitting[0]


def _ambiguous(path: Path, found: Sequence[Layout]) -> str:
    return (
        f"{path}: can be read as {' or as '.join(dict.fromkeys(map(str, found)))}; name the file or folder that is "
        "meant, or keep one of them"
    )


def _root(path: Path) -> Path:
    return base_of(path if path.is_dir() else path.parent)


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


def _refuse(root: Path, findings: Sequence[Finding]) -> None:
    """Raise the first error, together with all that have the same remedy."""
    errors = [f for f in findings if f.severity is Severity.ERROR]
    if not errors:
        return
    alike = [f for f in errors if f.remedy == errors[0].remedy]
    told = [f"{f.file.name if f.file else root}: {f.what}" for f in alike]
    if len(alike) == 1:
        raise DataError(f"{alike[0].file or root}: {alike[0].what}; {alike[0].remedy}")
    raise DataError(f"{root}: {len(alike)} faults: {first_few(told)}; {alike[0].remedy}")
