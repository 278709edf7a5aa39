"""Reading what is said of the class of whole images: folders named by classes, and tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..errors import StellateError
from ..io.class_table import read_class_table
from .box_sources import split_in_name
from .class_files import composed
from .findings import Finding, Severity, first_few
from .image_files import ImageFiles, images_in

__all__ = ["StatedClass", "folders_passed_over", "from_class_folders", "from_class_tables"]


class StatedClass(NamedTuple):
    """An image and its class, by name.

    Attributes
    ----------
    image
        The image's file.
    source
        The file or folder that says it.
    name
        The class.
    split, group
        As in `ClassRecord`.
    """

    image: Path
    source: Path
    name: str
    split: str | None = None
    group: str = ""


def from_class_folders(
    folders: Sequence[Path], split: str | None = None
) -> tuple[list[StatedClass], list[Finding]]:
    """The images of folders that are called as their class is."""
    stated, findings = [], []
    for folder in folders:
        images = images_in(folder)
        if not images:
            what = f"the folder of the class {folder.name!r} holds no images"
            findings.append(Finding(Severity.ERROR, folder, what, "put some in, or remove the folder"))
        stated += [StatedClass(image, folder, composed(folder.name), split) for image in images]
    return stated, findings


def folders_passed_over(folder: Path, classes: Sequence[Path]) -> list[Finding]:
    """Folders of images beside those of classes, whose names say that they are something else."""
    beside = sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))
    others = [repr(f.name) for f in beside if f not in classes and images_in(f)]
    if not others:
        return []
    what = f"images in {first_few(others)} are not used: such a name is taken for something else than a class"
    return [Finding(Severity.WARNING, folder, what, "rename the folder if it is a class")]


def from_class_tables(folder: Path, files: Sequence[Path]) -> tuple[list[StatedClass], list[Finding]]:
    """The images that tables name, of which several are parts by their names."""
    stated: list[StatedClass] = []
    findings: list[Finding] = []
    images = ImageFiles(folder)
    for file in files:
        part = split_in_name(file.stem) if len(files) > 1 else None
        try:
            rows = read_class_table(file)
        except (StellateError, OSError) as error:
            findings.append(Finding.from_error(file, error, "replace it, or take it out"))
            continue
        for row in rows:
            try:
                image = images.find(row.file, f"{file}: line {row.line}")
            except StellateError as error:
                findings.append(Finding.from_error(file, error, "add the image, or take the row out"))
                continue
            stated.append(StatedClass(image, file, row.name, row.split or part, row.group))
    return stated, findings
