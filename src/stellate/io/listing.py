"""Which images are meant by files, folders and patterns."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

from ..errors import InputError
from .images import SUFFIXES

__all__ = ["list_images"]


def list_images(paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> list[Path]:
    """List the images that files, folders and patterns stand for.

    Parameters
    ----------
    paths
        Files (taken whatever their suffix), folders (the images directly in them) and patterns with ``*``,
        ``?``, ``[...]`` or ``**``, which Windows leaves to the program. A name that exists is taken as it is,
        even with brackets in it. Hidden files and files of other kinds are passed over in folders and
        patterns.

    Returns
    -------
    list of Path
        Sorted, each file once.

    Raises
    ------
    InputError
        If a file or folder is missing, or a folder or pattern holds no image.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not given:
        raise InputError("no images were named; give files, folders or patterns such as 'images/*.tif'")
    found: dict[Path, Path] = {}
    for entry in given:
        for path in _expand(Path(entry).expanduser()):
            found.setdefault(path.resolve(), path)
    return sorted(found.values())


def _expand(path: Path) -> list[Path]:
    if path.is_dir():
        images = [p for p in path.iterdir() if _is_image(p)]
        if not images:
            raise InputError(
                f"{path}: no images in this folder; expected files of type {', '.join(SUFFIXES)}"
            )
        return images
    if path.exists():
        return [path]
    if not glob.has_magic(str(path)):
        raise InputError(f"{path}: no such file or folder")
    # Path.glob takes no absolute pattern.
    matches = glob.glob(str(path), recursive=True)  # noqa: PTH207
    images = [p for p in map(Path, matches) if _is_image(p)]
    if not images:
        raise InputError(f"{path}: no image matches this pattern; images are {', '.join(SUFFIXES)}")
    return images


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
