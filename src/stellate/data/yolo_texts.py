"""Which text of YOLO belongs to which image: that in ``labels/`` beside ``images/``, or beside the image itself."""

from __future__ import annotations

from pathlib import Path

from ..io.annotation_text import SPLIT_NAMES
from ..io.pictures import image_name
from .class_files import composed, entries
from .image_files import images_below, images_in

__all__ = ["YoloTexts", "name_files", "yolo_signs"]

_NAME_FILES = ("classes.txt", "class_names.txt")
_YAML = (".yaml", ".yml")
_DEEPEST = 8  # folders in folders; links may lead in a circle


def yolo_signs(folder: Path) -> list[tuple[Path, ...]]:
    """What says that a folder holds YOLO's data: each of its data.yaml; else ``labels/``, else a list of names.

    A YAML counts if it names classes and parts; texts do if they are called as images are.
    """
    files = entries(folder)
    if found := [(f,) for f in files if f.suffix.lower() in _YAML and _states_parts(f)]:
        return list(found)
    inner = {f.name.casefold(): f for f in _folders(folder)}
    if {"images", "labels"} <= inner.keys():
        called = {composed(f.stem) for f in images_below(inner["images"])}
        below = [text for place in _below(inner["labels"]) for text in _texts(place)]
        return [(inner["labels"],)] if any(composed(t.stem) in called for t in below) else []
    listed = [f for f in files if f.name.casefold() == "classes.txt" or f.suffix.lower() == ".names"]
    called = {composed(f.stem) for f in images_in(folder)}
    return [(listed[0],)] if listed and any(composed(t.stem) in called for t in _texts(folder)) else []


def name_files(folder: Path) -> list[Path]:
    """Lists of class names in a folder or in its ``labels/``, of a part else above it; those for YOLO before others."""
    inner = [f for f in _folders(folder) if f.name.casefold() == "labels"]
    above = [folder.parent] if folder.name.casefold() in SPLIT_NAMES else []
    for places in ([folder, *inner], above):
        files = [f for place in places for f in entries(place)]
        for wanted in _NAME_FILES:
            listed = [f for f in files if f.name.casefold() == wanted]
            if wanted == _NAME_FILES[0]:
                listed += [f for f in files if f.suffix.lower() == ".names"]
            if listed:
                return listed
    return []


class YoloTexts:
    """The texts of images.

    Where an image lies in ``images/``, at whatever depth, and ``labels/`` lies beside that, its text lies at the same
    place there; else beside the image.

    Parameters
    ----------
    base
        The folder of the data, above which no folder counts.
    """

    def __init__(self, base: Path) -> None:
        self._base = base
        self._places: dict[Path, Path] = {}
        """Folders of texts by the folders of images that were asked for."""
        self._texts: dict[Path, dict[str, Path]] = {}
        """Texts by name, in each folder that was looked into."""

    def of(self, image: Path) -> Path | None:
        """The text of an image; None if there is none."""
        if image.parent not in self._places:
            self._places[image.parent] = self._place(image.parent)
        texts = self._in(self._places[image.parent])
        return next((texts[name] for name in _called(image) if name in texts), None)

    def without_image(self, labels: Path | None = None) -> list[Path]:
        """Texts in the folders looked into, and below `labels`, that are called as no image is.

        Texts beside images are passed over unless they begin with numbers: they may be notes.
        """
        known: dict[Path, set[str]] = {folder: set() for folder in (_below(labels) if labels else ())}
        for images, folder in self._places.items():
            known.setdefault(folder, set()).update(n for image in images_in(images) for n in _called(image))
        return [
            text
            for folder, names in known.items()
            for name, text in self._in(folder).items()
            if name not in names and (folder not in self._places or _begins_with_numbers(text))
        ]

    def _place(self, images: Path) -> Path:
        """Where the texts of the images in a folder lie."""
        start = self._base if images.is_relative_to(self._base) else Path(images.anchor)
        parts = images.relative_to(start).parts
        for k in range(len(parts) - 1, -1, -1):
            if parts[k].casefold() == "images":
                inner = _folders(start.joinpath(*parts[:k]))
                labels = next((f for f in inner if f.name.casefold() == "labels"), None)
                return images if labels is None else labels.joinpath(*parts[k + 1 :])
        return images

    def _in(self, folder: Path) -> dict[str, Path]:
        if folder not in self._texts:
            texts = _texts(folder) if folder.is_dir() else []
            self._texts[folder] = {composed(f.stem): f for f in texts}
        return self._texts[folder]


def _called(image: Path) -> tuple[str, ...]:
    """What the text of an image may be called: as its file, ``.ome`` included or not."""
    return tuple(dict.fromkeys((composed(image.stem), composed(image_name(image)))))


def _texts(folder: Path) -> list[Path]:
    return [f for f in entries(folder) if f.suffix.lower() == ".txt" and f.name.casefold() not in _NAME_FILES]


def _states_parts(file: Path) -> bool:
    """Whether a YAML has names and parts at the beginning of lines; whether it is whole, its reader sees."""
    try:
        with file.open(encoding="utf-8-sig", errors="replace") as text:
            keys = {
                line.split(":")[0].strip().strip("'\"")
                for line in text.read(2**18).split("\n")
                if ":" in line
            }
    except OSError:
        return False
    return "names" in keys and not keys.isdisjoint(("train", "val", "valid", "test"))


def _begins_with_numbers(text: Path) -> bool:
    try:
        with text.open(encoding="utf-8-sig", errors="replace") as file:
            cells = file.readline(1000).split()
    except OSError:
        return False
    return len(cells) > 4 and all(cell.replace(".", "", 1).isdecimal() for cell in cells[:5])


def _below(folder: Path, depth: int = _DEEPEST) -> list[Path]:
    """A folder and those in it."""
    inner = [f for one in _folders(folder) for f in _below(one, depth - 1)] if depth else []
    return [folder, *inner]


def _folders(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))
