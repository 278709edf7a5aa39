"""Label images: masks of any integer kind in, TIFF that ImageJ, QuPath and napari open out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..geometry.labels import relabel
from .stored import stored_values, whole_numbers
from .tiff_planes import write_planes

__all__ = ["read_labels", "write_labels"]

Labels = npt.NDArray[np.int32]


def read_labels(path: str | os.PathLike[str]) -> tuple[Labels, npt.NDArray[np.int64]]:
    """Read a mask whose numbers are object ids.

    Parameters
    ----------
    path
        TIFF, PNG, BMP or NPY file of any integer dtype. Floats are accepted where all of them are whole
        numbers that their type holds exactly. Of a palette PNG the indices are taken, and a colour map in
        TIFF is ignored.

    Returns
    -------
    labels : ndarray
        Spatial shape, int32: 0 background, 1 to n objects, -1 where the file has negative ids (not
        annotated).
    ids : ndarray
        ``(n,)`` int64, ascending: object ``k + 1`` has the id ``ids[k]`` in the file.

    Raises
    ------
    InputError
        If the file cannot be read, is in colour or in JPEG (which changes values), or holds fractions, NaN or
        infinities.
    """
    file = Path(path)
    values = stored_values(file)
    _check_one_channel(file, values)
    if values.dtype.kind == "f":
        values = whole_numbers(file, values)
    try:
        return relabel(values)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error


def write_labels(
    path: str | os.PathLike[str],
    labels: npt.NDArray[Any] | Sequence[npt.NDArray[Any]],
    *,
    spacing_um: Mapping[str, float] | None = None,
    axes: str | None = None,
) -> None:
    """Write a label image as TIFF, compressed without loss.

    Ids up to 65,535 are written as uint16 in ImageJ's format; more as uint32 in OME-TIFF, since ImageJ's has
    no such integers. From 1 GiB on the file is a tiled BigTIFF. Memory for the writing is a plane of the
    file's dtype, or of a tiled file a tile. The formats do not tell a volume of one plane from an image: it is read
    as ``YX`` again, with its spacing along ``Z``, unless the reader is told the axes.

    Parameters
    ----------
    path
        The file; its folder is made where it is missing.
    labels
        ``(rows, columns)``, ``(planes, rows, columns)`` or ``(frames, planes, rows, columns)`` of any integer
        dtype, 0 or more. Frames may also be given as a list of label images of one shape, so that they need not be
        put together first.
    spacing_um
        Pixel size in micrometres by axis letter (``Y`` and ``X``, and ``Z`` for planes), where known.
    axes
        What the dimensions are: the last of ``TZYX``, unless it says ``TYX``.

    Raises
    ------
    InputError
        If the labels are not integers of 2 to 4 dimensions, are negative, or exceed 32 bits, or the axes do not
        fit.
    OutputError
        If the disk is full or does not permit it.
    """
    parts: Any = list(labels) if isinstance(labels, list | tuple) else [labels]
    shape = _shape(parts, frames=isinstance(labels, list | tuple))
    dtype = _smallest_dtype(parts)
    sizes = label_sizes(shape, axes)
    # by index, because a reshaped array might be a copy
    planes = (part[at] for part in parts for at in np.ndindex(part.shape[:-2]))
    write_planes(path, planes, dtype, sizes, spacing_um=spacing_um)


def _check_one_channel(path: Path, values: npt.NDArray[Any]) -> None:
    if values.ndim == 3 and values.shape[-1] in (2, 3, 4):
        grey = all(np.array_equal(values[..., 0], values[..., k]) for k in range(1, min(3, values.shape[-1])))
        remedy = "its channels are equal: save one of them" if grey else "save one channel of object ids"
        raise InputError(
            f"{path}: expected a label image of one channel, got a picture of {values.shape[-1]} channels, "
            f"shape {values.shape}; {remedy}, e.g. as 16-bit PNG or TIFF"
        )
    if values.ndim not in (2, 3) or 0 in values.shape:
        raise InputError(f"{path}: expected a label image of 2 or 3 dimensions, got shape {values.shape}")


def _shape(parts: Sequence[Any], *, frames: bool) -> tuple[int, ...]:
    """Of the labels, or of frames put together."""
    shapes = {tuple(part.shape) for part in parts}
    if len(shapes) != 1:
        raise InputError(f"expected frames of one shape, got {len(parts)} of the shapes {sorted(shapes)}")
    (shape,) = shapes
    return (len(parts), *shape) if frames else shape


def _smallest_dtype(parts: Sequence[npt.NDArray[Any]]) -> np.dtype[Any]:
    for part in parts:
        if part.dtype.kind not in "biu" or part.ndim not in (2, 3, 4) or 0 in part.shape:
            raise InputError(
                f"expected an integer label image of 2 to 4 dimensions, got {part.dtype} {part.shape}"
            )
    lowest, highest = min(int(part.min()) for part in parts), max(int(part.max()) for part in parts)
    if lowest < 0 or highest >= 2**32:
        raise InputError(f"label ids must lie in 0 to 4,294,967,295 to be written, got {lowest} to {highest}")
    return np.dtype(np.uint16 if highest < 2**16 else np.uint32)


def label_sizes(shape: tuple[int, ...], axes: str | None) -> dict[str, int]:
    """Length by axis letter, in order.

    Raises
    ------
    InputError
        If the axes do not fit.
    """
    named = "TZYX"[-len(shape) :] if axes is None else axes
    if named not in ("YX", "ZYX", "TYX", "TZYX") or len(named) != len(shape):
        raise InputError(
            f"expected axes YX, ZYX, TYX or TZYX of a label image of shape {shape}, got {axes!r}"
        )
    return dict(zip(named, shape, strict=True))
