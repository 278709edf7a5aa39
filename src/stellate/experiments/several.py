"""What experiments of several runs have in common: a record, so that what is resumed is what was begun."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..data.duplicates import pair_hash
from ..errors import ConfigError
from ..io.atomic import check_writable
from ..training.fit import LAST
from ..training.record import check_same_images, resumed_settings, write_record
from ..training.settings import TrainSettings

__all__ = ["DONE", "begin", "how_to_go_on", "refuse_runs"]

DONE = "evaluation.json"
"""What a finished run has written last."""

_RUNS = ("fold_*", "sweep/*")
"""Where in the folder of several runs these are."""


def refuse_runs(folder: Path) -> None:
    """See that a folder does not hold several runs already.

    Raises
    ------
    ConfigError
        If it does.
    """
    if any(run for pattern in _RUNS for run in folder.glob(f"{pattern}/{LAST.as_posix()}")):
        raise ConfigError(
            f"{folder}: holds several training runs already; add --resume to go on with them, or choose another folder"
        )


def how_to_go_on(
    folder: Path, model: str, settings: TrainSettings, *, resume: bool
) -> tuple[TrainSettings, bool]:
    """The settings of one of several runs, and whether it goes on: with what it was begun with, if it was."""
    if not (resume and (folder / LAST).is_file()):
        return settings, False
    return resumed_settings(folder, model, settings), True


def begin(
    folder: Path,
    model: str,
    dataset: Any,
    *,
    settings: TrainSettings,
    resume: bool,
    say: Callable[[str], None],
) -> None:
    """Write ``run.json`` of several runs, or see that they go on with the images that they were begun with.

    Runs that are done are not looked at again. So it is here that images are compared, and settings where they are read
    from the record.

    Parameters
    ----------
    folder
        Of all the runs.
    model
        Name of the network.
    dataset
        All images.
    settings
        Of all the runs.
    resume
        Whether they go on.
    say
        Called with a warning where the record does not say what the images were.

    Raises
    ------
    DataError
        If the images are not those that the runs were begun with.
    ConfigError
        If the record is damaged.
    """
    check_writable(folder)
    images = {"train": {_called(dataset, k): pair_hash(*dataset.pair(k)) for k in range(len(dataset))}}
    if resume:
        check_same_images(folder, images, say=say)
        return
    write_record(folder, model, settings=settings, choices=(), images=images)


def _called(dataset: Any, index: int) -> str:
    """The image's path, and of pieces of one the name."""
    record = dataset[index]
    return f"{record.image_path} {record.name}"
