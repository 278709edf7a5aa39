"""What a prediction leaves in a folder: everything, or nothing.

For an image called NAME: ``NAME_labels.tif`` (all frames in one), ``NAME_objects.csv`` (all frames in one),
``NAME_overlay.png``, ``NAME_rois.zip`` and ``NAME_objects.geojson``, and ``NAME_run.json``, which says what they were
made from.

Of a volume the labels are a volume, too, with its voxel size; ``NAME_objects.csv`` has volumes and surfaces, in
micrometres where the voxel size is known; ``NAME_overlay.png`` shows the brightest along the depth, and
``NAME_planes.png`` three planes at right angles. ``NAME_meshes.glb``, ``.ply`` and ``.obj`` hold the surfaces of the
objects, where the model knows them. ImageJ and QuPath get an outline for each plane of an object, unless these are more
than they open; the notes of the run say so.

Where there are frames, each has all of these but labels and table for itself: ``NAME_T003_overlay.png``.

All are first written into a hidden folder beside them, then moved into place, ``NAME_run.json`` last. So a
folder with a ``NAME_run.json`` has everything that belongs to it, whatever happened on the way. What an earlier run
wrote for the image and this one does not is taken away.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from .. import io
from ..errors import OutputError
from .surfaces import MOST_AS_TEXT, surfaces_of

if TYPE_CHECKING:
    import pandas as pd

    from .prediction import Prediction

__all__ = ["Run", "Saved", "read_run", "save"]

_RUN = "_run.json"


class Run(dict[str, Any]):
    """What is known of a finished image: the content of its ``NAME_run.json``."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the files that were written."""
        return tuple(self["outputs"].values())


@dataclass(frozen=True)
class Saved:
    """What was written.

    Attributes
    ----------
    paths
        Files by what they hold; from the second frame on its number follows, as in ``overlay 1``.
    notes
        Those of the prediction, and what was left out.
    """

    paths: dict[str, Path]
    notes: tuple[str, ...]


def read_run(folder: Path, name: str) -> Run | None:
    """What was written for an image, if all of it is still there; else None."""
    try:
        run = Run(json.loads((folder / f"{name}{_RUN}").read_text(encoding="utf-8")))
        return run if all((folder / output).is_file() for output in run.outputs) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def save(
    prediction: Prediction, folder: Path, name: str, *, made_from: Mapping[str, Any] | None = None
) -> Saved:
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

    Raises
    ------
    OutputError
        If the disk is full, or the folder cannot be written to.
    """
    with _as_output_error(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".stellate-", dir=folder) as temporary:
            draft = _Draft(prediction, Path(temporary), name)
            draft.write()
            run = {
                "stellate": version("stellate"),
                "outputs": {kind: path.name for kind, path in draft.paths.items()},
                "objects": len(prediction),
                "seconds": round(prediction.seconds, 3),
                "notes": draft.notes,
                **(made_from or {}),
            }
            marker = draft.folder / f"{name}{_RUN}"
            marker.write_text(json.dumps(run, indent=1), encoding="utf-8")
            _move(folder, name, [*draft.paths.values(), marker])
    return Saved({kind: folder / path.name for kind, path in draft.paths.items()}, tuple(draft.notes))


def _move(folder: Path, name: str, written: list[Path]) -> None:
    """Move the files into place, the marker last, and take away what an earlier run wrote besides."""
    before = read_run(folder, name)
    # from here until the new marker stands, the image counts as not done
    (folder / written[-1].name).unlink(missing_ok=True)
    of_now = {path.name for path in written}
    for output in before.outputs if before else ():
        # a name of ours, not whatever may stand in the file
        if output not in of_now and output.startswith(f"{name}_") and output == Path(output).name:
            (folder / output).unlink(missing_ok=True)
    for path in written:
        path.replace(folder / path.name)


class _Draft:
    """The files of a prediction, as they are written into a folder of their own."""

    def __init__(self, prediction: Prediction, folder: Path, name: str) -> None:
        self.prediction = prediction
        self.folder = folder
        self.name = name
        self.instances = prediction.instances
        self.volumes = prediction.volumetric
        self.places = ["".join(f"{a}{i:03d}" for a, i in p.items()) for p in prediction.positions()]
        self.paths: dict[str, Path] = {}
        self.notes = list(prediction.notes)

    def write(self) -> None:
        """Write everything; afterwards `paths` and `notes` are complete."""
        prediction = self.prediction
        self._write_labels()
        table = prediction.table()
        io.write_table(self._path("objects", "objects.csv"), table)
        measured = 0
        for k, instances in enumerate(self.instances):
            rows = slice(measured, measured + len(instances))
            io.write_picture(self._path("overlay", "overlay.png", frame=k), prediction.overlay(k))
            if self.volumes:
                io.write_picture(self._path("planes", "planes.png", frame=k), prediction.planes(k))
                self._write_meshes(k)
            self._write_outlines(k, table[rows])
            measured = rows.stop
        self._note_voxels()

    def _path(self, kind: str, ending: str, *, frame: int | None = None) -> Path:
        """Where something is written; what that of a later frame holds is told apart by its number."""
        place = self.places[frame] if frame is not None else ""
        path = self.folder / "_".join(part for part in (self.name, place, ending) if part)
        self.paths[f"{kind} {frame}" if frame else kind] = path
        return path

    def _write_labels(self) -> None:
        prediction = self.prediction
        spatial = "ZYX" if self.volumes else "YX"
        # pages of which nothing is known are the planes of a stack to other programs
        along = "Z" if prediction.along == "P" and spatial == "YX" else "T"
        images = [instances.labels for instances in self.instances]
        io.write_labels(
            self._path("labels", "labels.tif"),
            images if prediction.along else images[0],
            spacing_um={a: s for a, s in prediction.image.spacing_um.items() if a in spatial},
            axes=along + spatial if prediction.along else spatial,
        )

    def _write_meshes(self, k: int) -> None:
        instances = self.instances[k]
        surfaces = surfaces_of(instances, self.prediction.rays)
        if surfaces is None:
            return
        spacing = self.prediction.frames[k].spacing_um
        for suffix in io.MESH_SUFFIXES:
            if suffix == ".obj" and len(surfaces) > MOST_AS_TEXT:
                self._note(f"no OBJ file for more than {MOST_AS_TEXT:,} objects; the others hold the same")
                continue
            surfaces.write(self._path(suffix[1:], f"meshes{suffix}", frame=k), spacing)
        if len(surfaces) < len(instances):
            count = len(instances) - len(surfaces)
            self._note(
                f"{count} of {len(instances)} objects without a mesh, as they have no proper distances"
            )

    def _write_outlines(self, k: int, table: pd.DataFrame) -> None:
        instances = self.instances[k]
        count = io.count_outlines(instances) if self.volumes else 0
        if count > io.MOST_OUTLINES:
            self._note(
                f"no outlines for ImageJ and QuPath: {count:,}, one for each plane of an object, are more than the "
                f"{io.MOST_OUTLINES:,} that they can open"
            )
            return
        io.write_rois(self._path("rois", "rois.zip", frame=k), instances)
        columns = {str(column): values.to_numpy() for column, values in table.items()}
        path = self._path("geojson", "objects.geojson", frame=k)
        io.write_geojson(path, instances, measurements=io.qupath_measurements(columns))

    def _note_voxels(self) -> None:
        known = self.prediction.frames[0].spacing_um
        missing = [a for a in "ZYX" if a not in known] if self.volumes else []
        if missing:
            self._note(
                f"the size of a voxel along {', '.join(missing)} is not known: all is measured in voxels"
            )

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


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
