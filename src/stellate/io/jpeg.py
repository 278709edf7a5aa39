"""JPEG: 8 bits, grey and colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL.JpegImagePlugin import JpegImageFile

from ..axes import Image
from ..errors import InputError
from .content import check_content, check_declared_size, damaged_file_errors
from .pictures import picture

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
    check_content(path, "JPEG")
    # The plug-in itself, not PIL.Image.open, which refuses pictures of more than 179 megapixels.
    with damaged_file_errors(path), path.open("rb") as file, JpegImageFile(file) as opened:
        if opened.mode not in ("L", "RGB"):
            raise InputError(f"{path}: a JPEG in {opened.mode} colours; convert it to RGB or grey")
        width, height = opened.size
        check_declared_size(path, (height, width, len(opened.getbands())), np.uint8)
        array = np.array(opened)
    return picture(path, array, axes=axes)
