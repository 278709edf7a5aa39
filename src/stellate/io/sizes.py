"""Height and width of an image, of which only the beginning is read where its format permits it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from . import bmp, jpeg, png
from .images import open_lazy
from .pillow import opened

__all__ = ["image_size"]

_PICTURES: tuple[tuple[tuple[str, ...], str, Callable[[IO[bytes]], ImageFile]], ...] = (
    (png.SUFFIXES, "PNG", PngImageFile),
    (jpeg.SUFFIXES, "JPEG", JpegImageFile),
    (bmp.SUFFIXES, "BMP", BmpImageFile),
)


def image_size(path: str | os.PathLike[str], *, axes: str | None = None) -> tuple[int, int]:
    """Length of the axes ``Y`` and ``X`` of an image file.

    Parameters
    ----------
    path
        A file that `stellate.io.read` takes.
    axes
        Its axes where it does not say so itself, as in `stellate.io.read`.

    Returns
    -------
    height, width : int

    Raises
    ------
    InputError
        If the file is missing, not an image, or its beginning is damaged; what is damaged further on is not seen.
    """
    file = Path(path)
    for suffixes, kind, reader in _PICTURES:
        # with other axes than usual, rows and columns are what the reader makes of them
        if file.suffix.lower() in suffixes and axes is None:
            with opened(file, kind, reader) as picture:
                width, height = picture.size
            return height, width
    sizes = open_lazy(file, axes=axes).sizes
    return sizes["Y"], sizes["X"]
