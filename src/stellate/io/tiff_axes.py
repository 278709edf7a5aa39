"""Which dimension of a TIFF file is which axis."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tifffile import TiffPageSeries

from ..axes import KNOWN_AXES, parse_axes
from ..errors import InputError

__all__ = ["Layout", "layout"]


@dataclass(frozen=True)
class Layout:
    """How to take an image out of the array of a file.

    Attributes
    ----------
    index
        Basic index that drops dimensions of length 1, or adds those that a file of one plane does not count.
    axes
        Axes of what is left.
    """

    index: tuple[int | slice | None, ...]
    axes: str

    def apply(self, array: Any) -> Any:
        """Drop the dimensions that carry nothing."""
        return array[self.index] if any(not isinstance(i, slice) for i in self.index) else array


def layout(path: Path, series: TiffPageSeries, axes: str | None) -> Layout:
    """Name the dimensions of an image in a file.

    Parameters
    ----------
    path
        The file, for messages.
    series
        The image.
    axes
        Axes that the caller named, for all dimensions or for those longer than 1; None for those of the file.

    Raises
    ------
    InputError
        If `axes` do not fit, or the file's own axes leave it open which is which.
    """
    shape = tuple(int(n) for n in series.shape)
    if axes is not None:
        return _named(path, shape, axes)
    letters = _translated(series, shape)
    keep = [size > 1 or letter in "YX" for letter, size in zip(letters, shape, strict=True)]
    index = tuple(slice(None) if kept else 0 for kept in keep)
    chosen = "".join(letter for letter, kept in zip(letters, keep, strict=True) if kept)
    try:
        return Layout(index, parse_axes(chosen, len(chosen)))
    except InputError as error:
        raise InputError(
            f"{path}: the file does not say what its dimensions {shape} are ({series.axes}); "
            f"name them, e.g. axes={'TZCYX'[-len(shape) :]!r}"
        ) from error


def _named(path: Path, shape: tuple[int, ...], axes: str) -> Layout:
    letters = axes.strip()
    keep = [True] * len(shape)
    if len(letters) != len(shape):
        keep = [size > 1 for size in shape]
    index: tuple[int | slice | None, ...] = tuple(slice(None) if kept else 0 for kept in keep)
    if set(shape[:-2]) <= {1} and len(letters) != len(shape) and letters[-2:].upper() == "YX":
        # a single plane, perhaps of a volume or film; files do not count all axes of length 1
        added = len(letters) - 2
        index = (0,) * (len(shape) - 2) + (None,) * added + (slice(None),) * 2
    try:
        return Layout(index, parse_axes(axes, sum(not isinstance(i, int) for i in index)))
    except InputError as error:
        raise InputError(f"{path}: {error}; the file holds an array of shape {shape}") from error


def _translated(series: TiffPageSeries, shape: tuple[int, ...]) -> str:
    """Turn the letters of tifffile into ours: samples are channels; what we do not know counts pages."""
    letters = series.axes
    if series.kind == "shaped" and letters == "QYX" and shape[-1] in (3, 4) and shape[-2] > 4:
        # An array (rows, columns, 3 or 4) that was written without a word on its colours, a page for each
        # row.
        return "YXC"
    return "".join("C" if a == "S" else a if a in KNOWN_AXES else "P" for a in letters)
