"""Writing boxes in the layout of each format: what goes into which file, and what the format cannot say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from ..io.atomic import atomic
from ..io.box_table import write_box_table
from ..io.coco import write_coco
from ..io.image_boxes import ImageBoxes
from ..io.pictures import image_name
from ..io.rows import class_cell
from ..io.voc import write_voc
from ..io.yolo_data import write_yolo_data
from ..io.yolo_text import write_yolo
from .box_masks import write_box_masks
from .findings import images_named

__all__ = ["BOX_LAYOUTS", "BoxLayout", "near_whole"]

# Sides that lie as near to a whole number, in pixels, do so but for the six decimals that other programs write.
_ROUNDED = 0.01
_PARTS = ("train", "val", "test")


class BoxLayout(NamedTuple):
    """How boxes are laid out in files.

    Attributes
    ----------
    title
        What it is called.
    folder
        The folder of an image, given its part.
    write
        Given the folder, images with sizes, and class names, writes everything but the images; returns what of the
        annotation is lost or changed.
    """

    title: str
    folder: Callable[[str | None], str]
    write: Callable[[Path, Sequence[ImageBoxes], Sequence[str]], list[str]]


def near_whole(boxes_xyxy: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Boxes whose sides are whole numbers where they are but for rounding in a file; of the same shape."""
    whole = np.round(boxes_xyxy)
    return np.where(np.abs(boxes_xyxy - whole) <= _ROUNDED, whole, boxes_xyxy)


def _voc(folder: Path, images: Sequence[ImageBoxes], class_names: Sequence[str]) -> list[str]:
    widened = clicks = 0
    for image in images:
        boxes = near_whole(image.boxes_xyxy)
        widened += int((boxes != np.round(boxes)).any(axis=1).sum())
        sides = np.ceil(boxes[:, 2:]) - np.floor(boxes[:, :2])
        clicks += int((sides <= 1).any(axis=1).sum())
        write_voc(folder / "Annotations" / f"{_stem(image)}.xml", replace(image, boxes_xyxy=boxes))
    for part in _PARTS:
        if names := [_stem(image) for image in images if image.split == part]:
            _write_lines(folder / "ImageSets" / "Main" / f"{part}.txt", names)
    _write_lines(folder / "class_names.txt", class_names)
    notes = _no_groups(images)
    if widened:
        notes.append(
            f"{_boxes(widened)} ended within a pixel: Pascal VOC has whole pixels, so all of it counts now"
        )
    if clicks:
        notes.append(f"{_boxes(clicks)} of a single pixel's width or height: in Pascal VOC that is a click")
    return notes


def _coco(folder: Path, images: Sequence[ImageBoxes], class_names: Sequence[str]) -> list[str]:
    for part in dict.fromkeys(image.split for image in images):
        name = f"instances_{part}.json" if part else "instances.json"
        write_coco(folder / "annotations" / name, [i for i in images if i.split == part], class_names)
    return [*_no_groups(images), *_single_part(images)]


def _yolo(folder: Path, images: Sequence[ImageBoxes], class_names: Sequence[str]) -> list[str]:
    _refuse_without_part(images, "data.yaml lists the images of parts")
    present = [part for part in _PARTS if any(image.split == part for image in images)]
    for image in images:
        inner = folder / "labels" / (image.split or "")
        # other programs take off the last suffix, of .ome.tif as well
        write_yolo(inner / f"{Path(image.file).stem}.txt", image, class_names)
    parts = {part: f"images/{part}" for part in present} or {"train": "images"}
    write_yolo_data(folder / "data.yaml", class_names, parts)
    return [*_no_groups(images), *_single_part(images)]


def _csv(folder: Path, images: Sequence[ImageBoxes], class_names: Sequence[str]) -> list[str]:
    for name in class_names:
        if (read := class_cell(name, name)) != name:
            raise DataError(
                f"the class {name!r} would be read as {read!r} from a table; rename it, or choose another format"
            )
    write_box_table(folder / "boxes.csv", images)
    _write_lines(folder / "class_names.txt", class_names)
    return []


def _masks(folder: Path, images: Sequence[ImageBoxes], class_names: Sequence[str]) -> list[str]:
    _refuse_without_part(images, "masks of parts lie in folders of their own")
    whole = [replace(image, boxes_xyxy=near_whole(image.boxes_xyxy)) for image in images]
    names = [
        f"{image.split}/masks/{_stem(image)}" if image.split else f"masks/{_stem(image)}" for image in images
    ]
    rounded = write_box_masks([folder / name for name in names], whole, class_names)
    _write_lines(folder / "class_names.txt", class_names)
    notes = [
        "the objects in the masks are filled boxes, and no outlines: do not train models of outlines on them"
    ]
    if rounded:
        notes.append(
            f"{_boxes(rounded)} ended within a pixel: masks have whole pixels, so sides were rounded"
        )
    return [*notes, *_no_groups(images)]


def _stem(image: ImageBoxes) -> str:
    return image_name(Path(image.file))


def _write_lines(file: Path, lines: Sequence[str]) -> None:
    with atomic(file) as draft:
        draft.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def _no_groups(images: Sequence[ImageBoxes]) -> list[str]:
    named = [image.file for image in images if image.group]
    return (
        [f"groups (patients, slides) of {images_named(named)} have no place in this format"] if named else []
    )


def _single_part(images: Sequence[ImageBoxes]) -> list[str]:
    parts = {image.split for image in images}
    (only,) = parts if len(parts) == 1 else (None,)
    return [f"all images are of the part {only!r}, which a single part says no more"] if only else []


def _refuse_without_part(images: Sequence[ImageBoxes], why: str) -> None:
    without = [image.file for image in images if image.split is None]
    if without and len(without) < len(images):
        raise DataError(
            f"{images_named(without)} of no part, where others are, but {why}; say which part they belong to, or "
            "convert to voc, coco or csv"
        )


def _boxes(count: int) -> str:
    return f"{count} box{'es'[: 2 * (count != 1)]}"


BOX_LAYOUTS: Mapping[str, BoxLayout] = {
    "voc": BoxLayout("Pascal VOC", lambda part: "JPEGImages", _voc),
    "coco": BoxLayout("COCO", lambda part: "images", _coco),
    "yolo": BoxLayout("YOLO", lambda part: f"images/{part}" if part else "images", _yolo),
    "csv": BoxLayout("a table", lambda part: "images", _csv),
    "masks": BoxLayout("label images", lambda part: f"{part}/images" if part else "images", _masks),
}
"""The layouts by the names that users give them."""
