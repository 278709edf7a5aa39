"""From boxes in any layout to boxes in another: everything is written, or nothing is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from ..errors import ConfigError, DataError, InputError, OutputError
from ..io.atomic import atomic_folder
from ..io.image_boxes import ImageBoxes
from ..io.pictures import image_name
from ..io.sizes import image_size
from .box_dataset import BoxDataset, BoxRecord
from .box_faults import BadBoxes
from .box_layouts import BOX_LAYOUTS
from .class_files import composed
from .findings import first_few, images_named

__all__ = ["Converted", "ImagesAs", "To", "check_words", "file_names", "write_boxes"]

To = Literal["voc", "coco", "yolo", "csv", "masks"]
ImagesAs = Literal["copy", "link", "none"]

_WRITTEN = {
    "jpegimages",
    "images",
    "annotations",
    "imagesets",
    "labels",
    "masks",
    "train",
    "val",
    "test",
    "data.yaml",
    "boxes.csv",
    "class_names.txt",
}
"""What a converted folder may hold, and nothing else may where one is replaced."""


@dataclass(frozen=True)
class Converted:
    """What was written.

    Attributes
    ----------
    folder
        Where.
    title
        The layout.
    n_images
        Number of images.
    class_counts
        Number of boxes of each class.
    notes
        What was left out, changed, or has no place in the layout.
    """

    folder: Path
    title: str
    n_images: int
    class_counts: Mapping[str, int]
    notes: tuple[str, ...] = ()

    @property
    def n_boxes(self) -> int:
        """Number of boxes."""
        return sum(self.class_counts.values())


def check_words(to: str, images: str, bad_boxes: str) -> None:
    """See that a conversion is asked for in known words, before anything is read.

    Raises
    ------
    ConfigError
        If one is not.
    """
    for name, value, kind in (
        ("to", to, To),
        ("images", images, ImagesAs),
        ("bad_boxes", bad_boxes, BadBoxes),
    ):
        if value not in (known := get_args(kind)):
            raise ConfigError(f"{name} {value!r}: expected one of {', '.join(known)}")


def write_boxes(
    dataset: BoxDataset,
    folder: str | os.PathLike[str],
    to: To,
    *,
    images: ImagesAs = "copy",
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Converted:
    """Write images with boxes in another layout. If it does not come to its end, nothing is left.

    Parameters
    ----------
    dataset
        Images and boxes. Names of classes keep their order, images their parts.
    folder
        The folder to make.
    to
        The layout: a key of `BOX_LAYOUTS`.
    images
        Whether images are copied, linked to, or left where they are.
    overwrite
        Whether an earlier conversion in the same folder is replaced.
    progress
        Called with the images done and their number.

    Raises
    ------
    DataError
        If there are no images, or the layout cannot hold what is annotated: overlapping boxes as label images; images
        of no part beside others of parts in YOLO and as label images; numbers that a table would change.
    InputError
        If an image's size cannot be read.
    OutputError
        If the folder is there already and not to be replaced, or holds other files or the data themselves; if the disk
        is full or does not permit it.
    """
    target, layout = Path(folder), BOX_LAYOUTS[to]
    if not len(dataset):
        raise DataError(
            f"{dataset.root}: no images, so that there is nothing to convert; name annotated data"
        )
    _check_target(target, dataset, overwrite)
    called = file_names(dataset.records, dataset.root)
    stated = [_stated(dataset, k, name) for k, name in enumerate(called)]
    notes = [*_notes(dataset, called)]
    with atomic_folder(target, replace=overwrite) as draft:
        try:
            notes += layout.write(draft, stated, dataset.class_names)
        except DataError as error:
            raise DataError(f"{dataset.root}: {error}") from error
        for done, (record, image) in enumerate(zip(dataset.records, stated, strict=True), start=1):
            if images != "none":
                _bring(record.image_path, draft / layout.folder(image.split) / image.file, images)
            if progress is not None:
                progress(done, len(stated))
    if images == "none":
        where = " or ".join(dict.fromkeys(f"{layout.folder(image.split)}/" for image in stated))
        notes.append(f"images were left where they are: put them into {where} before the data are used")
    elif images == "link":
        notes.append("images are links: they are gone when the originals are moved")
    counts = dict(zip(dataset.class_names, dataset.counts().tolist(), strict=True))
    return Converted(target, layout.title, len(dataset), counts, tuple(notes))


def file_names(records: Sequence[BoxRecord], root: Path) -> list[str]:
    """What image files are called in one folder with all others, of which no two may differ by suffix or case only.

    The first keeps its name; others are called by their path in `root`, with a number where that does not help.
    """
    taken: set[str] = set()
    names = []
    for record in records:
        for name in _candidates(record.image_path, root):
            key = composed(image_name(Path(name))).casefold()
            if key not in taken:
                taken.add(key)
                names.append(name)
                break
    return names


def _notes(dataset: BoxDataset, called: Sequence[str]) -> Iterator[str]:
    """What is said before anything is written."""
    yield from (f"left out: {count} {reason}" for reason, count in dataset.left_out.items())
    files = [record.image_path.name for record in dataset.records]
    if renamed := [file for file, name in zip(files, called, strict=True) if file != name]:
        yield f"new names for {images_named(renamed)}, as others have the same"


def _candidates(file: Path, root: Path) -> Iterator[str]:
    yield file.name
    inside = file.relative_to(root).parts if file.is_relative_to(root) else (file.parent.name, file.name)
    yield "_".join(inside)
    name = image_name(file)
    end = file.name[len(name) :]
    number = 2
    while True:
        yield "_".join([*inside[:-1], f"{name}_{number}{end}"])
        number += 1


def _stated(dataset: BoxDataset, index: int, name: str) -> ImageBoxes:
    record = dataset[index]
    return ImageBoxes(
        name,
        record.boxes_xyxy.astype(np.float64),
        tuple(dataset.class_names[k] for k in record.classes),
        size=image_size(record.image_path, axes=dataset.axes),
        split=record.split,
        group=record.group,
    )


def _check_target(target: Path, dataset: BoxDataset, overwrite: bool) -> None:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not target.is_dir():
        raise OutputError(f"{target}: is a file; name a folder")
    within = target.resolve()
    sources = (dataset.root, *(record.image_path for record in dataset.records))
    if any(source.resolve().is_relative_to(within) for source in sources):
        raise OutputError(f"{target}: the data themselves lie there; name another folder")
    if not overwrite:
        raise OutputError(
            f"{target}: is there already, and not empty; name another folder, or replace it: --overwrite"
        )
    if others := sorted(f.name for f in target.iterdir() if f.name.casefold() not in _WRITTEN):
        raise OutputError(
            f"{target}: holds other files than converted data ({first_few(others, most=4)}), which would be lost; take "
            "them away, or name another folder"
        )


def _bring(source: Path, target: Path, images: ImagesAs) -> None:
    """Copy an image, or link to it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if images == "link":
        try:
            target.symlink_to(source.resolve())
        except (NotImplementedError, OSError) as error:
            raise OutputError(
                f"cannot link {target.name} to {source} ({error}); copy images, or leave them where they are"
            ) from error
        return
    try:
        shutil.copyfile(source, target)
    except (FileNotFoundError, PermissionError) as error:
        # that of the target's folder, which was just made, is no likely reason
        if error.filename in (source, os.fspath(source)):
            raise InputError(
                f"{source}: cannot be read ({error.strerror}); see whether it is still there"
            ) from error
        raise
