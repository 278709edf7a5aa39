"""Annotated folders: ``images/`` beside ``masks/``, or such a pair in each of ``train/``, ``val/`` and
``test/``.

An image and its mask have the same name; the suffix may differ, and so may the case of the letters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import overload

from .. import io
from ..axes import Image
from ..errors import DataError
from ..results import Instances

__all__ = ["Dataset", "Listing", "Record", "list_pairs", "open_folder"]

SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
"""Folder names that hold a part of the data, and what the part is called."""

# Written by file managers, never by a microscope.
_JUNK = {"thumbs.db", "desktop.ini", "icon\r", "ehthumbs.db"}
_NAMED_IN_ERRORS = 8


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


@dataclass(frozen=True, eq=False)
class Dataset(Sequence[Record]):
    """Images and their annotations, read when asked for.

    As a sequence it holds `Record`; a slice of it is a dataset again.

    Attributes
    ----------
    root
        The folder it was opened from.
    records
        The pairs.
    axes
        Axes of the image files where the user named them, else None.
    class_names
        Names of the object classes; empty if there is only one class.
    """

    root: Path
    records: tuple[Record, ...]
    axes: str | None = None
    class_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Dataset: ...
    def __getitem__(self, index: int | slice) -> Record | Dataset:
        if isinstance(index, slice):
            return replace(self, records=self.records[index])
        return self.records[index]

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the parts that the folder is divided into; empty if it is not."""
        return tuple(s for s in dict.fromkeys(SPLITS.values()) if any(r.split == s for r in self.records))

    def split(self, name: str) -> Dataset:
        """The part called ``"train"``, ``"val"`` or ``"test"``.

        Raises
        ------
        DataError
            If the folder has no such part.
        """
        part = tuple(r for r in self.records if r.split == name)
        if not part:
            have = ", ".join(self.splits) or "none"
            raise DataError(f"{self.root}: no part is called {name!r}; parts of this folder: {have}")
        return replace(self, records=part)

    def subset(self, indices: Iterable[int]) -> Dataset:
        """The records at these positions, in this order."""
        return replace(self, records=tuple(self.records[i] for i in indices))

    def image(self, index: int) -> Image:
        """Read an image.

        Raises
        ------
        InputError
            If the file cannot be read as an image.
        """
        return io.read(self.records[index].image_path, axes=self.axes)

    def annotation(self, index: int) -> Instances:
        """Read the mask that belongs to an image; ids become contiguous from 1.

        Raises
        ------
        InputError
            If the file cannot be read as a label image.
        """
        labels, _ = io.read_labels(self.records[index].mask_path)
        return Instances(labels, class_names=self.class_names)

    def pair(self, index: int) -> tuple[Image, Instances]:
        """Read an image and its annotation, and see to it that they cover the same pixels.

        Raises
        ------
        DataError
            If the spatial shapes differ.
        InputError
            If either file cannot be read.
        """
        image, annotation = self.image(index), self.annotation(index)
        expected = tuple(image.sizes[a] for a in image.spatial_axes)
        if annotation.labels.shape != expected:
            record = self.records[index]
            raise DataError(
                f"{record.mask_path}: the mask has shape {annotation.labels.shape}, but "
                f"{record.image_path.name} has "
                f"{expected} along {image.spatial_axes}; "
                "export the mask at the image's size, or name the image's axes"
            )
        return image, annotation


