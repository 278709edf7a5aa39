"""Annotated data as a model takes it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ..data.for_task import open_for_task
from ..data.label_options import LabelOptions
from ..models.file import ModelInfo

__all__ = ["open_for_model"]


def open_for_model(
    info: ModelInfo, path: str | Path, *, axes: str | None = None, labels: LabelOptions | None = None
) -> Any:
    """Open annotated data to measure a model on.

    Parameters
    ----------
    info
        What is known of the model.
    path
        The folder or file.
    axes
        Axes of the image files, where they do not say so themselves.
    labels
        How annotations are used. Pieces of images are cut out as those that the model was trained on, unless another
        margin is said.

    Raises
    ------
    DataError
        If there is no such path, or what is annotated is not what the model gives.
    """
    options = labels or LabelOptions()
    if "margin" in info.masks and options.crop_margin is None:
        options = replace(options, crop_margin=info.masks["margin"])
    dataset: Any = open_for_task(path, info.task, axes=axes, labels=options)
    return dataset.single(skip=options.skip_not_single) if info.task == "localization" else dataset
