"""The numbers that a mask's file stores, whatever colours they are shown in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from . import bmp, jpeg, npy, png, tiff
from .images import SUFFIXES

__all__ = ["stored_values", "whole_numbers"]

_WHOLE_FLOATS = {2: 2**11, 4: 2**24, 8: 2**53}  # by bytes: up to here a float holds every whole number


def stored_values(path: Path, *, lossy: bool = False) -> npt.NDArray[Any]:
    """Read the numbers of a mask as its file stores them.

    Parameters
    ----------
    path
        TIFF, PNG, BMP or NPY file. Of a palette PNG the indices are taken, and a colour map in TIFF is ignored.
    lossy
        Read JPEG as well, which changes values.

    Returns
    -------
    ndarray
        Spatial shape, any dtype; channels come last where there are several.

    Raises
    ------
    InputError
        If the file cannot be read, or is a JPEG that must not be.
    """
    suffix = path.suffix.lower()
    if suffix in jpeg.SUFFIXES and not lossy:
        raise InputError(
            f"{path}: JPEG changes values, so it cannot hold labels; export the mask as PNG or TIFF"
        )
    for form in (tiff, png, npy):
        if suffix in form.SUFFIXES:
            values: npt.NDArray[Any] = form.read_values(path)
            return values
    for picture in (bmp, jpeg):
        if suffix in picture.SUFFIXES:
            pixels: npt.NDArray[Any] = picture.read(path).array
            return pixels
    raise InputError(
        f"{path}: masks of type {suffix or '(no suffix)'} are not read; expected one of {SUFFIXES}"
    )


def whole_numbers(path: Path, values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """The same numbers as integers.

    Parameters
    ----------
    path
        Where they come from.
    values
        Floats.

    Raises
    ------
    InputError
        If they have fractions, are not finite, or so large that their type does not hold each whole number.
    """
    largest = _WHOLE_FLOATS.get(values.dtype.itemsize, 2**53)
    expected = f"{path}: expected whole numbers, labels of objects or classes of pixels"
    if not np.isfinite(values).all():
        raise InputError(
            f"{expected}, got {values.dtype} with NaN or infinities; write -1 where nothing is annotated"
        )
    if (values != np.trunc(values)).any():
        raise InputError(
            f"{expected}, got {values.dtype} with fractions; of probabilities save the most likely class of each "
            "pixel, or threshold and label them"
        )
    if np.abs(values).max(initial=0) > largest:
        raise InputError(
            f"{expected}, got {values.dtype} with some above {largest:,}, which it holds inexactly; save as uint32"
        )
    return values.astype(np.int64)
