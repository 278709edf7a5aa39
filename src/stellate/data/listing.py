"""Pairing the files of an annotated folder by their names."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .. import io
from ..errors import DataError
from ..io.annotation_text import SPLIT_NAMES
from ..io.pictures import image_name

__all__ = ["SPLITS", "Listing", "Record", "list_pairs"]

SPLITS = SPLIT_NAMES
"""Folder names that hold a part of the data, and what the part is called."""

# Written by file managers, never by a microscope.
_JUNK = {"thumbs.db", "desktop.ini", "icon\r", "ehthumbs.db"}


@dataclass(frozen=True)
class Record:
    """An image file and the mask that belongs to it.

    Attributes
    ----------
    name
        The image's file name without its suffix.
    image_path, mask_path
        Where they are.
    split
        ``"train"``, ``"val"`` or ``"test"`` where the folder says so, else None.
    """

    name: str
    image_path: Path
    mask_path: Path
    split: str | None = None


@dataclass(frozen=True)
class Listing:
    """What an annotated folder holds, by file names alone.

    Attributes
    ----------
    root
        The folder.
    records
        The pairs, sorted by split and name.
    images_without_mask, masks_without_image
        Files whose partner is missing.
    ambiguous
        Files of one folder that share a name, so that it is open which is meant.
    ignored
        Files whose suffix no reader knows.
    """

    root: Path
    records: tuple[Record, ...]
    images_without_mask: tuple[Path, ...] = ()
    masks_without_image: tuple[Path, ...] = ()
    ambiguous: tuple[Path, ...] = ()
    ignored: tuple[Path, ...] = ()


def list_pairs(path: str | Path) -> Listing:
    """Pair the files of an annotated folder by name, and list those that have no partner.

    Raises
    ------
    DataError
        If the folder is missing, or laid out differently.
    """
    root = Path(path)
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "there is no such folder"
        raise DataError(f"{root}: {what}; expected a folder with images/ and masks/")
    parts = [_list_part(folder, split) for split, folder in _parts(root)]
    return Listing(
        root,
        *(
            tuple(item for part in parts for item in getattr(part, name))
            for name in ("records", "images_without_mask", "masks_without_image", "ambiguous", "ignored")
        ),
    )


def _parts(root: Path) -> list[tuple[str | None, Path]]:
    """The folders that hold ``images/`` and ``masks/``, with the names of their splits."""
    folders = _folders(root)
    flat = {"images", "masks"} & folders.keys()
    split = SPLITS.keys() & folders.keys()
    if flat and split:
        both = "/, ".join([*sorted(flat), *sorted(split)])
        raise DataError(f"{root}: holds {both}/; keep either images/ and masks/ or the parts")

    if not flat and not split:
        have = f"it holds the folders {', '.join(sorted(folders))}" if folders else "it holds no folders"
        raise DataError(
            f"{root}: expected folders images/ and masks/, or train/ and val/ with such a pair; {have}; for "
            "classes of whole images a folder for each or a table (.csv), for boxes Pascal VOC, COCO, YOLO or a table"
        )
    if flat:
        return [(None, root)]
    order = list(SPLITS)
    return [(SPLITS[name], folders[name]) for name in sorted(split, key=order.index)]


def _list_part(folder: Path, split: str | None) -> Listing:
    folders = _folders(folder)
    for name in ("images", "masks"):
        if name not in folders:
            raise DataError(
                f"{folder}: no folder {name}/; images go to images/, their label images to masks/"
            )
    images, other_images = _by_name(folders["images"])
    masks, other_masks = _by_name(folders["masks"])
    partner = _partners(images, masks)
    taken = set(partner.values())
    twice = [files for files in (*images.values(), *masks.values()) if len(files) > 1]
    return Listing(
        folder,
        tuple(
            Record(name, images[name][0], masks[mask][0], split)
            for name, mask in sorted(partner.items())
            if len(images[name]) == len(masks[mask]) == 1
        ),
        tuple(file for name, files in images.items() if name not in partner for file in files),
        tuple(file for name, files in masks.items() if name not in taken for file in files),
        tuple(file for files in twice for file in files),
        tuple(other_images + other_masks),
    )


def _partners(images: Iterable[str], masks: Iterable[str]) -> dict[str, str]:
    """Mask name by image name: the same, or else the only one that differs by the case of its letters."""
    exact = set(images) & set(masks)
    partner = {name: name for name in exact}
    left: dict[str, tuple[list[str], list[str]]] = {}
    for side, names in enumerate((images, masks)):
        for name in names:
            if name not in exact:
                left.setdefault(name.casefold(), ([], []))[side].append(name)
    partner.update({i[0]: m[0] for i, m in left.values() if len(i) == len(m) == 1})
    return partner


def _by_name(folder: Path) -> tuple[dict[str, list[Path]], list[Path]]:
    """Image files by name without suffix, and files of other kinds."""
    groups: dict[str, list[Path]] = {}
    other: list[Path] = []
    for file in sorted(folder.iterdir()):
        if file.is_dir() or file.name.startswith(".") or file.name.casefold() in _JUNK:
            continue
        if file.suffix.lower() in io.SUFFIXES:
            # macOS decomposes accents in file names, other systems do not.
            groups.setdefault(unicodedata.normalize("NFC", image_name(file)), []).append(file)
        else:
            other.append(file)
    return groups, other


def _folders(root: Path) -> dict[str, Path]:
    """Folders inside `root` by name in small letters."""
    return {f.name.casefold(): f for f in sorted(root.iterdir()) if f.is_dir() and not f.name.startswith(".")}
