"""Reading any image: the list of formats, and the choice among them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from ..axes import Image
from ..errors import InputError
from . import bmp, jpeg, npy, png, tiff
from .content import identify

__all__ = ["FORMATS", "SUFFIXES", "open_lazy", "read"]


class Format(Protocol):
    """What a module of this folder offers for each image format."""

    @property
    def SUFFIXES(self) -> tuple[str, ...]:  # noqa: N802 - a constant of the module
        """Lower-case suffixes of its files."""

    def read(self, path: Path, *, axes: str | None = None) -> Image:
        """Read a file whole."""


FORMATS: tuple[Format, ...] = (tiff, png, jpeg, bmp, npy)
"""The formats that can be read. A further one is a file in this folder and an entry here."""

SUFFIXES: tuple[str, ...] = tuple(suffix for form in FORMATS for suffix in form.SUFFIXES)
"""Lower-case suffixes of the files that can be read."""


def read(path: str | os.PathLike[str], *, axes: str | None = None) -> Image:
    """Read an image file whole.

    Parameters
    ----------
    path
        A TIFF, PNG, JPEG, BMP or NPY file.
    axes
        One letter of ``TPZCYX`` per dimension, where the file does not say or says it wrongly.

    Returns
    -------
    Image
        Pixels as stored, of the file's dtype (bool becomes uint8), with axes, pixel size and name where the
        file states them. The pages of an axis ``P``, ``T``, ``Z`` or ``C`` are picked with ``image.select``.

    Raises
    ------
    InputError
        If the file is missing, empty, damaged, truncated, hostile, or not what its name says; the message
        names the file and the remedy.
    """
    file = Path(path)
    return _format(file).read(file, axes=axes)


def open_lazy(path: str | os.PathLike[str], *, axes: str | None = None) -> Image:
    """Open an image file and read pixels when they are asked for, where its layout serves that.

    Uncompressed or tiled TIFF and NPY files stay on the disk; the ``array`` of the image has ``shape``,
    ``dtype`` and slicing, and ``select`` on it reads nothing. Other files are read whole. Parameters and
    errors as in `read`.
    """
    file = Path(path)
    chosen = _format(file)
    opened: Image = getattr(chosen, "open_lazy", chosen.read)(file, axes=axes)
    return opened


def _format(path: Path) -> Format:
    for form in FORMATS:
        if path.suffix.lower() in form.SUFFIXES:
            return form
    kind = identify(path)
    hint = f"rename it to .{kind.lower()}" if kind.isupper() else "export it as TIFF or PNG"
    raise InputError(
        f"{path}: files of type {path.suffix or '(no suffix)'} are not read (this is {kind}); {hint}. "
        f"Expected one of {', '.join(SUFFIXES)}"
    )
