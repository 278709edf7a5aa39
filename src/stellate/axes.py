"""Images: arrays with named axes and a pixel size.

Axes are single capital letters, slowest first: ``T`` time, ``Z`` depth, ``C`` channel, ``Y`` row, ``X`` column,
and ``P`` for the pages of a file that does not say what its pages are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import InputError

__all__ = ["KNOWN_AXES", "Image", "parse_axes", "presumed_axes"]

KNOWN_AXES = "TPZCYX"


def parse_axes(text: str, ndim: int) -> str:
    """Check an axes string against a number of dimensions.

    Parameters
    ----------
    text
        One letter of ``TPZCYX`` per dimension, in any case, e.g. ``"YXC"``.
    ndim
        Number of dimensions of the array.

    Returns
    -------
    str
        The axes in capitals.

    Raises
    ------
    InputError
        If a letter is unknown or repeated, ``Y`` or ``X`` is missing, or the length is not `ndim`.

    Examples
    --------
    >>> parse_axes("yxc", 3)
    'YXC'
    """
    axes = text.strip().upper()
    unknown = sorted(set(axes) - set(KNOWN_AXES))
    if unknown:
        raise InputError(f"axes {text!r}: unknown letter {', '.join(unknown)}; use letters of {KNOWN_AXES}")
    if len(set(axes)) != len(axes):
        raise InputError(f"axes {text!r}: a letter stands twice; each axis has a letter of its own")
    if not {"Y", "X"} <= set(axes):
        raise InputError(f"axes {text!r}: Y and X are needed")
    if len(axes) != ndim:
        raise InputError(f"axes {text!r} name {len(axes)} dimensions, but the array has {ndim}")
    return axes


def presumed_axes(shape: tuple[int, ...]) -> str:
    """Axes of a bare array, where only one reading is sensible.

    Two dimensions are ``YX``; three with a last one of 3 or 4 are a colour picture, ``YXC``.

    Raises
    ------
    InputError
        For any other shape: the caller must name the axes.

    Examples
    --------
    >>> presumed_axes((480, 640, 3))
    'YXC'
    """
    if len(shape) == 2:
        return "YX"
    if len(shape) == 3 and shape[-1] in (3, 4):
        return "YXC"
    example = {4: "CZYX", 5: "TCZYX"}.get(len(shape), "ZYX")
    raise InputError(
        f"an array of shape {shape} can be read in several ways; name its axes, e.g. axes='{example}'"
    )


@dataclass(frozen=True, eq=False)
class Image:
    """An array with named axes.

    Attributes
    ----------
    array
        NumPy array, or a lazy one with ``shape``, ``dtype`` and slicing (Zarr, Dask).
    axes
        One letter per dimension, e.g. ``"CYX"``.
    spacing_um
        Pixel size in micrometres by axis letter, e.g. ``{"Y": 0.5, "X": 0.5}``; axes whose size is
        not known are absent.
    name
        What the image is called in outputs: the file's stem, or ``"image"``.
    path
        The file it came from, if any.
    bits
        Significant bits of an integer image where the file states them (e.g. 12 in uint16), else None.
    channel_names
        Names along ``C`` where known, else empty.
    """

    array: npt.NDArray[Any]
    axes: str
    spacing_um: Mapping[str, float] = field(default_factory=dict)
    name: str = "image"
    path: Path | None = None
    bits: int | None = None
    channel_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", parse_axes(self.axes, len(self.array.shape)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes, in the order of `axes`."""
        return tuple(self.array.shape)

    @property
    def sizes(self) -> dict[str, int]:
        """Length by axis letter."""
        return dict(zip(self.axes, self.shape, strict=True))

    @property
    def spatial_axes(self) -> str:
        """The axes of ``ZYX`` that the image has, in its own order."""
        return "".join(a for a in self.axes if a in "ZYX")

    @property
    def channels(self) -> int:
        """Number of channels; 1 where there is no ``C``."""
        return self.sizes.get("C", 1)

    def spacing(self, axes: str) -> tuple[float, ...] | None:
        """Pixel size in micrometres along `axes`, or None if any of them is not known."""
        if not all(a in self.spacing_um for a in axes):
            return None
        return tuple(self.spacing_um[a] for a in axes)

    def select(self, axis: str, index: int) -> Image:
        """One position along an axis; the axis is gone from the result.

        Raises
        ------
        InputError
            If the image has no such axis or the index is outside it.
        """
        if axis not in self.axes:
            raise InputError(f"{self.name}: no axis {axis} in {self.axes}")
        size = self.sizes[axis]
        if not 0 <= index < size:
            raise InputError(f"{self.name}: index {index} is outside axis {axis}, which has {size} positions")
        at = self.axes.index(axis)
        array = self.array[(slice(None),) * at + (index,)]
        names = () if axis == "C" else self.channel_names
        return replace(self, array=array, axes=self.axes.replace(axis, ""), channel_names=names)

    def squeeze(self, keep: str = "YX") -> Image:
        """The same image without axes of length 1, other than those to keep."""
        image = self
        for axis, size in self.sizes.items():
            if size == 1 and axis not in keep:
                image = image.select(axis, 0)
        return image

    def to_axes(self, axes: str) -> npt.NDArray[Any]:
        """The array with its axes in the given order (a view where possible).

        A ``C`` that is asked for and absent becomes an axis of length 1.

        Raises
        ------
        InputError
            If the image has an axis of more than one position that `axes` leaves out, or lacks one that it names.
        """
        image = self
        for axis in self.axes:
            if axis not in axes:
                if self.sizes[axis] != 1:
                    raise InputError(
                        f"{self.name}: expected axes {axes}, got {self.axes} of shape {self.shape}; "
                        f"choose one position of {axis} first"
                    )
                image = image.select(axis, 0)
        array = np.asarray(image.array)
        have = image.axes
        if "C" in axes and "C" not in have:
            array, have = array[..., np.newaxis], have + "C"
        missing = sorted(set(axes) - set(have))
        if missing:
            raise InputError(
                f"{self.name}: expected axes {axes}, got {self.axes}; {', '.join(missing)} missing"
            )
        return np.transpose(array, [have.index(a) for a in axes])
