"""Reading YOLO's data: ``data.yaml`` with images and texts of boxes, or images and texts with a list of names."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import DataError, InputError, StellateError
from ..io.annotation_text import SPLIT_NAMES, check_size
from ..io.content import damaged_file_errors
from ..io.image_boxes import ImageBoxes
from ..io.sizes import image_size
from ..io.yolo_data import YoloData, read_names, read_yolo_data
from ..io.yolo_text import read_yolo
from .findings import Finding, Severity, images_named
from .image_files import ImageFiles, images_below, images_in
from .stated import StatedBoxes, StatedImage
from .yolo_texts import YoloTexts, name_files

__all__ = ["from_yolo"]

_REPLACE = "replace it, or take it out"
_MOST_BYTES = 2**28

Parts = Mapping[str | None, Sequence[Path]]


def from_yolo(folder: Path, files: tuple[Path, ...], *, axes: str | None = None) -> StatedBoxes:
    """Read YOLO's data.

    Parameters
    ----------
    folder
        Above which no folder counts.
    files
        ``data.yaml``, whose parts are taken if there are several; or the folder ``labels/``, or a list of names, beside
        which images are looked for. Those in ``images/train/`` and its like are then of that part.
    axes
        Axes of the image files where they do not say so; boxes are shares of their sides.
    """
    stated = StatedBoxes()
    (file,) = files
    try:
        if file.suffix.lower() in (".yaml", ".yml"):
            data = read_yolo_data(file)
            names, parts = data.names, _stated_parts(file, data, stated)
        else:
            names, parts = _listed(folder), _found_parts(folder, file)
    except (StellateError, OSError) as error:
        stated.findings.append(Finding.from_error(file, error, _REPLACE))
        return stated
    stated.class_order = tuple(names.values())
    texts = YoloTexts(folder)
    _read(stated, _only_once(parts, file, stated), texts, names, axes)
    for text in texts.without_image(file if file.is_dir() else None):
        what = "no image of the same name"
        stated.findings.append(Finding(Severity.ERROR, text, what, "add the image, or take the text out"))
    return stated


def _read(
    stated: StatedBoxes, parts: Parts, texts: YoloTexts, names: Mapping[int, str], axes: str | None
) -> None:
    """Take down the boxes of all images."""
    taken: dict[Path, Path] = {}
    without: list[str] = []
    n_outlines = 0
    for split, images in parts.items():
        for image in images:
            text = texts.of(image)
            if text is None:
                without.append(image.name)
            elif taken.setdefault(text, image) != image:
                what = f"belongs to {taken[text].name} and to {image.name}"
                stated.findings.append(Finding(Severity.ERROR, text, what, "rename one of the images"))
                continue
            try:
                boxes, more = _boxes(image, text, names, axes)
            except (StellateError, OSError) as error:
                stated.findings.append(Finding.from_error(text or image, error, _REPLACE))
                continue
            n_outlines += more
            stated.images.append(StatedImage(image, text or image, boxes, split))
    if without:
        what = f"{images_named(without)} without a text, taken to have no boxes"
        stated.findings.append(
            Finding(Severity.NOTE, None, what, "as intended where nothing is in them; else annotate them")
        )
    if n_outlines:
        what = f"{n_outlines} outline{'s'[: n_outlines != 1]}, of which the boxes around are taken"
        stated.findings.append(
            Finding(Severity.NOTE, None, what, "as intended where boxes are to be learned")
        )


def _boxes(
    image: Path, text: Path | None, names: Mapping[int, str], axes: str | None
) -> tuple[ImageBoxes, int]:
    """The boxes of an image, and how many are outlines. Of an image that cannot be read its reader will say so."""
    if text is None:
        return ImageBoxes(image.name), 0
    try:
        size = image_size(image, axes=axes)
    except (StellateError, OSError):
        return ImageBoxes(image.name), 0
    found = read_yolo(text, image.name, size, names)
    return found.boxes, found.n_outlines


def _listed(folder: Path) -> Mapping[int, str]:
    """Names from lists of which several say the same."""
    files = name_files(folder)
    if not files:
        raise DataError(
            f"{folder}: no names of classes; put them into classes.txt, a name a line, number 0 first, or write a "
            "data.yaml"
        )
    names = read_names(files[0])
    for other in files[1:]:
        if read_names(other) != names:
            raise DataError(f"{other}: names other classes than {files[0]} does; keep one of them")
    return names


def _found_parts(folder: Path, file: Path) -> Parts:
    """Images beside a list of names; or in ``images/`` beside ``labels/``, where folders may be parts."""
    if not file.is_dir():
        return {None: images_in(folder)}
    (top,) = (f for f in folder.iterdir() if f.is_dir() and f.name.casefold() == "images")
    parts: dict[str | None, list[Path]] = {}
    for image in images_below(top):
        inner = image.relative_to(top).parts[0].casefold()
        parts.setdefault(SPLIT_NAMES.get(inner) if image.parent != top else None, []).append(image)
    return parts


def _stated_parts(file: Path, data: YoloData, stated: StatedBoxes) -> Parts:
    """The images of the parts that a YAML names; of no part if there is a single one."""
    root = file.parent
    if data.path and (root / data.path).is_dir():
        root = root / data.path
    elif data.path:
        what = f"the path {data.path!r} is not on this computer; the parts are looked for beside the file"
        stated.findings.append(Finding(Severity.NOTE, file, what, "as intended where the data were moved"))
    found: dict[str | None, Sequence[Path]] = {}
    for part, places in data.parts.items():
        try:
            found[part] = [image for place in places for image in _images_at(place, root, file)]
        except DataError as error:
            # exports name a part for testing whether they have one or not
            severity = Severity.NOTE if part == "test" else Severity.ERROR
            finding = Finding.from_error(file, error, "mend it")
            stated.findings.append(Finding(severity, file, f"{part}: {finding.what}", finding.remedy))
    if len(found) == 1:
        (only,) = found.values()
        return {None: only}
    return found


def _images_at(place: str, root: Path, file: Path) -> Sequence[Path]:
    # Roboflow writes ../train/images of folders that lie beside the file
    slashed = place.replace("\\", "/")
    tried = [root / place, root / slashed, file.parent / slashed, file.parent / slashed.removeprefix("../")]
    found = next((path for path in tried if path.exists()), None)
    if found is None:
        raise DataError(f"there is no {place}; write the folder as it is seen from the file")
    if found.is_dir():
        if images := images_below(_plain(found)):
            return images
        raise DataError(f"no images in {place}; put some in, or take the part out")
    if found.suffix.lower() != ".txt":
        raise DataError(f"{place} is neither a folder nor a text that lists images; name one of these")
    return _listed_images(_plain(found), root)


def _listed_images(listing: Path, root: Path) -> Sequence[Path]:
    """The images that a text lists, a line each."""
    with damaged_file_errors(listing, remedy="save it again as text"):
        check_size(listing, _MOST_BYTES, "list images only")
        try:
            lines = listing.read_text(encoding="utf-8-sig").split("\n")
        except UnicodeDecodeError as error:
            raise InputError(f"{listing}: not a text in UTF-8; save it in that encoding") from error
    near, images = ImageFiles(listing.parent), []
    for number, line in enumerate(lines, start=1):
        if name := line.strip().replace("\\", "/"):
            inside = root / name
            where = f"{listing}: line {number}"
            images.append(_plain(inside) if inside.is_file() else near.find(name.removeprefix("./"), where))
    return images


def _only_once(parts: Parts, file: Path, stated: StatedBoxes) -> Parts:
    """Images of the first part that has them; those of several are an error."""
    first: dict[Path, str | None] = {}
    both: dict[tuple[str | None, str | None], list[Path]] = {}
    kept: dict[str | None, list[Path]] = {}
    for part, images in parts.items():
        for image in images:
            if first.setdefault(image, part) != part:
                both.setdefault((first[image], part), []).append(image)
            else:
                kept.setdefault(part, []).append(image)
    for (one, other), images in both.items():
        what = f"{images_named([i.name for i in images])} in both {one} and {other}"
        remedy = "keep each on one side: scores on images that were trained on say nothing"
        stated.findings.append(Finding(Severity.ERROR, file, what, remedy))
    return kept


def _plain(path: Path) -> Path:
    """Without steps up and down again, so that one file has one path."""
    return Path(os.path.normpath(path))
