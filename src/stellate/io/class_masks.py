"""Masks of classes: a number or a colour for every pixel, as files have them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL.PngImagePlugin import PngImageFile

from ..errors import InputError
from . import images, npy, png
from .pictures import drop_opaque_alpha
from .pillow import opened
from .stored import stored_values, whole_numbers

__all__ = ["StoredMask", "Value", "read_class_mask"]

Value = int | tuple[int, int, int]
"""What a pixel of a mask has: a number, or red, green and blue."""

_LARGEST = 2**53  # of these, every float holds each


class StoredMask(NamedTuple):
    """A mask as its file has it.

    Attributes
    ----------
    values
        Spatial shape, integers; or in colour ``(rows, columns, 3)``, red, green and blue.
    in_colour
        Whether these are colours.
    palette
        ``(n, 3)`` uint8: the colours that a PNG shows its numbers in, if it says so.
    """

    values: npt.NDArray[Any]
    in_colour: bool
    palette: npt.NDArray[np.uint8] | None = None


def read_class_mask(path: str | os.PathLike[str], *, colours: bool = False) -> StoredMask:
    """Read a mask whose numbers or colours are classes.

    Parameters
    ----------
    path
        TIFF, PNG, JPEG, BMP or NPY file of any integer dtype, or of floats that are whole numbers. Of a palette PNG the
        indices are taken, and a colour map in TIFF is ignored. A picture in colour all of whose pixels are grey is
        taken for its grey values.
    colours
        Take all pictures for colours: palettes are replaced by theirs, and grey by colours.

    Raises
    ------
    InputError
        If the file cannot be read, has transparent pixels or channels that are no colours, holds fractions, NaN or
        infinities, or has depth where colours are asked for.
    """
    file = Path(path)
    if colours and file.suffix.lower() not in npy.SUFFIXES:
        return StoredMask(_in_colour(file, images.read(file).to_axes("YXC")), in_colour=True)
    values = stored_values(file, lossy=True)
    if file.suffix.lower() in png.SUFFIXES and values.ndim == 3 and values.shape[-1] in (2, 4):
        values = drop_opaque_alpha(file, values)
    if values.dtype.kind == "f":
        values = whole_numbers(file, values)
    in_colour = values.ndim == 3 and values.shape[-1] == 3
    if 0 in values.shape or not (in_colour or values.ndim in (2, 3)):
        raise InputError(f"{file}: expected a mask of 2 or 3 dimensions, or in RGB, got shape {values.shape}")
    if int(values.max()) >= _LARGEST:
        raise InputError(f"{file}: the class value {values.max()} is too large; renumber the classes")
    if colours and not in_colour:
        return StoredMask(_in_colour(file, values), in_colour=True)
    if in_colour and not colours and (values == values[..., :1]).all():
        return StoredMask(values[..., 0], in_colour=False)
    return StoredMask(values, in_colour, _palette(file))


def _palette(path: Path) -> npt.NDArray[np.uint8] | None:
    if path.suffix.lower() not in png.SUFFIXES:
        return None
    with opened(path, "PNG", PngImageFile) as picture:
        colours = picture.getpalette("RGB") if picture.mode == "P" else None
    return None if colours is None else np.array(colours, dtype=np.uint8).reshape(-1, 3)


def _in_colour(path: Path, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Grey as red, green and blue."""
    grey = values[..., None] if values.ndim == 2 else values
    if grey.ndim != 3 or grey.shape[-1] not in (1, 3):
        raise InputError(f"{path}: expected a mask in RGB or grey like the others, got shape {values.shape}")
    return np.broadcast_to(grey, (*grey.shape[:2], 3))
