"""Reading annotations of boxes, each format in the folders that it comes in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy import ndimage

from ..errors import DataError, InputError, StellateError
from ..io.annotation_text import SPLIT_NAMES
from ..io.box_table import ONE_CLASS, read_box_table
from ..io.coco import read_coco
from ..io.image_boxes import ImageBoxes
from ..io.voc import read_voc
from ..results import Instances
from .findings import Finding, Severity
from .folder import open_folder
from .image_files import ImageFiles
from .mask_use import signs_of_classes
from .objects import count_pieces
from .stated import StatedBoxes, StatedImage

__all__ = ["boxes_of_masks", "from_coco", "from_masks", "from_table", "from_voc", "split_in_name"]

_REPLACE = "replace it, or take it out"
_VOC_LISTS = {"trainval.txt": "train", "train.txt": "train", "val.txt": "val", "test.txt": "test"}


def from_voc(folder: Path, files: tuple[Path, ...]) -> StatedBoxes:
    """Read Pascal VOC.

    Parameters
    ----------
    folder
        Where images are looked for, and ``ImageSets/Main/``, whose lists give the parts.
    files
        The XML files. Each is of the image of its name, or else of the one that it names.
    """
    stated = StatedBoxes(click=1.0)
    images, splits = ImageFiles(folder), _voc_splits(folder)
    for file in files:
        try:
            boxes = read_voc(file)
            image = _voc_image(images, file, boxes.file)
        except (StellateError, OSError) as error:
            stated.findings.append(Finding.from_error(file, error, _REPLACE))
            continue
        stated.images.append(StatedImage(image, file, boxes, splits.get(file.stem)))
    return stated


def from_coco(folder: Path, files: tuple[Path, ...]) -> StatedBoxes:
    """Read COCO files, of which several are parts by their names."""
    stated = StatedBoxes()
    images = ImageFiles(folder)
    for file in files:
        try:
            content = read_coco(file)
        except (StellateError, OSError) as error:
            stated.findings.append(Finding.from_error(file, error, _REPLACE))
            continue
        crowds = {"regions of crowds": content.n_crowds} if content.n_crowds else {}
        stated.add(StatedBoxes(class_order=content.class_names, left_out=crowds))
        _find_images(
            stated, images, file, content.images, split_in_name(file.stem) if len(files) > 1 else None
        )
    return stated


def from_table(folder: Path, files: tuple[Path, ...]) -> StatedBoxes:
    """Read tables of boxes, of which several are parts by their names."""
    stated = StatedBoxes()
    images = ImageFiles(folder)
    for file in files:
        try:
            rows = read_box_table(file)
        except (StellateError, OSError) as error:
            stated.findings.append(Finding.from_error(file, error, _REPLACE))
            continue
        _find_images(stated, images, file, rows, split_in_name(file.stem) if len(files) > 1 else None)
    return stated


def from_masks(folder: Path, *, axes: str | None = None) -> StatedBoxes:
    """Boxes around the objects of label images, of the classes that files beside them state.

    Raises
    ------
    DataError
        If the folder cannot be opened, or its masks hold classes of pixels.
    """
    dataset = open_folder(folder, axes=axes)
    signs = signs_of_classes(dataset)
    if why := signs.plain or signs.likely:
        raise DataError(
            f"{folder}: the masks hold classes of pixels ({why}), and no objects that boxes could be drawn around; "
            "give each object a number of its own"
        )
    stated = StatedBoxes(class_order=dataset.class_names or (ONE_CLASS,))
    unknown = 0
    for k, record in enumerate(dataset.records):
        try:
            annotation = dataset.annotation(k)
            assert isinstance(annotation, Instances)
            boxes = boxes_of_masks(record.image_path.name, annotation)
        except (StellateError, OSError) as error:
            stated.findings.append(Finding.from_error(record.mask_path, error, _REPLACE))
            continue
        if len(annotation) == 1 and count_pieces(annotation.labels)[0] > 1:
            what = "a single value in several pieces: a foreground rather than an object"
            remedy = "give each object a number of its own"
            stated.findings.append(Finding(Severity.ERROR, record.mask_path, what, remedy))
        unknown += len(annotation) - len(boxes.names)
        stated.images.append(StatedImage(record.image_path, record.mask_path, boxes, record.split))
    if unknown:
        stated.left_out["objects of unknown class"] = unknown
    return stated


def boxes_of_masks(file: str, annotation: Instances) -> ImageBoxes:
    """The boxes that the objects of a label image fill. Objects of unknown class are left out.

    Raises
    ------
    DataError
        If it is a volume.
    """
    labels = annotation.labels
    if labels.ndim != 2:
        raise DataError(
            "a volume; boxes are for images, so save planes with their masks as files of their own"
        )
    boxes, names, places = [], [], []
    for k, spans in enumerate(ndimage.find_objects(labels)):
        name = ONE_CLASS
        if annotation.class_names:
            class_id = -1 if annotation.classes is None else int(annotation.classes[k])
            name = annotation.class_names[class_id] if class_id >= 0 else ""
        if not name:
            continue
        rows, columns = spans
        boxes.append((columns.start, rows.start, columns.stop, rows.stop))
        names.append(name)
        places.append(f"object {k + 1}")
    array = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    return ImageBoxes(
        file, array, tuple(names), size=(labels.shape[0], labels.shape[1]), places=tuple(places)
    )


def split_in_name(stem: str) -> str | None:
    """The part that a file is of by its name, such as ``instances_val2017``; None if it says nothing, or several.

    Examples
    --------
    >>> split_in_name("instances_val2017"), split_in_name("labels")
    ('val', None)
    """
    found = {SPLIT_NAMES[word] for word in re.findall(r"[a-z]+", stem.casefold()) if word in SPLIT_NAMES}
    return found.pop() if len(found) == 1 else None


def _find_images(
    stated: StatedBoxes, images: ImageFiles, file: Path, found: tuple[ImageBoxes, ...], split: str | None
) -> None:
    for boxes in found:
        where = f"{file}: {boxes.places[0]}" if boxes.places else str(file)
        try:
            image = images.find(boxes.file, where)
        except DataError as error:
            stated.findings.append(Finding.from_error(file, error, "add the image"))
            continue
        stated.images.append(StatedImage(image, file, boxes, boxes.split or split))


def _voc_image(images: ImageFiles, file: Path, named: str) -> Path:
    """The image of an XML file: that of its own name, or else the one that it names."""
    found: dict[str, Path] = {}
    for name in dict.fromkeys((file.stem, named)):
        try:
            found[name] = images.find(name, str(file)) if name else found[name]
        except (DataError, KeyError):
            continue
    if len(set(found.values())) > 1:
        raise DataError(
            f"{file}: there is an image of its name and another called {named!r}; keep one of them"
        )
    return found.get(file.stem) or found.get(named) or images.find(named or file.stem, str(file))


def _voc_splits(folder: Path) -> Mapping[str, str]:
    """The part of each image, by its name without suffix."""
    main = next((f for f in folder.glob("*/*") if f.parts[-2:] == ("ImageSets", "Main")), None)
    splits: dict[str, str] = {}
    for name, split in _VOC_LISTS.items():
        file = None if main is None else main / name
        if file is None or not file.is_file():
            continue
        try:
            lines = file.read_text(encoding="utf-8-sig").split("\n")
        except UnicodeDecodeError as error:
            raise InputError(f"{file}: not a text in UTF-8; save it in that encoding") from error
        for image in filter(None, (line.strip() for line in lines)):
            other = splits.get(image)
            # trainval.txt lists those of val.txt as well
            if other not in (None, split) and not (other == "train" and split == "val" and name == "val.txt"):
                raise DataError(f"{file}: {image} is listed for {other} as well; keep it on one side")
            splits[image] = split
    return splits
