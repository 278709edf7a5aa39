"""From what the user gave to an image with the axes that a model takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import io
from ..axes import Image, parse_axes, presumed_axes
from ..errors import InputError
from ..io import npy

__all__ = ["as_image", "with_depth"]


def as_image(image: Image | str | Path | Any, axes: str | None, *, volume: bool = False) -> Image:
    """An image from whatever the user gave; files are read when and where their pixels are needed.

    Parameters
    ----------
    image
        A file, an array, or an `Image`.
    axes
        Its axes, if the user named them.
    volume
        Whether bare arrays of three axes, in files too, are ``ZYX``.

    Raises
    ------
    InputError
        If a file cannot be read, or an array can be read in several ways.
    """
    if isinstance(image, str | Path):
        if volume and axes is None and Path(image).suffix.lower() in npy.SUFFIXES:
            axes = "ZYX" if npy.read_values(Path(image)).ndim == 3 else None
        return io.open_lazy(image, axes=axes)
    if isinstance(image, Image):
        return image if axes is None else replace(image, axes=axes)
    array = np.asarray(image) if isinstance(image, torch.Tensor) or not hasattr(image, "dtype") else image
    shape = tuple(array.shape)
    if axes is None:
        return Image(array, "ZYX" if volume and len(shape) == 3 else presumed_axes(shape))
    return Image(array, parse_axes(axes, len(shape)))


def with_depth(image: Image, *, named: bool) -> tuple[Image, str]:
    """An image as a model for volumes takes it: with the axis ``Z``.

    Parameters
    ----------
    image
        Any axes. Where it has pages or time points and no depth, these are taken as planes.
    named
        Whether the user named its axes; then they are not taken as others.

    Returns
    -------
    image
        With the axis ``Z``, perhaps of length 1.
    note
        What was done, for the user; empty if nothing.

    Raises
    ------
    InputError
        If it has no depth.
    """
    if "Z" in image.axes:
        return image, ""
    several = [a for a in "PT" if image.sizes.get(a, 1) > 1]
    if several and not named:
        what = {"P": "pages", "T": "time points"}[several[0]]
        note = f"the {image.sizes[several[0]]} {what} are taken as planes, as the model is for volumes"
        return replace(image, axes=image.axes.replace(several[0], "Z")), note
    remedy = "name the axes (axes='ZYX')"
    if not several:
        remedy = f"take a model for images or one file of all planes; of a volume of one plane, {remedy}"
    raise InputError(
        f"{image.name}: the model takes volumes, with planes along Z, but the axes of the image are {image.axes}; "
        f"{remedy}"
    )
