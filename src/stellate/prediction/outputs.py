"""What a prediction leaves in a folder: everything, or nothing.

Of the objects of an image called NAME: ``NAME_labels.tif`` (all frames in one), ``NAME_objects.csv`` (all frames in
one), ``NAME_overlay.png``, ``NAME_rois.zip`` and ``NAME_objects.geojson``, and ``NAME_run.json``, which says what they
were made from.

Of the classes of its pixels: ``NAME_classes.tif`` (all frames in one), ``NAME_areas.csv`` (all frames in one),
``NAME_overlay.png`` and ``NAME_run.json``; where they were asked for, ``NAME_probabilities.tif`` (all frames in one),
and all files of objects for the pieces of the classes.

Of the class of a whole image: ``NAME_scores.csv``, the probability of each class (all frames in one), and
``NAME_run.json``. Of boxes: ``NAME_boxes.csv`` (all frames in one), ``NAME_overlay.png`` and ``NAME_run.json``. Of
both, where it was asked for, ``NAME_explained.png``: what in the image speaks for its class.

Of a volume the labels are a volume, too, with its voxel size; ``NAME_objects.csv`` has volumes and surfaces, in
micrometres where the voxel size is known; ``NAME_overlay.png`` shows the brightest along the depth, and
``NAME_planes.png`` three planes at right angles. ``NAME_meshes.glb``, ``.ply`` and ``.obj`` hold the surfaces of the
objects, where the model knows them. ImageJ and QuPath get an outline for each plane of an object, unless these are more
than they open; the notes of the run say so.

Where there are frames, each has pictures, outlines and meshes for itself: ``NAME_T003_overlay.png``.

All are first written into a hidden folder beside them, then moved into place, ``NAME_run.json`` last. So a
folder with a ``NAME_run.json`` has everything that belongs to it, whatever happened on the way. What an earlier run
wrote for the image and this one does not is taken away.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from .. import io
from ..errors import OutputError
from ..results import Boxes, Instances, Mask, Scores
from .box_files import write_boxes
from .class_files import write_classes
from .draft import Draft
from .finding import Finding
from .object_files import write_objects
from .score_files import write_scores

if TYPE_CHECKING:
    from .prediction import Prediction

__all__ = ["Run", "Saved", "read_run", "save"]

_RUN = "_run.json"
_WRITERS: Mapping[type, Callable[[Draft], None]] = {
    Scores: write_scores,
    Mask: write_classes,
    Boxes: write_boxes,
    Instances: write_objects,
}
"""What writes the files that only some results have, by the type of the result."""


class Run(dict[str, Any]):
    """What is known of a finished image: the content of its ``NAME_run.json``."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the files that were written."""
        return tuple(self["outputs"].values())

    @property
    def counts(self) -> dict[str, int]:
        """As of `Saved`."""
        return {str(name): int(count) for name, count in self.get("counts", {}).items()}

    @property
    def finding(self) -> Finding | None:
        """As of `Saved`."""
        return Finding.from_dict(self["finding"]) if self.get("finding") else None


@dataclass(frozen=True)
class Saved:
    """What was written.

    Attributes
    ----------
    paths
        Files by what they hold; from the second frame on its number follows, as in ``overlay 1``.
    notes
        Those of the prediction, and what was left out.
    n_objects, shares, counts, finding
        As of `stellate.prediction.files.FileOutcome`.
    """

    paths: dict[str, Path]
    notes: tuple[str, ...]
    n_objects: int | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    finding: Finding | None = None


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
            draft = Draft(prediction, Path(temporary), name)
            _write(draft)
            run = {
                "stellate": version("stellate"),
                "outputs": {kind: path.name for kind, path in draft.paths.items()},
                "objects": draft.n_objects,
                "shares": draft.shares,
                "counts": draft.counts,
                "finding": asdict(draft.finding) if draft.finding else None,
                "seconds": round(prediction.seconds, 3),
                "notes": draft.notes,
                **(made_from or {}),
            }
            marker = draft.folder / f"{name}{_RUN}"
            marker.write_text(json.dumps(run, indent=1), encoding="utf-8")
            _move(folder, name, [*draft.paths.values(), marker])
    paths = {kind: folder / path.name for kind, path in draft.paths.items()}
    return Saved(paths, tuple(draft.notes), draft.n_objects, draft.shares, draft.counts, draft.finding)


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


def _write(draft: Draft) -> None:
    """Write everything; afterwards the paths and notes of the draft are complete."""
    prediction = draft.prediction
    _WRITERS[type(prediction.results[0])](draft)
    # the class of an image changes nothing of its picture
    drawn = () if isinstance(prediction.results[0], Scores) else range(len(prediction.frames))
    for k in drawn:
        io.write_picture(draft.path("overlay", "overlay.png", frame=k), prediction.overlay(k))
        if prediction.volumetric:
            io.write_picture(draft.path("planes", "planes.png", frame=k), prediction.planes(k))
    known = prediction.frames[0].spacing_um
    missing = [a for a in "ZYX" if a not in known] if prediction.volumetric else []
    if missing:
        draft.note(f"the size of a voxel along {', '.join(missing)} is not known: all is measured in voxels")


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
