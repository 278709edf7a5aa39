"""Which kinds of annotated data a path may be, by the names of files and folders and the headings of tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import DataError, StellateError
from ..io.box_table import SIDE_COLUMNS
from ..io.class_table import CLASS_COLUMN, FILE_COLUMN
from ..io.rows import read_headings
from .box_sources import split_in_name
from .class_files import entries
from .findings import first_few
from .image_files import IMAGE_FOLDERS, images_in
from .listing import SPLITS
from .yolo_texts import yolo_signs

__all__ = ["Form", "Layout", "base_of", "layouts"]

Form = Literal["masks", "voc", "coco", "yolo", "box table", "class table", "class folders"]
"""How an annotation is laid out."""

_WHAT: dict[Form, str] = {
    "masks": "images/ and masks/",
    "voc": "XML files of Pascal VOC",
    "coco": "JSON of COCO",
    "yolo": "YOLO",
    "box table": "a table of boxes",
    "class table": "a table of classes",
    "class folders": "a folder for each class",
}
# Tables of these names were put there for all who read the folder; others count only where there is nothing else.
_USUAL = {"labels", "class_labels", "classes", "boxes", "annotations", "_annotations"}
_COCO_NAMES = ("coco", "instances", "annotation", "boxes", "labels")
# As in cell_masks; masked cells may be a class.
_MASKS = re.compile(r"masks?(?![a-z])")
_NO_CLASSES = {*SPLITS, *IMAGE_FOLDERS, "masks", "labels", "annotations", "imagesets"}


@dataclass(frozen=True)
class Layout:
    """One way in which a path can be understood.

    Attributes
    ----------
    form
        How it is laid out.
    parts
        For each part the folder in which images are looked for, the part's name or None, and the files or folders that
        state what is in the images.
    """

    form: Form
    parts: tuple[tuple[Path, str | None, tuple[Path, ...]], ...]

    def __str__(self) -> str:
        files = [file.name for _, _, files in self.parts for file in files]
        return f"{_WHAT[self.form]} ({first_few(files, most=2)})" if files else _WHAT[self.form]

    @property
    def file(self) -> Path | None:
        """The only file of it, which can be named in place of the folder; None if there is no such file."""
        files = [file for _, _, files in self.parts for file in files]
        named = self.form in ("coco", "yolo", "box table", "class table")
        return files[0] if len(files) == 1 and named and files[0].is_file() else None

    @property
    def usual(self) -> bool:
        """Whether it cannot be overlooked: all but tables of names that nobody expects."""
        if self.form not in ("box table", "class table"):
            return True
        stems = [file.stem.casefold() for _, _, files in self.parts for file in files]
        return all(stem in _USUAL or split_in_name(stem) for stem in stems)


def layouts(path: str | Path) -> list[Layout]:
    """All ways in which a file or folder can be understood.

    Raises
    ------
    DataError
        If there is no such path, or a file is none of annotations.
    """
    path = Path(path)
    if path.is_dir():
        return _of_folder(path)
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder; name annotated data")
    return [_of_file(path)]


def base_of(folder: Path) -> Path:
    """The folder beside or in which images lie: that above ``annotations/``, which may have been named itself."""
    return folder.parent if folder.name.casefold() == "annotations" else folder


def _of_file(file: Path) -> Layout:
    suffix = file.suffix.lower()
    if suffix == ".json":
        form: Form = "coco"
    elif suffix in (".yaml", ".yml"):
        form = "yolo"
    elif suffix == ".csv":
        headings = read_headings(file)
        # a table of neither kind is read as one of classes, which says what is missing
        form = _form(headings) or ("box table" if _sides(headings) else "class table")
    else:
        raise DataError(
            f"{file}: a {suffix or 'file without suffix'}, where a folder, a table (.csv), COCO (.json) or YOLO "
            "(.yaml) is expected; name the folder that holds the annotated images"
        )
    return Layout(form, ((base_of(file.parent), None, (file,)),))


def _of_folder(root: Path) -> list[Layout]:
    found = [Layout(form, ((folder, None, files),)) for form, folder, files in _forms(root)]
    order = list(SPLITS)
    inner = [f for f in _folders(root) if f.name.casefold() in SPLITS]
    by_form: dict[Form, list[tuple[Path, str | None, tuple[Path, ...]]]] = {}
    # a data.yaml speaks for the parts beside it
    whole = {layout.form for layout in found if layout.form == "yolo"}
    for folder in sorted(inner, key=lambda f: order.index(f.name.casefold())):
        for form, where, files in _forms(folder):
            if form in whole:
                continue
            by_form.setdefault(form, []).append((where, SPLITS[folder.name.casefold()], files))
    found += [Layout(form, tuple(parts)) for form, parts in by_form.items()]
    return found


def _forms(folder: Path) -> Iterator[tuple[Form, Path, tuple[Path, ...]]]:
    """How a folder, or a part of one, can be understood: the form, where images are, and what states it."""
    found = [*_annotated_forms(folder)]
    yield from found
    classes = [f for f in _folders(folder) if _may_be_class(f)]
    # where something else is annotated, a single folder of further images is no class
    if sum(bool(images_in(f)) for f in classes) > (1 if found else 0):
        yield "class folders", folder, tuple(classes)


def _annotated_forms(folder: Path) -> Iterator[tuple[Form, Path, tuple[Path, ...]]]:
    """Those with files of annotations."""
    inner = {f.name.casefold(): f for f in _folders(folder)}
    if {"images", "masks"} <= inner.keys():
        yield "masks", folder, ()
    own = images_in(folder)
    beside = [folder] if own or inner.keys() & set(IMAGE_FOLDERS) else []
    base = folder if beside else base_of(folder)
    noted = [folder] if base != folder else [*beside, *(inner[n] for n in ("annotations",) if n in inner)]
    if xml := [f for where in noted for f in entries(where) if f.suffix.lower() == ".xml"]:
        yield "voc", base, tuple(xml)
    if files := [f for where in (folder, *noted) for f in _coco_files(where)]:
        yield "coco", base, tuple(dict.fromkeys(files))
    yield from (("yolo", folder, signs) for signs in yolo_signs(folder))
    yield from _tables(folder)


def _coco_files(folder: Path) -> list[Path]:
    found = [f for f in entries(folder) if f.suffix.lower() == ".json"]
    if folder.name.casefold() != "annotations":
        return [f for f in found if any(n in f.stem.casefold() for n in _COCO_NAMES)]
    # COCO itself has captions and key points beside the boxes
    return [f for f in found if "instances" in f.stem.casefold()] or found


def _tables(folder: Path) -> Iterator[tuple[Form, Path, tuple[Path, ...]]]:
    """Tables: those of one form that are called as parts are, together, and each other for itself."""
    by_form: dict[Form, list[Path]] = {}
    for file in entries(folder):
        if file.suffix.lower() == ".csv" and (form := _form(_headings(file))):
            by_form.setdefault(form, []).append(file)
    for form, files in by_form.items():
        parts = [f for f in files if split_in_name(f.stem)]
        if len({split_in_name(f.stem) for f in parts}) < len(parts):
            parts = []
        if parts:
            yield form, folder, tuple(parts)
        yield from ((form, folder, (file,)) for file in files if file not in parts)


def _headings(file: Path) -> Sequence[str]:
    try:
        return read_headings(file)
    except (StellateError, OSError):
        return ()


def _form(headings: Sequence[str]) -> Form | None:
    has: Callable[[Sequence[str]], int] = lambda called: sum(h in called for h in headings)  # noqa: E731
    if has(FILE_COLUMN) != 1:
        return None
    if _sides(headings):
        return "box table"
    # with label and class, it is a table of the objects in masks
    return "class table" if has(CLASS_COLUMN) == 1 else None


def _sides(headings: Sequence[str]) -> bool:
    return all(any(h in called for h in headings) for called in SIDE_COLUMNS.values())


def _may_be_class(folder: Path) -> bool:
    """Whether a folder has images, or nothing but files of other kinds, and no name that means something else."""
    name = folder.name.casefold()
    return not (name in _NO_CLASSES or _MASKS.search(name)) and (
        bool(images_in(folder)) or not _folders(folder)
    )


def _folders(root: Path) -> list[Path]:
    return sorted(f for f in root.iterdir() if f.is_dir() and not f.name.startswith("."))
