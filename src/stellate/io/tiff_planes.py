"""TIFF files of planes that belong together, laid out so that ImageJ, QuPath and napari open them."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from ..errors import InputError
from .atomic import atomic

__all__ = ["AXES", "write_planes"]

AXES = "TZCYX"
"""Order of the axes in a file."""

_IMAGEJ_LIMIT = 2**30  # bytes; ImageJ itself opens few larger ones, and no tiled ones
_IMAGEJ_TYPES = ("uint8", "uint16", "float32")
_STRIP_BYTES = 2**20
_TILE = (512, 512)


def write_planes(
    path: str | os.PathLike[str],
    planes: Iterable[npt.NDArray[Any]],
    dtype: np.dtype[Any],
    sizes: Mapping[str, int],
    *,
    spacing_um: Mapping[str, float] | None = None,
    text: str = "",
    channel_names: Sequence[str] = (),
    highest_shown: int | None = None,
) -> None:
    """Write planes as one TIFF, compressed without loss.

    It is in ImageJ's format where that has the type of the values, else OME-TIFF; from 1 GiB on a tiled BigTIFF. Memory
    for the writing is a plane of the file's dtype, or of a tiled file a tile.

    Parameters
    ----------
    path
        The file; its folder is made where it is missing.
    planes
        ``(rows, columns)`` each, in the order of the file's axes; values must fit into `dtype`.
    dtype
        Type of the values in the file.
    sizes
        Length of each axis, some of ``TZCYX`` in this order.
    spacing_um
        Pixel size in micrometres by axis letter, where known.
    text
        What the file says of itself (Image > Show Info in ImageJ).
    channel_names
        A name for each position along ``C``.
    highest_shown
        Value that ImageJ shows as white at first, as 0 is black; chosen by ImageJ if None.

    Raises
    ------
    InputError
        If the axes are not in order, or names are missing.
    OutputError
        If the disk is full or does not permit it.
    """
    if [a for a in AXES if a in sizes] != list(sizes) or not {"Y", "X"} <= sizes.keys():
        raise InputError(
            f"expected some axes of {AXES} in this order, Y and X among them, got {''.join(sizes)}"
        )
    if channel_names and len(channel_names) != sizes.get("C", 1):
        raise InputError(f"{len(channel_names)} names for {sizes.get('C', 1)} channels; give one for each")
    spacing = dict(spacing_um or {})
    large = math.prod(sizes.values()) * dtype.itemsize >= _IMAGEJ_LIMIT
    if dtype.name in _IMAGEJ_TYPES and not large:
        options = _imagej_options(sizes, spacing, dtype.itemsize)
        options["metadata"] |= _imagej_texts(sizes, text, channel_names)
        if highest_shown is not None:
            options["metadata"] |= {"min": 0.0, "max": float(highest_shown)}
    else:
        options = _ome_options(sizes, spacing, dtype.itemsize, tiled=large)
        options["metadata"] |= {"Description": text} if text else {}
        options["metadata"] |= {"Channel": {"Name": list(channel_names)}} if channel_names else {}
    with atomic(path) as draft:
        tifffile.imwrite(
            draft,
            _planes_or_tiles(planes, dtype, options),
            dtype=dtype,
            compression="zlib",
            photometric="minisblack",
            maxworkers=1,
            **options,
        )


def _imagej_options(sizes: Mapping[str, int], spacing: dict[str, float], itemsize: int) -> dict[str, Any]:
    # All six dimensions are spelled out, lest a plane one pixel wide is taken for samples.
    metadata: dict[str, Any] = {"axes": "TZCYXS"}
    options: dict[str, Any] = {
        "imagej": True,
        "metadata": metadata,
        "shape": tuple(sizes.get(axis, 1) for axis in metadata["axes"]),
        "rowsperstrip": _strip_rows(sizes, itemsize),
    }
    if {"Y", "X"} <= spacing.keys():
        options["resolution"] = (1 / spacing["X"], 1 / spacing["Y"])
        metadata["unit"] = "um"
        if "Z" in spacing and "Z" in sizes:
            metadata["spacing"] = spacing["Z"]
    return options


def _imagej_texts(sizes: Mapping[str, int], text: str, channel_names: Sequence[str]) -> dict[str, Any]:
    texts: dict[str, Any] = {"Info": text} if text else {}
    if channel_names:
        frames = math.prod(sizes.get(axis, 1) for axis in "TZ")
        texts["Labels"] = list(channel_names) * frames
    return texts


def _ome_options(
    sizes: Mapping[str, int], spacing: dict[str, float], itemsize: int, *, tiled: bool
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"axes": "".join(sizes)}
    for axis in metadata["axes"]:
        if axis in spacing:
            metadata[f"PhysicalSize{axis}"] = spacing[axis]
            metadata[f"PhysicalSize{axis}Unit"] = "µm"
    # no larger than a plane, of a multiple of 16 that TIFF asks for
    tile = tuple(min(most, -(-sizes[axis] // 16) * 16) for axis, most in zip("YX", _TILE, strict=True))
    layout = {"tile": tile, "bigtiff": True} if tiled else {"rowsperstrip": _strip_rows(sizes, itemsize)}
    return {"ome": True, "metadata": metadata, "shape": tuple(sizes.values()), **layout}


def _strip_rows(sizes: Mapping[str, int], itemsize: int) -> int:
    return min(sizes["Y"], max(1, _STRIP_BYTES // (sizes["X"] * itemsize)))


def _planes_or_tiles(
    planes: Iterable[npt.NDArray[Any]], dtype: np.dtype[Any], options: Mapping[str, Any]
) -> Iterator[npt.NDArray[Any]]:
    """Planes, or the tiles of all planes in the order of the file, filled up with 0 at the far edges."""
    for plane in planes:
        if "tile" not in options:
            yield plane.astype(dtype)
            continue
        rows, columns = plane.shape
        high, wide = options["tile"]
        for top, left in product(range(0, rows, high), range(0, columns, wide)):
            part = plane[top : top + high, left : left + wide].astype(dtype)
            yield np.pad(part, ((0, high - part.shape[0]), (0, wide - part.shape[1])))
