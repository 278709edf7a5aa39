"""What a prediction leaves in a folder: everything, or nothing.

For an image called NAME: ``NAME_labels.tif`` (all frames in one), ``NAME_objects.csv`` (all frames in one),
``NAME_overlay.png``, ``NAME_rois.zip`` and ``NAME_objects.geojson`` (one for each frame, where there are
frames: ``NAME_T003_rois.zip``), and ``NAME_run.json``, which says what they were made from.

All are first written into a hidden folder beside them, then moved into place, ``NAME_run.json`` last. So a
folder with a ``NAME_run.json`` has everything that belongs to it, whatever happened on the way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import PIL.Image

from .. import io
from ..errors import OutputError

if TYPE_CHECKING:
    import pandas as pd

    from .prediction import Prediction

__all__ = ["Run", "read_run", "save"]

_RUN = "_run.json"


class Run(dict[str, Any]):
    """What is known of a finished image: the content of its ``NAME_run.json``."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the files that were written."""
        return tuple(self["outputs"].values())


def read_run(folder: Path, name: str) -> Run | None:
    """What was written for an image, if all of it is still there; else None."""
    try:
        run = Run(json.loads((folder / f"{name}{_RUN}").read_text(encoding="utf-8")))
        return run if all((folder / output).is_file() for output in run.outputs) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def save(
    prediction: Prediction, folder: Path, name: str, *, made_from: Mapping[str, Any] | None = None
) -> dict[str, Path]:
    """Write all files of a prediction; see the module.

    Parameters
    ----------
    prediction
        What was found.
    folder
        Made where it is missing.
    name
        What the files' names begin with.
    made_from
        Entered into ``NAME_run.json``.

    Returns
    -------
    dict
        Paths by what they hold; of several frames, the first's.

    Raises
    ------
    OutputError
        If the disk is full, or the folder cannot be written to.
    """
    with _as_output_error(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".stellate-", dir=folder) as temporary:
            draft = Path(temporary)
            written = dict(_write_all(prediction, draft, name))
            run = {
                "stellate": version("stellate"),
                "outputs": {kind: path.name for kind, path in written.items()},
                "objects": len(prediction),
                "seconds": round(prediction.seconds, 3),
                "notes": list(prediction.notes),
                **(made_from or {}),
            }
            marker = draft / f"{name}{_RUN}"
            marker.write_text(json.dumps(run, indent=1), encoding="utf-8")
            # from here until the new marker stands, the image counts as not done
            (folder / marker.name).unlink(missing_ok=True)
            for path in (*written.values(), marker):
                path.replace(folder / path.name)
    return {kind: folder / path.name for kind, path in written.items()}


def _write_all(prediction: Prediction, draft: Path, name: str) -> Iterator[tuple[str, Path]]:
    """Write each file and yield what it holds."""
    labels = prediction.labels
    stack = labels.reshape(-1, *labels.shape[-2:]) if labels.ndim > 3 else labels
    path = draft / f"{name}_labels.tif"
    io.write_labels(path, stack, spacing_um=prediction.image.spacing_um)
    yield "labels", path
    path = draft / f"{name}_objects.csv"
    table = prediction.table()
    io.write_table(path, table)
    yield "objects", path
    measured = 0
    for k, position in enumerate(prediction.positions()):
        stem = draft / "_".join([name, *_place(position)])
        rows = slice(measured, measured + len(prediction.instances[k]))
        yield from _write_frame(prediction, k, stem, table=table[rows])
        measured = rows.stop


def _write_frame(
    prediction: Prediction, k: int, stem: Path, *, table: pd.DataFrame
) -> Iterator[tuple[str, Path]]:
    """Write the files of one frame; what those of a later one hold is told apart by its number."""
    instances, after = prediction.instances[k], f" {k}" if k else ""
    path = stem.with_name(f"{stem.name}_overlay.png")
    PIL.Image.fromarray(prediction.overlay(k)).save(path)
    yield f"overlay{after}", path
    path = stem.with_name(f"{stem.name}_rois.zip")
    io.write_rois(path, instances)
    yield f"rois{after}", path
    path = stem.with_name(f"{stem.name}_objects.geojson")
    columns = {str(column): values.to_numpy() for column, values in table.items()}
    io.write_geojson(path, instances, measurements=io.qupath_measurements(columns))
    yield f"geojson{after}", path


def _place(position: Mapping[str, int]) -> list[str]:
    return ["".join(f"{axis}{index:03d}" for axis, index in position.items())] if position else []


@contextmanager
def _as_output_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            error.errno,
            f"{folder}: the results cannot be written ({error.strerror or error}); free some space, or "
            "choose a folder that you may write to",
        ) from error
