"""What the picture formats (PNG, JPEG, BMP, colour TIFF) have in common: names, axes and transparency."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..axes import Image, parse_axes, presumed_axes
from ..errors import InputError

__all__ = ["drop_opaque_alpha", "image_name", "picture"]


def image_name(path: Path) -> str:
    """Name of an image in outputs: the file's name without its suffix, ``.ome.tif`` counting as one.

    Examples
    --------
    >>> image_name(Path("plate/B03.ome.tif"))
    'B03'
    """
    stem = path.stem
    return stem[:-4] if stem.lower().endswith(".ome") and len(stem) > 4 else stem


def picture(path: Path, array: npt.NDArray[Any], *, axes: str | None = None, alpha: bool = False) -> Image:
    """Make an image of decoded pixels.

    Parameters
    ----------
    path
        The file they came from.
    array
        ``(rows, columns)`` or ``(rows, columns, samples)``; bool becomes uint8 of 0 and 1.
    axes
        Axes that the caller named, or None for ``YX`` and ``YXC``.
    alpha
        Whether the last sample is opacity.

    Raises
    ------
    InputError
        If `axes` do not fit, or the picture is transparent anywhere.
    """
    if alpha:
        array = drop_opaque_alpha(path, array)
    if array.dtype == np.bool_:
        array = array.view(np.uint8)
    try:
        chosen = parse_axes(axes, array.ndim) if axes else presumed_axes(array.shape)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return Image(array, chosen, name=image_name(path), path=path)


def drop_opaque_alpha(path: Path, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Remove the last sample, which must be fully opaque everywhere.

    What stands under transparent pixels is undefined, so a picture that has any is refused.

    Raises
    ------
    InputError
        If any pixel is transparent.
    """
    alpha = array[..., -1]
    opaque = np.iinfo(array.dtype).max if array.dtype.kind == "u" else 1
    if (alpha != opaque).any():
        raise InputError(
            f"{path}: has transparent pixels (an alpha channel); flatten it, or save it without alpha"
        )
    colours = array[..., :-1]
    return colours[..., 0] if colours.shape[-1] == 1 else colours
