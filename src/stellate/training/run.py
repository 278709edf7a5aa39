"""A training run: from a dataset and settings to a trained network and what is known of it."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..data.fingerprint import Fingerprint
from ..data.folder import Dataset
from ..errors import ConfigError
from ..io.atomic import check_writable
from ..models import build, entry
from ..models.file import ModelInfo
from ..models.sliding_window import SlidingWindow
from ..models.transfer import Weights, read_weights, take_weights
from ..nn.imagenet import fetch_imagenet
from ..nn.layout import best_layout
from ..tasks import TASKS
from .choices import Choices
from .feed import patch_datasets
from .fit import (
    LAST,
    EpochReport,
    Fitted,
    PatchModule,
    chosen_device,
    fit,
    is_first_process,
    uses_bfloat16,
)
from .freezing import frozen_parameters
from .module import Rates
from .plan import Plan, planned
from .record import check_same_images, plain_settings, resumed_normalization, write_record
from .settings import TrainSettings
from .whole_choices import FOR_WHOLE_IMAGES

__all__ = ["Run", "train_network"]

LEAST_BFLOAT16 = 32
"""Sides of images below which a CPU was seen to compute other, or no, numbers in bfloat16 from run to run."""


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
    train: Any
    validation: Any
    fitted: Fitted


def train_network(
    model: str,
    dataset: Any,
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
        Of the run; see `stellate.training.fit.fit`. Gets ``run.json`` as well; see `stellate.training.record`.
    settings
        What the user set; for a resumed run what `stellate.training.record.resumed_settings` gives.
    start
        Network and info to start from.
    resume
        Go on with the run in `folder`, on the images that it was started with.
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
    tell = say if say is not None and is_first_process() else _keep_quiet
    check_writable(folder)
    _check_resumption(folder, resume=resume)
    chosen_device(settings.device)
    plan = planned(kind, dataset, settings, start[1] if start else None, say=tell)
    choices, train, validation = plan.choices, plan.train, plan.validation
    whole = kind.task in FOR_WHOLE_IMAGES
    if resume:
        check_same_images(folder, plan.hashes, say=tell)
    for line in choices.lines():
        tell(line)
    if resume and (kept := resumed_normalization(folder)) is not None:
        choices.normalization = kept
    network = _network(model, choices, settings, start)
    if choices.weights and not resume:
        _begin_with(network, choices.weights, tell)
    if whole:
        frozen_parameters(network.backbone.net, settings.freeze)  # says now if there is no such layer
    task = TASKS[kind.task].for_network(network.config, choices.task, choices.class_names)
    datasets = patch_datasets(train, validation, task, choices, settings=settings)
    used = _used(settings, choices)
    patches = PatchModule(*datasets, used, n_validation=_validated(plan, used))
    if not resume and is_first_process():
        # weights that could not be had at the start are not asked for again
        given = replace(settings, weights=choices.weights or "none") if whole else settings
        write_record(
            folder,
            model,
            settings=given,
            choices=choices.lines(),
            images=plan.hashes,
            normalization=choices.normalization,
        )
    trained = _quicker(network, settings)
    fitted = fit(
        trained,
        task,
        data=patches,
        settings=used,
        rates=Rates(choices.learning_rate, choices.backbone_rate),
        folder=folder,
        resume=resume,
        report=report,
    )
    if trained is not network:
        network.load_state_dict(trained.state_dict())
    info = _describe(kind.name, kind.task, folder, network=network, data=plan.data, settings=used)
    info = replace(
        info,
        settings=dict(choices.task),
        class_names=choices.class_names,
        masks=_annotated(plan, settings),
        normalization=choices.normalization.to_dict(),
        training={**info.training, **_trained_on(train, validation, fitted, start)},
    )
    return Run(network, info, train, validation, fitted)


def _keep_quiet(line: str) -> None:
    """Takes the place of `say` where nothing is to be said."""


def _network(
    model: str, choices: Choices, settings: TrainSettings, start: tuple[nn.Module, ModelInfo] | None
) -> Any:
    torch.manual_seed(settings.seed)
    network: Any = start[0].train() if start else build(model, choices.network)
    if getattr(network.config, "n_classes", 0) != choices.network.get("n_classes", 0):
        # all weights but those of the class head, which are new
        known, network = network.state_dict(), build(model, choices.network)
        network.load_state_dict(known, strict=False)
    return _laid_out(network, settings)


def _laid_out(network: Any, settings: TrainSettings) -> Any:
    device = chosen_device(settings.device)
    dtype = torch.bfloat16 if uses_bfloat16(settings.precision, device) else torch.float32
    return network.to(memory_format=best_layout(2 + len(network.config.grid), torch.device(device), dtype))


def _begin_with(network: Any, weights: str, tell: Callable[[str], None]) -> None:
    """Let an encoder, or a backbone, begin with weights that were trained elsewhere."""
    if hasattr(network, "load_encoder_weights"):
        network.load_encoder_weights(weights)
        return
    found = (
        Weights("imagenet", fetch_imagenet(network.config.backbone))
        if weights == "imagenet"
        else read_weights(weights)
    )
    tell(f"weights {found.source}: {take_weights(network, found)}")


def _used(settings: TrainSettings, choices: Choices) -> TrainSettings:
    """The settings with what was chosen."""
    exact = settings.precision == "auto" and min(choices.patch) < LEAST_BFLOAT16
    return replace(
        settings,
        precision="float32" if exact else settings.precision,
        batch_size=choices.batch_size,
        patch=choices.patch,
        steps_per_epoch=settings.steps_per_epoch or choices.steps_per_epoch,
        patience=choices.patience if settings.patience is None else settings.patience,
    )


def _validated(plan: Plan, settings: TrainSettings) -> int:
    """How many patches are validated on after every epoch; of whole images all."""
    if isinstance(plan.validation, Dataset):
        return settings.validation_patches
    return max(settings.devices, len(plan.validation))


def _annotated(plan: Plan, settings: TrainSettings) -> dict[str, Any]:
    """What is kept of how the annotation was understood."""
    if plan.masks:
        return plan.masks.to_dict()
    cut_out = any(getattr(record, "region", None) for record in plan.train.records)
    return {"kind": "crops", "margin": settings.margin} if cut_out else {}


def _quicker(network: Any, settings: TrainSettings) -> Any:
    """The network, or one of the same weights and outputs that is quicker to train."""
    if isinstance(network, SlidingWindow) and not network.config.convolutional:
        return _laid_out(network.to_convolutional(), settings)
    return network


def _check_resumption(folder: Path, *, resume: bool) -> None:
    last = folder / LAST
    if resume and not last.exists():
        raise ConfigError(f"{folder}: nothing to resume, there is no {last.name}; start without --resume")
    if not resume and last.exists():
        raise ConfigError(
            f"{folder}: holds a training run already; add --resume to go on with it, or choose another folder"
        )


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
        # pieces of a class are as large as they happen to be, and say nothing of how large images should be
        object_diameter_px=data.object_diameters.get("50")
        if task not in FOR_WHOLE_IMAGES and (data.classes_of_objects or not data.mask_pixels)
        else None,
        training={
            "settings": plain_settings(settings),
            "date": date.today().isoformat(),
            "data": data.to_dict(),
        },
        versions={**{p: version(p) for p in packages}, "python": platform.python_version()},
    )


def _trained_on(
    train: Any, validation: Any, fitted: Fitted, start: tuple[nn.Module, ModelInfo] | None
) -> dict[str, Any]:
    return {
        "folder": train.root.name,
        "train_images": len(train),
        "validation_images": len(validation),
        "epochs": fitted.epochs,
        "validation_loss": fitted.best_loss,
        "started_from": start[1].name if start else None,
    }
