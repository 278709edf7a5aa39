"""Pascal VOC: an XML file for each image, boxes in whole pixels counted from 1, the last one included.

A box around the pixel in the upper left corner is ``xmin 1, ymin 1, xmax 1, ymax 1`` there, and ``0, 0, 1, 1`` at pixel
edges. Programs that count from 0 write such a box as 0, 0, 0, 0; what they write is read as the format says, so that
their boxes lie one pixel too far up and left, and those at the border are cut by it.
"""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from ..errors import InputError
from .annotation_text import check_size, class_name, finite
from .atomic import atomic
from .content import damaged_file_errors
from .image_boxes import ImageBoxes

__all__ = ["read_voc", "write_voc"]

_MOST_BYTES = 2**24
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


class _NoDoctype(ET.TreeBuilder):
    """Builds a tree of a file that declares nothing: declarations can make a small file fill the memory."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise InputError(
            "it declares a document type, which files of boxes have no need of; take the line out"
        )


def read_voc(path: str | os.PathLike[str]) -> ImageBoxes:
    """Read the boxes of one image.

    Parameters
    ----------
    path
        The XML file.

    Returns
    -------
    ImageBoxes
        In the order of the file. `file` is what it calls the image; empty if it does not.

    Raises
    ------
    InputError
        If the file is missing, truncated, too large, of another kind, or declares entities; if an object has no name or
        no box of four finite numbers.
    """
    file = Path(path)
    root = _tree(file)
    if root.tag != "annotation":
        raise InputError(
            f"{file}: the XML holds <{root.tag[:40]}>, where <annotation> is expected; export as Pascal VOC"
        )
    boxes, names, places = [], [], []
    for number, item in enumerate(root.iterfind("object"), start=1):
        where = f"{file}: object {number}"
        names.append(class_name(_text(item, "name"), where))
        boxes.append(_box(item, where))
        places.append(f"object {number}")
    return ImageBoxes(
        _text(root, "filename"),
        np.array(boxes, dtype=np.float64).reshape(-1, 4),
        tuple(names),
        size=_size(root, file),
        places=tuple(places),
    )


def write_voc(path: str | os.PathLike[str], image: ImageBoxes) -> None:
    """Write the boxes of one image. Boxes that end within a pixel are written with all of it.

    Parameters
    ----------
    path
        The XML file; its folder is made where it is missing.
    image
        With its size, which the format demands.

    Raises
    ------
    InputError
        If its size is not known, or a box has no area.
    OutputError
        If the disk is full or does not permit it.
    """
    if image.size is None:
        raise InputError(
            f"{image.file}: Pascal VOC states the size of the image, which is not known; give it"
        )
    root = ET.Element("annotation")
    ET.SubElement(root, "filename").text = image.file
    size = ET.SubElement(root, "size")
    for name, length in zip(("height", "width"), image.size, strict=True):
        ET.SubElement(size, name).text = str(length)
    for number, (box, name) in enumerate(zip(image.boxes_xyxy, image.names, strict=True), start=1):
        if not (box[2] > box[0] and box[3] > box[1]):
            raise InputError(f"{image.file}: box {number} has no area; remove it")
        item = ET.SubElement(root, "object")
        ET.SubElement(item, "name").text = name
        corners = ET.SubElement(item, "bndbox")
        whole = (*(np.floor(box[:2]) + 1), *np.ceil(box[2:]))
        for key, value in zip(_CORNERS, whole, strict=True):
            ET.SubElement(corners, key).text = str(int(value))
    ET.indent(root, "\t")
    with atomic(path) as draft:
        ET.ElementTree(root).write(draft, encoding="utf-8", xml_declaration=True)


def _tree(file: Path) -> ET.Element:
    with damaged_file_errors(file, remedy="export it again"):
        check_size(file, _MOST_BYTES, "a file holds the boxes of one image")
        try:
            return ET.fromstring(file.read_bytes(), ET.XMLParser(target=_NoDoctype()))
        except InputError as error:
            raise InputError(f"{file}: {error}") from error
        except ET.ParseError as error:
            raise InputError(f"{file}: no whole XML ({error}); export it again") from error


def _text(item: ET.Element, name: str) -> str:
    return (item.findtext(name) or "").strip()


def _box(item: ET.Element, where: str) -> tuple[float, float, float, float]:
    box = item.find("bndbox")
    if box is None:
        raise InputError(f"{where}: no <bndbox>; draw its box, or take the object out")
    xmin, ymin, xmax, ymax = (finite(_text(box, name), where, name) for name in _CORNERS)
    return xmin - 1, ymin - 1, xmax, ymax


def _size(root: ET.Element, file: Path) -> tuple[int, int] | None:
    """Height and width; None where they are missing or 0, as programs write what they do not know."""
    size = root.find("size")
    if size is None:
        return None
    found = [finite(_text(size, name) or "0", f"{file}: size", name) for name in ("height", "width")]
    return (int(found[0]), int(found[1])) if min(found) >= 1 else None
