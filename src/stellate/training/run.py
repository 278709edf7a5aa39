"""A training run: from a dataset and settings to a trained network and what is known of it."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..data.fingerprint import Fingerprint, fingerprint
from ..data.folder import Dataset
from ..errors import ConfigError
from ..io.atomic import atomic, check_writable
from ..models import build, entry
from ..models.file import ModelInfo
from ..tasks import TASKS
from .choices import Choices, choose
from .feed import check_alike, divided, patch_datasets
from .fit import LAST, EpochReport, Fitted, PatchModule, chosen_device, fit, is_first_process
from .settings import TrainSettings

__all__ = ["Run", "resumed_settings", "train_network"]

RUN_FILE = "run.json"


@dataclass(frozen=True, eq=False)
class Run:
    """What a run made.

    Attributes
    ----------
    network
        With the weights that did best on validation.
    info
        What goes into its model file; thresholds are still those of the task's defaults.
    train, validation
        The images it was trained and validated on.
    fitted
        Epochs trained and loss reached.
    """

    network: nn.Module
    info: ModelInfo
    train: Dataset
    validation: Dataset
    fitted: Fitted


def train_network(
    model: str,
    dataset: Dataset,
    folder: Path,
    *,
    settings: TrainSettings,
    start: tuple[nn.Module, ModelInfo] | None = None,
    resume: bool = False,
    say: Callable[[str], None] | None = None,
    report: EpochReport | None = None,
) -> Run:
    """Train a network on a dataset.

    Parameters
    ----------
    model
        Name of the network, e.g. ``"stardist"``.
    dataset
        Annotated images; its ``val`` part is validated on if it has one, else a share is set aside.
    folder
        Of the run; see `stellate.training.fit.fit`. Gets ``run.json`` with all settings and choices as well.
    settings
        What the user set; for a resumed run what `resumed_settings` gives.
    start
        Network and info to start from.
    resume
        Go on with the run in `folder`.
    say
        Called with each line of what was chosen and why.
    report
        Called after every epoch.

    Raises
    ------
    ConfigError, DataError, InputError, OutputError
        If the settings contradict each other or the data, the data cannot be used, or the folder cannot be written
        to. All of this shows before the training begins.
    """
    kind = entry(model)
    check_writable(folder)
    _check_resumption(folder, resume=resume)
    chosen_device(settings.device)
    train, validation = divided(replace(dataset, channels=settings.channels), settings)
    data = fingerprint(train)
    check_alike(data, fingerprint(validation), validation)
    choices = choose(model, data, settings, start[1] if start else None)
    if say is not None and is_first_process():
        for line in choices.lines():
            say(line)
    network = _network(model, choices, settings, start)
    class_names = dataset.class_names or (start[1].class_names if start else ())
    _check_classes(network, class_names)
    task = TASKS[kind.task].for_network(network.config, choices.task, class_names)
    patches = PatchModule(*patch_datasets(train, validation, task, choices, settings=settings), settings)
    if not resume and is_first_process():
        _write_run(folder, {"model": model, "settings": _plain(settings), "choices": choices.lines()})
    rate = choices.learning_rate
    fitted = fit(
        network, task, data=patches, settings=settings, learning_rate=rate, folder=folder, resume=resume, report=report
    )  # fmt: skip
    info = _describe(kind.name, kind.task, folder, network=network, data=data, settings=settings)
    info = replace(
        info,
        settings=dict(choices.task),
        class_names=class_names,
        normalization=choices.normalization.to_dict(),
        training={**info.training, **_trained_on(train, validation, fitted, start)},
    )
    return Run(network, info, train, validation, fitted)


def _network(
    model: str, choices: Choices, settings: TrainSettings, start: tuple[nn.Module, ModelInfo] | None
) -> Any:
    torch.manual_seed(settings.seed)
    network = start[0].train() if start else build(model, choices.network)
    return network.to(memory_format=torch.channels_last)


def _check_resumption(folder: Path, *, resume: bool) -> None:
    last = folder / LAST
    if resume and not last.exists():
        raise ConfigError(f"{folder}: nothing to resume, there is no {last.name}; start without --resume")
    if not resume and last.exists():
        raise ConfigError(
            f"{folder}: holds a training run already; add --resume to go on with it, or choose another folder"
        )


def _check_classes(network: Any, class_names: tuple[str, ...]) -> None:
    classes = getattr(network.config, "n_classes", 0)
    if class_names and classes != len(class_names):
        raise ConfigError(
            f"the network knows {classes} classes, but there are {len(class_names)} names for them"
        )
    if classes and not class_names:
        raise ConfigError(f"network.n_classes {classes}: the data has no classes; leave it out")


def resumed_settings(folder: Path, model: str, given: TrainSettings) -> TrainSettings:
    """The settings that an interrupted run was started with.

    Raises
    ------
    ConfigError
        If there is no run, it is of another model, or a setting given now contradicts it.
    """
    path = folder / RUN_FILE
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in stored["settings"].items()}
        settings = TrainSettings.from_mapping(values)
    except FileNotFoundError as error:
        raise ConfigError(
            f"{folder}: nothing to resume, there is no {RUN_FILE}; start without --resume"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{path}: not the record of a run ({error}); start anew in another folder"
        ) from error
    if stored["model"] != model:
        raise ConfigError(f"{folder}: is a run of {stored['model']}, not of {model}")
    for item in fields(TrainSettings):
        now, then = getattr(given, item.name), getattr(settings, item.name)
        if now != getattr(TrainSettings(), item.name) and _plain_value(now) != _plain_value(then):
            raise ConfigError(f"{item.name} was {then} when the run was started; leave it out to resume")
    return settings


def _describe(
    model: str, task: str, folder: Path, *, network: nn.Module, data: Fingerprint, settings: TrainSettings
) -> ModelInfo:
    spacing = dict(zip(data.spatial_axes, data.spacing_um, strict=True)) if data.spacing_um else None
    packages = ("stellate", "torch", "numpy")
    config: Any = network.config
    return ModelInfo(
        name=folder.resolve().name,
        model=model,
        task=task,
        config=asdict(config),
        axes=data.spatial_axes,
        channels=settings.channels,
        spacing_um=spacing,
        object_diameter_px=data.object_diameters["50"],
        training={"settings": _plain(settings), "date": date.today().isoformat(), "data": data.to_dict()},
        versions={**{p: version(p) for p in packages}, "python": platform.python_version()},
    )


def _trained_on(
    train: Dataset, validation: Dataset, fitted: Fitted, start: tuple[nn.Module, ModelInfo] | None
) -> dict[str, Any]:
    return {
        "folder": train.root.name,
        "train_images": len(train),
        "validation_images": len(validation),
        "epochs": fitted.epochs,
        "validation_loss": fitted.best_loss,
        "started_from": start[1].name if start else None,
    }


def _plain(settings: TrainSettings) -> dict[str, Any]:
    return {k: _plain_value(v) for k, v in asdict(settings).items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain_value(v) for v in value]
    if isinstance(value, Mapping):
        return {k: _plain_value(v) for k, v in value.items()}
    return str(value) if isinstance(value, Path) else value


def _write_run(folder: Path, record: Mapping[str, Any]) -> None:
    with atomic(folder / RUN_FILE) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
