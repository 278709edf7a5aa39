"""Boxes as label images, in which each is filled; only where no pixel would be of two."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import DataError
from ..io.image_boxes import ImageBoxes
from ..io.labels import write_labels
from ..io.table import write_table
from .findings import first_few

__all__ = ["filled_boxes", "write_box_masks"]

# What files of classes take for a number: that of a line in class_names.txt.
_NUMBER = re.compile(r"[+-]?[0-9]+(\.0*)?")


def write_box_masks(paths: Sequence[Path], images: Sequence[ImageBoxes], class_names: Sequence[str]) -> int:
    """Write a label image for each image, and the classes of its objects beside it.

    Parameters
    ----------
    paths
        Where, without suffix.
    images
        With their sizes.
    class_names
        All names, by class id from 0. If one is a number, classes are written as numbers from 1.

    Returns
    -------
    int
        Boxes whose sides were rounded to whole pixels.

    Raises
    ------
    DataError
        If boxes of an image overlap.
    OutputError
        If the disk is full or does not permit it.
    """
    _refuse_overlaps(images)
    numbers = any(_NUMBER.fullmatch(name) for name in class_names)
    rounded = 0
    for path, image in zip(paths, images, strict=True):
        labels = filled_boxes(image)[0]
        rounded += int((image.boxes_xyxy != np.round(image.boxes_xyxy)).any(axis=1).sum())
        write_labels(path.with_name(f"{path.name}.tif"), labels)
        if image.names:
            classes = [class_names.index(name) + 1 if numbers else name for name in image.names]
            table = {"label": range(1, len(classes) + 1), "class": classes}
            write_table(path.with_name(f"{path.name}.csv"), {k: list(v) for k, v in table.items()})
    return rounded


def filled_boxes(image: ImageBoxes) -> tuple[npt.NDArray[np.int32], list[tuple[int, int]]]:
    """Fill the boxes of an image, their sides rounded to whole pixels, but at least a pixel long.

    Returns
    -------
    labels : ndarray
        ``(rows, columns)`` int32; object ``k + 1`` is box ``k``.
    overlaps : list of (first, second)
        Boxes that share pixels, which only the second has.
    """
    assert image.size is not None  # sizes are read before anything is written
    labels = np.zeros(image.size, dtype=np.int32)
    limits = np.array(image.size[::-1])
    overlaps = []
    for k, box in enumerate(np.round(image.boxes_xyxy).astype(int)):
        low = np.minimum(box[:2], limits - 1)
        high = np.maximum(box[2:], low + 1)
        inside = labels[low[1] : high[1], low[0] : high[0]]
        overlaps += [(int(other) - 1, k) for other in np.unique(inside[inside > 0])]
        inside[...] = k + 1
    return labels, overlaps


def _refuse_overlaps(images: Sequence[ImageBoxes]) -> None:
    found, count = [], 0
    for image in images:
        if overlaps := filled_boxes(image)[1]:
            first, second = (f"{image.place(k)} ({image.names[k]})" for k in overlaps[0])
            found.append(f"{first} and {second} of {image.file}")
            count += len(overlaps)
    if found:
        pairs = "1 pair" if count == 1 else f"{count:,} pairs"
        raise DataError(
            f"boxes overlap, {pairs} in {len(found)} of {len(images)} images ({first_few(found, most=3)}), but in a "
            "label image each pixel is of one object only; convert to voc, coco, yolo or csv, which keep boxes, or "
            "outline the objects"
        )
