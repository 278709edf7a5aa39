"""BMP: 1 to 32 bits per pixel, grey, colour and palette."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL.BmpImagePlugin import BmpImageFile

from ..axes import Image
from .content import check_content, check_declared_size, damaged_file_errors
from .pictures import picture

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
    check_content(path, "BMP")
    # The plug-in itself, not PIL.Image.open, which refuses pictures of more than 179 megapixels.
    with damaged_file_errors(path), path.open("rb") as file, BmpImageFile(file) as opened:
        width, height = opened.size
        check_declared_size(path, (height, width, 4), np.uint8)
        array = np.array(opened.convert("RGB") if opened.mode == "P" else opened)
        alpha = opened.mode == "RGBA"
    return picture(path, array, axes=axes, alpha=alpha)
