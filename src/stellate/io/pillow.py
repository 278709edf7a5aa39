"""Opening pictures with Pillow's readers, each of which knows one format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from PIL.ImageFile import ImageFile

from .content import check_content, check_declared_size, damaged_file_errors

__all__ = ["opened"]


@contextmanager
def opened(path: Path, kind: str, reader: Callable[[IO[bytes]], ImageFile]) -> Iterator[ImageFile]:
    """Open a picture for a ``with`` statement, in which whatever goes wrong becomes an `InputError`.

    Parameters
    ----------
    path
        The file.
    kind
        What it must be, as `check_content` knows it.
    reader
        Pillow's class for the format. Not `PIL.Image.open`, which tries all formats, and refuses pictures of more
        than 179 megapixels.

    Raises
    ------
    InputError
        If the file is of another kind, declares more pixels than it can hold, or cannot be decoded.
    """
    check_content(path, kind)
    with damaged_file_errors(path), path.open("rb") as file, reader(file) as picture:
        width, height = picture.size
        # the colours may yet take the place of a palette
        samples = 3 if picture.mode == "P" else len(picture.getbands())
        check_declared_size(path, (height, width, samples), np.uint8)
        yield picture
