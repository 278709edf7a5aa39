"""Opening annotated data: what a path holds is found out here, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from ..errors import DataError
from .box_dataset import BoxDataset
from .box_faults import BAD_BOXES, BadBoxes
from .class_dataset import ClassDataset
from .findings import Finding, Severity, first_few
from .label_options import USUAL_MARGIN
from .labelled import ReadBoxes, ReadClasses, boxes_of, classes_of
from .layouts import Form, Layout, base_of, layouts

__all__ = ["kind_of", "open_boxes", "open_classes", "read_boxes", "read_classes", "usable_boxes"]

Kind = Literal["pixels", "classes", "boxes"]

_KINDS: Mapping[Form, Kind] = {
    "masks": "pixels",
    "voc": "boxes",
    "coco": "boxes",
    "yolo": "boxes",
    "box table": "boxes",
    "class table": "classes",
    "class folders": "classes",
}
_EXPECTED = {
    "boxes": "XML files of Pascal VOC, a JSON of COCO, YOLO's data.yaml or images/ with labels/, a table (.csv) of "
    "boxes, or images/ with label images in masks/",
    "classes": "a folder of images for each class, a table (.csv) of images and classes, or annotated boxes or objects",
}


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
    path: str | Path,
    *,
    axes: str | None = None,
    crop_margin: float = USUAL_MARGIN,
    bad_boxes: BadBoxes = "refuse",
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
    if found and not any(_KINDS[layout.form] == "classes" for layout in found):
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
        a JSON of COCO, or a folder with one; ``data.yaml`` of YOLO, or a folder with one, or with ``images/`` and
        ``labels/`` or texts beside images, and names in ``classes.txt``; a table (CSV) of boxes, or a folder with one;
        a folder with ``train/``, ``val/``, ``test/`` that hold any of these; or a folder with ``images/`` and label
        images in ``masks/``.
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
    return usable_boxes(path, axes=axes, bad_boxes=bad_boxes).dataset


def usable_boxes(path: str | Path, *, axes: str | None = None, bad_boxes: BadBoxes = "refuse") -> ReadBoxes:
    """What `open_boxes` gives, with what there is to say of it that hinders nothing.

    Raises
    ------
    DataError
        As `open_boxes`.
    """
    dataset, findings = read_boxes(path, axes=axes)
    if bad_boxes == "drop":
        bad = sum(f.remedy == BAD_BOXES for f in findings)
        findings = tuple(f for f in findings if f.remedy != BAD_BOXES)
        dataset = replace(dataset, left_out={**dataset.left_out, "bad boxes": bad}) if bad else dataset
    _refuse(dataset.root, findings)
    return ReadBoxes(dataset, findings)


def read_classes(path: str | Path, *, axes: str | None = None) -> ReadClasses:
    """What `open_classes` makes of images that each are of a class, and everything that it would refuse.

    Raises
    ------
    DataError
        If they cannot be found at all.
    """
    return classes_of(_choose(Path(path), "classes"), _root(Path(path)), axes=axes)


def read_boxes(path: str | Path, *, axes: str | None = None) -> ReadBoxes:
    """What `open_boxes` makes of boxes that can be used, and everything that it would refuse.

    Raises
    ------
    DataError
        If they cannot be found at all.
    """
    return boxes_of(_choose(Path(path), "boxes"), _root(Path(path)), axes=axes)


def _root(path: Path) -> Path:
    return base_of(path if path.is_dir() else path.parent)


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
