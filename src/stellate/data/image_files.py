"""Finding the image that an annotation speaks of."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from .. import io
from ..errors import DataError
from ..io.pictures import image_name

__all__ = ["IMAGE_FOLDERS", "ImageFiles", "images_below", "images_in"]

IMAGE_FOLDERS = ("images", "jpegimages")
"""Folders beside an annotation where its images may lie, in small letters."""

# Folders whose names hold one of these words lie beside images, and have files of their names.
_NO_IMAGES = ("mask", "annotation", "imageset", "segmentation")
_WHOLE = re.compile(r"[0-9]{1,18}")
_DEEPEST = 8  # folders in folders; links may lead in a circle


class ImageFiles:
    """The images that annotations in a folder may speak of.

    They are looked for beside the annotation, then in ``images/`` and ``JPEGImages/``, then anywhere below, there by
    their file's name alone. A name fits an image if it is that of the file; else if it is that without suffix; else if
    both are whole numbers and the same (1 and ``001.png``). Capitals matter only where there is a choice. Where the
    folder that is named is there, the image lies in it.

    Parameters
    ----------
    folder
        Where the annotation lies.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        inner = _folders(folder)
        near = [folder, *(f for name in IMAGE_FOLDERS for f in inner if f.name.casefold() == name)]
        self._near = [_Names(images_in(f)) for f in near]

    def find(self, name: str, where: str) -> Path:
        """The image that is called so.

        Parameters
        ----------
        name
            As the annotation has it, with ``/`` between folders.
        where
            File and place, for the message.

        Raises
        ------
        DataError
            If there is none, or several fit equally well.
        """
        if (exact := self._folder / name).is_file() and exact.suffix.lower() in io.SUFFIXES:
            return exact
        parts = PurePosixPath(name).parts
        last = parts[-1] if parts else name
        for names in self._near if len(parts) == 1 else ():
            if found := names.by_name(last):
                return self._only(found, name, where)
        for names in self._near if len(parts) == 1 else ():
            if found := names.by_number(last):
                return self._only(found, name, where)
        below = self._below.by_name(last) or self._below.by_number(last)
        # of several, those in a folder of the name that the annotation gives
        inside = [f for f in below if _ends(f.parent, parts[:-1])]
        elsewhere = (
            len(parts) > 1 and not inside and exact.parent.is_dir()
        )  # one of the name is not the one meant
        if not below or elsewhere:
            raise DataError(
                f"{where}: no image is called {name!r}; images lie beside the annotation, in images/, JPEGImages/, or "
                "below: add it, or mend the name"
            )
        return self._only(inside or below, name, where)

    @cached_property
    def _below(self) -> _Names:
        return _Names(images_below(self._folder))

    def _only(self, found: Sequence[Path], name: str, where: str) -> Path:
        if len(found) > 1:
            shown = " and ".join(f.relative_to(self._folder).as_posix() for f in found[:2])
            raise DataError(f"{where}: {name!r} may be {shown}; write the path within {self._folder.name}/")
        return found[0]


class _Names:
    """Images by what they may be called."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._names: dict[str, list[Path]] = {}
        self._numbers: dict[int, list[Path]] = {}
        for file in files:
            name, stem = _composed(file.name), _composed(image_name(file))
            # ways to call a file do not clash: ":" and "?" keep them apart, and are in no file's name
            for key in dict.fromkeys((name, f":{name.casefold()}", f"?{stem}", f"?:{stem.casefold()}")):
                self._names.setdefault(key, []).append(file)
            if _WHOLE.fullmatch(stem):
                self._numbers.setdefault(int(stem), []).append(file)

    def by_name(self, name: str) -> list[Path]:
        """The file of the name, else those that differ by case, else by suffix, else by both."""
        name = _composed(name)
        stem = _without_suffix(name)
        for key in (name, f":{name.casefold()}", f"?{stem}", f"?:{stem.casefold()}"):
            if found := self._names.get(key):
                return found
        return []

    def by_number(self, name: str) -> list[Path]:
        """Files whose names are the same whole number."""
        return self._numbers.get(int(name), []) if _WHOLE.fullmatch(name) else []


def images_in(folder: Path) -> list[Path]:
    """Image files directly in a folder, without hidden ones, sorted."""
    return sorted(
        f
        for f in folder.iterdir()
        if f.suffix.lower() in io.SUFFIXES and not f.name.startswith(".") and f.is_file()
    )


def images_below(folder: Path, depth: int = _DEEPEST) -> list[Path]:
    """Image files in a folder and those in it, but for folders whose names speak of masks or annotations."""
    found = images_in(folder)
    for inner in _folders(folder) if depth else []:
        if not any(word in inner.name.casefold() for word in _NO_IMAGES):
            found += images_below(inner, depth - 1)
    return found


def _folders(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))


def _without_suffix(name: str) -> str:
    file = Path(name)
    return image_name(file) if file.suffix.lower() in io.SUFFIXES else name


def _ends(folder: Path, parts: Sequence[str]) -> bool:
    return not parts or folder.parts[-len(parts) :] == tuple(parts)


def _composed(name: str) -> str:
    # macOS decomposes accents in file names, other systems do not
    return unicodedata.normalize("NFC", name)
