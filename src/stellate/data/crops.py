"""Square pieces of images around boxes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, DataError
from ..io.sizes import image_size
from .class_dataset import ClassRecord, Region

if TYPE_CHECKING:
    from .box_dataset import BoxDataset

__all__ = ["crop_records", "square_around"]


def crop_records(dataset: BoxDataset, margin: float) -> tuple[ClassRecord, ...]:
    """One record for each box; see `BoxDataset.crops`."""
    if not (math.isfinite(margin) and margin >= 0):
        raise ConfigError(f"margin {margin} around boxes: expected a share of their side, at least 0")
    records: list[ClassRecord] = []
    for record in dataset.records:
        if not len(record.boxes_xyxy):
            continue
        size = image_size(record.image_path, axes=dataset.axes)
        own = record.image_path
        group = (
            record.group
            or (own.relative_to(dataset.root) if own.is_relative_to(dataset.root) else own).as_posix()
        )
        for k, (box, class_id) in enumerate(zip(record.boxes_xyxy, record.classes, strict=True), start=1):
            name = f"{record.name}_{k}"
            region = square_around(box, size, margin)
            records.append(ClassRecord(name, own, int(class_id), record.split, group, region))
    if not records:
        raise DataError(f"{dataset.root}: no boxes, and so no pieces of images to tell apart; annotate some")
    return tuple(records)


def square_around(box: npt.NDArray[np.float32], size: tuple[int, int], margin: float) -> Region:
    """The whole pixels of a square around a box.

    Parameters
    ----------
    box
        ``(4,)``, x1, y1, x2, y2 at pixel edges.
    size
        Height and width of the image.
    margin
        See `BoxDataset.crops`.

    Returns
    -------
    ((y0, y1), (x0, x1))
        Half-open; a square unless the image is smaller.

    Examples
    --------
    >>> square_around(np.array([4, 2, 8, 4], dtype=np.float32), (100, 100), 0.5)
    ((0, 8), (2, 10))
    >>> square_around(np.array([0, 0, 8, 4], dtype=np.float32), (6, 100), 0.0)
    ((0, 6), (0, 8))
    """
    x1, y1, x2, y2 = (float(v) for v in box)
    # what rounding leaves of a whole number is not another pixel
    side = math.ceil(max(x2 - x1, y2 - y1) * (1 + 2 * margin) - 1e-4)
    spans = []
    for low, high, length in ((y1, y2, size[0]), (x1, x2, size[1])):
        start = math.floor((low + high - side) / 2 + 0.5)
        start = min(max(start, 0), max(length - side, 0))
        spans.append((start, min(start + side, length)))
    return spans[0], spans[1]