def open_folder(path: str | Path, *, axes: str | None = None) -> Dataset:
    """Open an annotated folder. Only file names are looked at; images are read when asked for.

    Parameters
    ----------
    path
        Folder with ``images/`` and ``masks/``, or with ``train/``, ``val/``, ``test/`` that hold such a pair
        each.
    axes
        Axes of the image files, e.g. ``"YXC"``, where they do not say so themselves.

    Raises
    ------
    DataError
        If the folder is missing or laid out differently, holds no pair, or if a file has no partner.
    """
    listing = list_pairs(path)
    root = listing.root
    if listing.ambiguous:
        raise DataError(
            f"{root}: several files share a name: {_names(listing.ambiguous, root)}; keep one of each"
        )
    if listing.images_without_mask:
        raise DataError(
            f"{root}: no mask of the same name for {_names(listing.images_without_mask, root)}; "
            "add the masks (an empty label image where there are no objects) or take the images out"
        )
    if listing.masks_without_image:
        raise DataError(
            f"{root}: no image of the same name for {_names(listing.masks_without_image, root)}; "
            "add the images or take the masks out"
        )
    if not listing.records:
        seen = f"; files of other kinds: {_names(listing.ignored, root)}" if listing.ignored else ""
        raise DataError(f"{root}: no images; expected {', '.join(io.SUFFIXES)} in images/ and masks/{seen}")
    return Dataset(root, listing.records, axes)


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
    split = [(SPLITS[name], folder) for name, folder in folders.items() if name in SPLITS]
    if flat and split:
        both = "/, ".join([*sorted(flat), split[0][1].name])
        raise DataError(f"{root}: holds {both}/; keep either images/ and masks/ or the parts")

    if not flat and not split:
        have = f"it holds the folders {', '.join(sorted(folders))}" if folders else "it holds no folders"
        raise DataError(
            f"{root}: expected folders images/ and masks/, or train/ and val/ with such a pair; {have}"
        )
    if flat:
        return [(None, root)]
    order = list(SPLITS.values())
    return sorted(split, key=lambda part: (order.index(part[0]), part[1].name))


def _list_part(folder: Path, split: str | None) -> Listing:
    folders = _folders(folder)
    for name in ("images", "masks"):
        if name not in folders:
            raise DataError(
                f"{folder}: no folder {name}/; images go to images/, their label images to masks/"
            )
    images, twice_images, other_images = _by_stem(folders["images"])
    masks, twice_masks, other_masks = _by_stem(folders["masks"])
    partner = _partners(list(images), list(masks))
    records = tuple(
        Record(stem, images[stem], masks[partner[stem]], split) for stem in images if stem in partner
    )
    taken = set(partner.values())
    return Listing(
        folder,
        records,
        tuple(file for stem, file in images.items() if stem not in partner),
        tuple(file for stem, file in masks.items() if stem not in taken),
        tuple(twice_images + twice_masks),
        tuple(other_images + other_masks),
    )


def _partners(images: list[str], masks: list[str]) -> dict[str, str]:
    """Mask stem by image stem: the same name, or else one that differs by the case of its letters."""
    exact = set(images) & set(masks)
    partner = {stem: stem for stem in exact}
    folded: dict[str, list[str]] = {}
    for stem in masks:
        if stem not in exact:
            folded.setdefault(stem.casefold(), []).append(stem)
    for stem in images:
        if stem not in exact and folded.get(stem.casefold()):
            partner[stem] = folded[stem.casefold()].pop()
    return partner


def _by_stem(folder: Path) -> tuple[dict[str, Path], list[Path], list[Path]]:
    """Image files by name without suffix; files that share a name; and files of other kinds."""
    groups: dict[str, list[Path]] = {}
    other: list[Path] = []
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.is_dir() or file.name.startswith(".") or file.name.casefold() in _JUNK:
            continue
        stem = _stem(file.name)
        if stem is None:
            other.append(file)
        else:
            groups.setdefault(stem, []).append(file)
    shared = [file for files in groups.values() if len(files) > 1 for file in files]
    return {stem: files[0] for stem, files in groups.items() if len(files) == 1}, shared, other


def _stem(name: str) -> str | None:
    """File name without an image suffix (the longest that fits: ``.ome.tif`` before ``.tif``), or None."""
    fitting = [s for s in io.SUFFIXES if name.lower().endswith(s) and len(name) > len(s)]
    return name[: -max(map(len, fitting))] if fitting else None


def _folders(root: Path) -> dict[str, Path]:
    """Folders inside `root` by name in small letters."""
    return {f.name.casefold(): f for f in sorted(root.iterdir()) if f.is_dir() and not f.name.startswith(".")}


def _names(files: Sequence[Path], root: Path) -> str:
    shown = ", ".join(f.relative_to(root).as_posix() for f in files[:_NAMED_IN_ERRORS])
    more = len(files) - _NAMED_IN_ERRORS
    return f"{shown} and {more} more" if more > 0 else shown
