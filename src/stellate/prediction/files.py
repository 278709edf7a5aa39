"""Image files, one after another; what was done before is not done again."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from .. import io
from ..errors import ConfigError, OutputError, StellateError
from .finding import Finding
from .naming import output_names
from .options import PredictOptions
from .outputs import read_run, save
from .predictor import Predictor, Progress
from .run_table import write_run_table

__all__ = ["FileOutcome", "predict_files"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class FileOutcome:
    """What came of one image file.

    Attributes
    ----------
    path
        The image.
    status
        ``"done"``; ``"skipped"``, as the same was done before; or ``"failed"``.
    message
        What was done to the image on the way, or why it failed.
    n_objects
        Objects or boxes found; None if it failed, or if only classes of pixels or images were asked for.
    shares
        Share of the pixels that each class has, by name, in the mean of the frames; empty where there are only
        objects.
    counts
        Number of frames of each class, of a model for whole images, or of boxes; empty for other models.
    finding
        Of these models, what was found where it is one thing: the class of an image without frames, or the only box.
    outputs
        Files written, now or before.
    seconds
        How long it took.
    """

    path: Path
    status: Literal["done", "skipped", "failed"]
    message: str = ""
    n_objects: int | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    finding: Finding | None = None
    outputs: tuple[Path, ...] = ()
    seconds: float = 0.0


def predict_files(
    predictor: Predictor,
    paths: Sequence[Path],
    output: Path,
    *,
    options: PredictOptions | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[FileOutcome]:
    """Apply a model to image files and write what it finds.

    An image is skipped if all its outputs are there and were made from the same file (name, size and time of
    change) by the same model with the same options. If they were made from another file of the same name,
    they are not overwritten: that image fails. All else is done again.

    Of classes of whole images, and of boxes, there is also one table of all images of the run, those skipped included;
    see `write_run_table`.

    Parameters
    ----------
    predictor
        The model.
    paths
        Image files.
    output
        Folder for the results; made where it is missing.
    options
        How; see `PredictOptions`.
    overwrite
        Whether to do again what was done before, and to replace outputs of other files.
    progress
        Called after each tile, with the number of files done.

    Returns
    -------
    list of FileOutcome
        One for each path, in order. A file that fails does not stop the others.

    Raises
    ------
    ConfigError
        If an option cannot be met, whatever the image.
    InputError, OutputError
        If the table of all images cannot be put together or written.
    """
    job = _Job(predictor, output, options or PredictOptions(), overwrite)
    predictor.prepare(job.options)
    outcomes = []
    for k, (path, name) in enumerate(zip(paths, output_names(paths), strict=True)):
        report = progress and _for_file(progress, path.name, k, len(paths))
        if report:
            report(0, 1, "")
        outcomes.append(job.attempt(path, name, report))
    write_run_table(output, [(outcome.path, outcome.outputs) for outcome in outcomes])
    if progress:
        progress(len(paths), len(paths), "")
    return outcomes


class _Job:
    """What is the same for all files."""

    def __init__(self, predictor: Predictor, output: Path, options: PredictOptions, overwrite: bool) -> None:
        self.predictor = predictor
        self.output = output
        self.options = options
        self.overwrite = overwrite
        text = json.dumps([predictor.fingerprint, options.for_results()], sort_keys=True)
        self.settings = sha256(text.encode()).hexdigest()

    def attempt(self, path: Path, name: str, progress: Progress | None) -> FileOutcome:
        """Do one file; whatever is wrong with it becomes its outcome, so that the others are still done."""
        started = time.perf_counter()
        try:
            io.list_images(path)  # says what is wrong with a name that stands for nothing
            return self._done_before(path, name) or self._do(path, name, progress)
        except ConfigError:
            raise
        except (StellateError, OSError) as error:
            message = str(error)
        except MemoryError:
            message = "there is not enough memory; close other programs, or choose smaller tiles (tile)"
        except Exception as error:
            _LOG.exception("%s", path)
            message = f"unexpected {type(error).__name__}: {error}; please report this"
        return FileOutcome(path, "failed", message, seconds=time.perf_counter() - started)

    def _do(self, path: Path, name: str, progress: Progress | None) -> FileOutcome:
        made_from = {"source": _source(path), "settings": self.settings, "model": self.predictor.info.name}
        prediction = self.predictor.predict(path, self.options, progress=progress)
        saved = save(prediction, self.output, name, made_from=made_from)
        return FileOutcome(
            path,
            "done",
            "; ".join(saved.notes),
            n_objects=saved.n_objects,
            shares=saved.shares,
            counts=saved.counts,
            finding=saved.finding,
            outputs=tuple(saved.paths.values()),
            seconds=prediction.seconds,
        )

    def _done_before(self, path: Path, name: str) -> FileOutcome | None:
        run = None if self.overwrite else read_run(self.output, name)
        if run is None:
            return None
        now, then = _source(path), run.get("source", {})
        if then == now | {"path": then.get("path")} and run.get("settings") == self.settings:
            outputs = tuple(self.output / o for o in run.outputs)
            shares = run.get("shares", {})
            return FileOutcome(
                path, "skipped", "done before", run["objects"], shares, run.counts, run.finding, outputs
            )
        if then.get("path") not in (None, now["path"]) and Path(then["path"]).is_file():
            raise OutputError(
                f"{path}: {self.output} holds the results of another file of this name, {then['path']}; "
                "choose another folder, give both files at once, or let them be overwritten"
            )
        return None


def _source(path: Path) -> dict[str, Any]:
    """What tells whether a file is still the same; its path may change with the folder that it is in."""
    status = path.stat()
    return {
        "name": path.name,
        "path": str(path.resolve()),
        "bytes": status.st_size,
        "changed_ns": status.st_mtime_ns,
    }


def _for_file(progress: Progress, name: str, index: int, count: int) -> Progress:
    def report(done: int, total: int, text: str) -> None:
        progress(index, count, f"{name}, {done} of {total} {text}" if total > 1 else name)

    return report
