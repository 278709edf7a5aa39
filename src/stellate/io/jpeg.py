"""JPEG: 8 bits, grey and colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL.JpegImagePlugin import JpegImageFile

from ..axes import Image
from ..errors import InputError
from .pictures import picture
from .pillow import opened

__all__ = ["SUFFIXES", "read"]

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")


def read(path: Path, *, axes: str | None = None) -> Image:
    """Read a JPEG file.

    Grey pictures have axes ``YX``, colour ones ``YXC``. Orientation notes (EXIF) are not applied, as in
    ImageJ and QuPath: rows and columns are those stored. The density is a printer's, and no pixel size.

    Parameters
    ----------
    path
        The file.
    axes
        Axes to use in place of ``YX`` or ``YXC``.

    Raises
    ------
    InputError
        If the file is not a whole JPEG, or is in CMYK.
    """
    with opened(path, "JPEG", JpegImageFile) as file:
        if file.mode not in ("L", "RGB"):
            raise InputError(f"{path}: a JPEG in {file.mode} colours; convert it to RGB or grey")
        array = np.array(file)
    return picture(path, array, axes=axes)
