"""What a model says of every pixel, as TIFF: its class, and the probability of each class."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..results import Mask
from .tiff_planes import write_planes

__all__ = ["write_classes", "write_probabilities"]


def write_classes(
    path: str | os.PathLike[str],
    masks: Sequence[Mask],
    *,
    axes: str,
    spacing_um: Mapping[str, float] | None = None,
) -> None:
    """Write class ids, in the smallest unsigned type, with the names of the classes in the file's description.

    Pixels whose class is not known, of which a model leaves none, get the highest number of the type.

    Parameters
    ----------
    path
        The file; its folder is made where it is missing.
    masks
        A mask, or the frames of a film.
    axes
        ``YX`` or ``ZYX``; of frames after ``T``, or ``Z`` where the frames are planes.
    spacing_um
        Pixel size in micrometres by axis letter, where known.

    Raises
    ------
    InputError
        If the masks differ in shape or classes, the axes do not fit, or there are more than 65,535 classes.
    OutputError
        If the disk is full or does not permit it.
    """
    shape, names = _agreed(masks)
    dtype = _smallest_type(len(names))
    sizes = _sizes(axes, (len(masks), *shape))
    unknown = int(np.iinfo(dtype).max)
    planes = (
        np.where(plane < 0, unknown, plane)
        for mask in masks
        for plane in mask.classes.reshape(-1, *mask.classes.shape[-2:])
    )
    text = "\n".join(f"{k}: {name}" for k, name in enumerate(names))
    if any((mask.classes < 0).any() for mask in masks):
        text += f"\n{unknown}: not known"
    highest = max(1, len(names) - 1)
    write_planes(path, planes, dtype, sizes, spacing_um=spacing_um, text=text, highest_shown=highest)


def write_probabilities(
    path: str | os.PathLike[str],
    masks: Sequence[Mask],
    *,
    axes: str,
    spacing_um: Mapping[str, float] | None = None,
) -> None:
    """Write the probability of each class, float32, a channel for each class, which has its name.

    Parameters
    ----------
    path
        The file; its folder is made where it is missing.
    masks
        A mask, or the frames of a film; all with probabilities.
    axes
        As of `write_classes`: those of a class image.
    spacing_um
        Pixel size in micrometres by axis letter, where known.

    Raises
    ------
    InputError
        If a mask has no probabilities, the masks differ in shape or classes, or the axes do not fit.
    OutputError
        If the disk is full or does not permit it.
    """
    shape, names = _agreed(masks)
    probabilities = [mask.probabilities for mask in masks]
    expected = (len(names), *shape)
    for values in probabilities:
        if values is None or values.shape != expected:
            what = "none" if values is None else str(values.shape)
            raise InputError(f"expected probabilities of shape {expected}, got {what}; predict them first")
    sizes = {"C": len(names), **_sizes(axes, (len(masks), *shape))}
    in_order = {axis: sizes[axis] for axis in "TZCYX" if axis in sizes}
    write_planes(
        path,
        _probability_planes(probabilities),
        np.dtype(np.float32),
        in_order,
        spacing_um=spacing_um,
        channel_names=names,
    )


def _probability_planes(probabilities: Sequence[Any]) -> Iterator[npt.NDArray[np.float32]]:
    """Plane by plane, of each the classes in turn, as they follow in the file."""
    for values in probabilities:
        if values.ndim == 3:
            yield from values
            continue
        for z in range(values.shape[1]):
            yield from values[:, z]


def _agreed(masks: Sequence[Mask]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The shape and the classes of all masks."""
    kinds = {(mask.classes.shape, mask.class_names) for mask in masks}
    if len(kinds) != 1:
        raise InputError(
            f"expected masks of one shape and with the same classes, got {len(masks)} of {len(kinds)} kinds"
        )
    return next(iter(kinds))


def _smallest_type(n_classes: int) -> np.dtype[Any]:
    if n_classes >= 2**16:
        raise InputError(f"{n_classes:,} classes; a class image holds up to 65,535")
    return np.dtype(np.uint8 if n_classes < 2**8 else np.uint16)


def _sizes(axes: str, shape: tuple[int, ...]) -> dict[str, int]:
    """Length by axis letter, in order, of a mask or of frames."""
    if len(axes) == len(shape) - 1 and shape[0] == 1:
        shape = shape[1:]
    if axes not in ("YX", "ZYX", "TYX", "TZYX") or len(axes) != len(shape):
        raise InputError(f"axes {axes!r} do not fit masks of shape {shape}; expected YX, ZYX, TYX or TZYX")
    return dict(zip(axes, shape, strict=True))
