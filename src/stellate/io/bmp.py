"""BMP: 1 to 32 bits per pixel, grey, colour and palette."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL.BmpImagePlugin import BmpImageFile

from ..axes import Image
from .pictures import picture
from .pillow import opened

__all__ = ["SUFFIXES", "read"]

SUFFIXES = (".bmp", ".dib")


def read(path: Path, *, axes: str | None = None) -> Image:
    """Read a BMP file.

    Grey pictures (a palette of greys included) have axes ``YX``, colour ones ``YXC``; another palette is
    replaced by its colours. Alpha is dropped where it is opaque everywhere.

    Parameters
    ----------
    path
        The file.
    axes
        Axes to use in place of ``YX`` or ``YXC``.

    Raises
    ------
    InputError
        If the file is not a whole BMP, or has transparent pixels.
    """
    with opened(path, "BMP", BmpImageFile) as file:
        array = np.array(file.convert("RGB") if file.mode == "P" else file)
        alpha = file.mode == "RGBA"
    return picture(path, array, axes=axes, alpha=alpha)
