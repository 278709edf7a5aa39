"""PNG: 1 to 16 bits, grey, colour and palette."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import numpy.typing as npt
import PIL.Image
from PIL.PngImagePlugin import PngImageFile

from ..axes import Image
from ..errors import InputError
from .atomic import atomic
from .content import check_content, check_declared_size, damaged_file_errors
from .pictures import picture
from .pillow import opened

__all__ = ["SUFFIXES", "read", "read_values", "write_picture"]

SUFFIXES = (".png",)

_SAMPLES = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}  # by colour type: grey, RGB, palette, grey + alpha, RGB + alpha
_PALETTE = 3


def read(path: Path, *, axes: str | None = None) -> Image:
    """Read a PNG file.

    Grey pictures have axes ``YX``, colour ones ``YXC``. A palette is replaced by its colours; fewer than 8
    bits are stretched to 8. Alpha is dropped where it is opaque everywhere. Orientation notes (EXIF) are not
    applied, as in ImageJ and QuPath: rows and columns are those stored. The density (pHYs) is a printer's,
    and no pixel size.

    Parameters
    ----------
    path
        The file.
    axes
        Axes to use in place of ``YX`` or ``YXC``.

    Raises
    ------
    InputError
        If the file is not a whole PNG, or has transparent pixels.
    """
    array = _decoded(path, _header(path))
    alpha = array.ndim == 3 and array.shape[-1] in (2, 4)
    return picture(path, array, axes=axes, alpha=alpha)


def read_values(path: Path) -> npt.NDArray[Any]:
    """Read the stored numbers of a one-channel PNG: palette indices, and 1 to 4 bits not stretched.

    This is what a mask needs, whose colours mean nothing.

    Returns
    -------
    ndarray
        ``(rows, columns)`` uint8 or uint16; or ``(rows, columns, samples)`` if the picture is in colour.

    Raises
    ------
    InputError
        If the file is not a whole PNG.
    """
    header = _header(path)
    if header.colour == _PALETTE:
        with opened(path, "PNG", PngImageFile) as file:
            return np.array(file)
    array = _decoded(path, header)
    return array // (255 // (2**header.depth - 1)) if header.depth < 8 else array


def write_picture(path: str | os.PathLike[str], picture: npt.NDArray[np.uint8]) -> Path:
    """Write a picture to be looked at.

    Parameters
    ----------
    path
        The PNG; it appears whole or not at all.
    picture
        ``(H, W, 3)`` uint8.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    with atomic(path) as draft:
        PIL.Image.fromarray(picture).save(draft, format="PNG")
    return Path(path)


def _decoded(path: Path, header: _Header) -> npt.NDArray[Any]:
    with damaged_file_errors(path):
        check_declared_size(path, header.shape, header.dtype)
        return np.asarray(imagecodecs.png_decode(path.read_bytes()))


@dataclass(frozen=True)
class _Header:
    """What the IHDR chunk says."""

    width: int
    height: int
    depth: int
    colour: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.height, self.width, _SAMPLES[self.colour])

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint16 if self.depth == 16 else np.uint8)


def _header(path: Path) -> _Header:
    check_content(path, "PNG")
    # The first chunk is always IHDR: length, type, then width, height, bits per sample and colour type.
    with damaged_file_errors(path), path.open("rb") as file:
        _, _, kind, width, height, depth, colour = struct.unpack(">8sI4sIIBB", file.read(26))
    if kind != b"IHDR" or colour not in _SAMPLES:
        raise InputError(f"{path}: a PNG file without a valid header; it is damaged")
    return _Header(width, height, depth, colour)
