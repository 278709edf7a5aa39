"""Where in an annotated folder the files lie that state classes; see `stellate.data.classes`."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..io.class_file import CLASS_SUFFIXES
from ..io.pictures import image_name
from .listing import Listing, Record

__all__ = ["composed", "entries", "files_beside_masks", "files_of_many"]


def files_beside_masks(listing: Listing) -> Iterator[tuple[Path, Path]]:
    """Files that state classes of one mask, and the mask."""
    exact = {(r.mask_path.parent, composed(image_name(r.mask_path))): r.mask_path for r in listing.records}
    folded: dict[tuple[Path, str], list[Path]] = {}
    for (folder, name), mask in exact.items():
        folded.setdefault((folder, name.casefold()), []).append(mask)
    for folder in sorted({r.mask_path.parent for r in listing.records}):
        for file in entries(folder):
            if file.suffix.lower() not in CLASS_SUFFIXES:
                continue
            name = composed(file.stem)
            masks = (
                [exact[folder, name]]
                if (folder, name) in exact
                else folded.get((folder, name.casefold()), [])
            )
            if len(masks) == 1:
                yield file, masks[0]


def files_of_many(listing: Listing) -> Iterator[tuple[Path, dict[str, list[Path]]]]:
    """Files that state classes of many masks, and the masks by what their images may be called."""
    parts = {r.mask_path.parent.parent for r in listing.records}
    for folder in sorted({listing.root, *parts}):
        records = [r for r in listing.records if folder in (listing.root, r.mask_path.parent.parent)]
        for file in entries(folder):
            if file.stem.casefold() == "classes" and file.suffix.lower() in CLASS_SUFFIXES:
                yield file, _by_image(records)


def _by_image(records: Iterable[Record]) -> dict[str, list[Path]]:
    masks: dict[str, list[Path]] = {}
    for record in records:
        for name in dict.fromkeys((record.name, composed(record.image_path.name))):
            masks.setdefault(name, []).append(record.mask_path)
            if record.split:
                masks.setdefault(f"{record.image_path.parent.parent.name}/{name}", []).append(
                    record.mask_path
                )
    return masks


def entries(folder: Path) -> list[Path]:
    """Files in a folder, without hidden ones, sorted."""
    return sorted(f for f in folder.iterdir() if f.is_file() and not f.name.startswith("."))


def composed(name: str) -> str:
    """A name with its accents in one piece."""
    # macOS decomposes accents in file names, other systems do not.
    return unicodedata.normalize("NFC", name)
