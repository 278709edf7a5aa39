"""``run.json``: what a run was started with, so that it is resumed with the same settings on the same images."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from ..data.normalization import Normalization
from ..errors import ConfigError, DataError
from ..io.atomic import atomic
from .settings import TrainSettings

__all__ = [
    "Images",
    "check_same_images",
    "plain_settings",
    "resumed_normalization",
    "resumed_settings",
    "write_record",
]

RUN_FILE = "run.json"
_NAMED_IN_ERRORS = 8

Images = Mapping[str, Mapping[str, str]]
"""Of each part (``train``, ``validation``) the files and a hash of what is in them, in the order of the dataset."""


def write_record(
    folder: Path,
    model: str,
    *,
    settings: TrainSettings,
    choices: Sequence[str],
    images: Images,
    normalization: Normalization | None = None,
) -> None:
    """Write what a run is started with.

    Parameters
    ----------
    folder
        Of the run.
    model
        Name of the network.
    settings
        What the user set.
    choices
        What was chosen from the data, in words.
    images
        What it is trained and validated on.
    normalization
        How images are normalised, which may follow from files that are not there when the run is resumed.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    record = {
        "model": model,
        "settings": plain_settings(settings),
        "choices": list(choices),
        "images": images,
        **({"normalization": normalization.to_dict()} if normalization else {}),
    }
    with atomic(folder / RUN_FILE) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def resumed_settings(folder: Path, model: str, given: TrainSettings) -> TrainSettings:
    """The settings that an interrupted run was started with.

    Raises
    ------
    ConfigError
        If there is no run, it is of another model, or a setting given now contradicts it.
    """
    stored = _read(folder)
    try:
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in stored["settings"].items()}
        settings = TrainSettings.from_mapping(values)
        kind = stored["model"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _no_record(folder, error) from error
    if kind != model:
        raise ConfigError(f"{folder}: is a run of {kind}, not of {model}")
    for item in fields(TrainSettings):
        now, then = getattr(given, item.name), getattr(settings, item.name)
        if now != getattr(TrainSettings(), item.name) and _plain(now) != _plain(then):
            raise ConfigError(f"{item.name} was {then} when the run was started; leave it out to resume")
    return settings


def resumed_normalization(folder: Path) -> Normalization | None:
    """How images were normalised in an interrupted run; None if its record does not say.

    Raises
    ------
    ConfigError
        If there is no run, or its record is damaged.
    """
    stored = _read(folder).get("normalization")
    if stored is None:
        return None
    try:
        return Normalization.from_dict(stored)
    except (ValueError, TypeError, AttributeError) as error:
        raise _no_record(folder, error) from error


def check_same_images(folder: Path, images: Images, *, say: Callable[[str], None]) -> None:
    """See that a run goes on with the images that it was started with.

    What counts is what is in them, and their order, since the number of a patch says which image it is cut from; names
    may change where that leaves both as they were.

    Parameters
    ----------
    folder
        Of the run.
    images
        What it would be trained and validated on now.
    say
        Called with a warning where the record does not say what the images were.

    Raises
    ------
    DataError
        If images or masks were added, removed or changed; the message names them.
    ConfigError
        If the record is damaged.
    """
    stored = _read(folder)
    if "images" not in stored:
        say(
            f"warning: {folder / RUN_FILE} does not say which images the run was started with; it is taken for granted "
            "that they are the same"
        )
        return
    try:
        before: Images = {part: dict(stored["images"][part]) for part in images}
    except (ValueError, KeyError, TypeError) as error:
        raise _no_record(folder, error) from error
    if all([*before[part].values()] == [*images[part].values()] for part in images):
        return
    raise DataError(
        f"{folder}: cannot go on, for the data is not what the run was started with ({_difference(before, images)}); "
        "put the data back as it was, or start a new run in another folder"
    )


def plain_settings(settings: TrainSettings) -> dict[str, Any]:
    """Settings as JSON can hold them."""
    return {name: _plain(value) for name, value in asdict(settings).items()}


def _difference(before: Images, now: Images) -> str:
    then, after = (
        {n: (p, h) for p, files in parts.items() for n, h in files.items()} for parts in (before, now)
    )
    kept = [name for name in after if name in then]
    changes = {
        "added": [name for name in after if name not in then],
        "removed": [name for name in then if name not in after],
        "changed (image or mask)": [name for name in kept if after[name][1] != then[name][1]],
    }
    if not any(changes.values()):
        # where images come or go, others change sides by themselves
        changes = {"moved between training and validation": [n for n in kept if after[n][0] != then[n][0]]}
    return (
        "; ".join(f"{what}: {_listed(names)}" for what, names in changes.items() if names) or "another order"
    )


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED_IN_ERRORS
    return ", ".join(names[:_NAMED_IN_ERRORS]) + (f" and {more} more" if more > 0 else "")


def _read(folder: Path) -> dict[str, Any]:
    path = folder / RUN_FILE
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(
            f"{folder}: nothing to resume, there is no {RUN_FILE}; start without --resume"
        ) from error
    except (OSError, ValueError) as error:
        raise _no_record(folder, error) from error
    if not isinstance(stored, dict):
        raise _no_record(folder, "it holds no names and values")
    return stored


def _no_record(folder: Path, why: Exception | str) -> ConfigError:
    return ConfigError(f"{folder / RUN_FILE}: not the record of a run ({why}); start anew in another folder")


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    return str(value) if isinstance(value, Path) else value
