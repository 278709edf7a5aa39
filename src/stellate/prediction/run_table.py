"""One table of all images of a run, beside the files of each."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import InputError
from ..io.atomic import atomic
from ..io.content import damaged_file_errors

__all__ = ["RUN_TABLES", "write_run_table"]

RUN_TABLES = {"_scores.csv": "scores.csv", "_boxes.csv": "boxes.csv"}
"""What the table of a run is called, by the ending of the tables of its images."""

_AXES = ("T", "P")
_REMEDY = "predict the image again, and let its files be overwritten"

# Texts of cells by the names of their columns. They are copied as they stand, so that no name of a class and no digit
# is read as something else.
Row = dict[str, str]


def write_run_table(folder: Path, images: Sequence[tuple[Path, Sequence[Path]]]) -> Path | None:
    """Put the tables of images together: of classes a row for each image or frame, of boxes a row for each box.

    Parameters
    ----------
    folder
        Where it is written.
    images
        Image files and what was written for each, now or before. They are read one at a time.

    Returns
    -------
    Path or None
        ``scores.csv``: ``image``, the axes of frames where there are any, ``class``, ``probability``, and the
        probability of each class (``probability_NAME``). Or ``boxes.csv``: ``image``, and the columns of the tables of
        the images. None, and nothing is written, where these have no such tables.

    Raises
    ------
    InputError
        If a table cannot be read.
    OutputError
        If it cannot be written.
    """
    for ending, name in RUN_TABLES.items():
        tables = [(image, p) for image, outputs in images for p in outputs if p.name.endswith(ending)]
        if tables:
            _write(folder / name, tables)
            return folder / name
    return None


def _write(path: Path, tables: Sequence[tuple[Path, Path]]) -> None:
    """Write the rows of all tables, one table after another."""
    names = _image_names([image for image, _ in tables])
    # frames may be only in some of the images, and so may the size of a pixel
    columns = dict.fromkeys(column for _, table in tables for column in _read(table)[0])
    axes = [column for column in _AXES if column in columns]
    head = ["image", *axes, *(column for column in columns if column not in axes)]
    with atomic(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, head, restval="", lineterminator="\n")
        writer.writeheader()
        for name, (_, table) in zip(names, tables, strict=True):
            writer.writerows({"image": name, **row} for row in _read(table)[1])


def _read(path: Path) -> tuple[list[str], list[Row]]:
    """Columns and rows of an image's table, that of classes with a row for each frame."""
    with damaged_file_errors(path, remedy=_REMEDY), path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
        columns = list(reader.fieldnames or ())
    if any(None in row or None in row.values() for row in rows):
        raise InputError(f"{path}: rows of different lengths; {_REMEDY}")
    if not path.name.endswith("_scores.csv"):
        return columns, rows
    try:
        by_frame = _by_frame(rows)
        return list(by_frame[0]), by_frame
    except (KeyError, IndexError, ValueError) as error:
        raise InputError(f"{path}: no table of classes and probabilities; {_REMEDY}") from error


def _by_frame(rows: Sequence[Row]) -> list[Row]:
    """A row for each frame: its class, and the probability of each class."""
    frames: dict[tuple[str, ...], Row] = {}
    for row in rows:
        at = {axis: row[axis] for axis in _AXES if axis in row}
        frame = frames.setdefault(
            tuple(at.values()), {**at, "class": row["class"], "probability": row["probability"]}
        )
        if float(row["probability"]) > float(frame["probability"]):
            frame |= {"class": row["class"], "probability": row["probability"]}
        frame[f"probability_{row['class']}"] = row["probability"]
    return list(frames.values())


def _image_names(images: Sequence[Path]) -> list[str]:
    """File names; where several files share one, their paths as they were given."""
    counts: Mapping[str, int] = Counter(path.name for path in images)
    return [path.name if counts[path.name] == 1 else path.as_posix() for path in images]
