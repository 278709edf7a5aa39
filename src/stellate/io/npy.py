"""NPY: one NumPy array, never a pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..errors import InputError
from .content import check_content, check_declared_size, damaged_file_errors
from .pictures import picture

__all__ = ["SUFFIXES", "open_lazy", "read", "read_values"]

SUFFIXES = (".npy",)


def read(path: Path, *, axes: str | None = None) -> Image:
    """Read a NumPy file.

    Parameters
    ----------
    path
        The file.
    axes
        One letter per dimension; None where only one reading is sensible (see `stellate.axes.presumed_axes`).

    Raises
    ------
    InputError
        If the file is damaged, holds objects, complex numbers or text, or its axes must be named.
    """
    lazy = open_lazy(path, axes=axes)
    return Image(np.array(lazy.array), lazy.axes, name=lazy.name, path=path)


def open_lazy(path: Path, *, axes: str | None = None) -> Image:
    """Map a NumPy file into memory: pixels are read when asked for. Parameters and errors as in `read`."""
    return picture(path, read_values(path), axes=axes)


def read_values(path: Path) -> npt.NDArray[Any]:
    """Map the array of a NumPy file into memory, read-only.

    Raises
    ------
    InputError
        If the file is damaged, or holds anything but real numbers or booleans.
    """
    check_content(path, "NPY")
    with damaged_file_errors(path):
        _check_header(path)
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def _check_header(path: Path) -> None:
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        read_header = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read_header(file)
    if dtype.kind not in "buif":
        kinds = {"c": "complex numbers", "O": "Python objects (a pickle, which stellate never loads)"}
        what = kinds.get(dtype.kind, f"values of type {dtype}")
        raise InputError(f"{path}: holds {what}; save it as an array of integers or floats")
    check_declared_size(path, shape, dtype)
