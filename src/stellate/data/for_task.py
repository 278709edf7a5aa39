"""Opening annotated data as a task takes it: one annotation serves every task that it can be reduced to."""

from __future__ import annotations

from pathlib import Path

from .box_dataset import BoxDataset
from .class_dataset import ClassDataset
from .folder import Dataset, open_folder
from .label_options import LabelOptions
from .opening import open_boxes, open_classes

__all__ = ["open_for_task"]


def open_for_task(
    path: str | Path, task: str, *, axes: str | None = None, labels: LabelOptions | None = None
) -> Dataset | ClassDataset | BoxDataset:
    """Open annotated data.

    Parameters
    ----------
    path
        The folder or file.
    task
        ``"classification"``, ``"localization"``, ``"detection"``, or one that learns from pixels.
    axes
        Axes of the image files, where they do not say so themselves.
    labels
        How annotations of whole images and of boxes are used.

    Raises
    ------
    DataError
        If there is no such path, or what is annotated cannot be reduced to what the task takes.
    """
    options = labels or LabelOptions()
    if task == "classification":
        return open_classes(path, axes=axes, crop_margin=options.margin, bad_boxes=options.bad_boxes)
    if task in ("localization", "detection"):
        return open_boxes(path, axes=axes, bad_boxes=options.bad_boxes)
    return open_folder(path, axes=axes)
