"""The choices for networks that see an image as a whole: classifiers and localizers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..data.fingerprint import Fingerprint
from ..errors import ConfigError, DataError, ModelFileError
from ..models import build, configure
from ..models.file import ModelInfo, read_info
from ..nn.imagenet import fetch_imagenet, scale_of_imagenet
from ..tasks.localization import LocalizationTask
from .reasons import Choices, Fields, by_axis, text
from .run_choices import (
    channels_of,
    choose_normalization,
    choose_rate,
    choose_variation,
    forgo_weights,
    is_volumes,
    keep_network,
    kind_of,
)
from .settings import TrainSettings

__all__ = ["FOR_LABELS", "FOR_WHOLE_IMAGES", "choose_whole", "read_scale", "refuse_other_settings"]

FOR_WHOLE_IMAGES = ("classification", "localization")
"""Tasks of networks that see an image as a whole."""
FOR_LABELS = (*FOR_WHOLE_IMAGES, "detection")
"""Tasks that learn from classes of images, or from boxes, and not from pixels."""

_ONLY_WHOLE = (
    "backbone", "freeze", "unfreeze_every", "backbone_rate", "balance", "folds", "sweep",
    "crop_margin", "least_images", "skip_unreadable", "skip_not_single", "bad_boxes",
)  # fmt: skip
_ONLY_PIXELS = (
    "patch", "synthetic", "diameters", "masks", "mask_values", "mask_ignore", "mask_tolerance",
)  # fmt: skip
"""Settings of the one kind of task that the other has no use for."""
_USELESS = {
    "classification": _ONLY_PIXELS,
    "localization": _ONLY_PIXELS,
    "detection": (
        *(name for name in _ONLY_WHOLE if name not in ("skip_unreadable", "bad_boxes")),
        *(name for name in _ONLY_PIXELS if name != "patch"),
    ),
}
"""By the task; of all others the former."""

SMALLEST, LARGEST, STEP = 64, 224, 32
MOST_IMAGES = 32
FEWEST_STEPS, MOST_STEPS = 10, 100
PATIENCE = 20
PRETRAINED_RATE, PLAIN_RATE = 0.1, 1e-4
UNEQUAL = 1.5
MAGNIFIED, INTENSITY = 0.7, 0.5
MOST_WEIGHT = 10.0
SHOWN = ("in_channels", "backbone", "input_size")


def refuse_other_settings(task: str, settings: TrainSettings) -> None:
    """See that nothing is set that a task has no use for.

    Raises
    ------
    ConfigError
        If there is; the message says which models have.
    """
    whole = task in FOR_WHOLE_IMAGES
    usual = TrainSettings()
    for name in _USELESS.get(task, _ONLY_WHOLE):
        if (value := getattr(settings, name)) != getattr(usual, name):
            remedy = (
                "images are seen as a whole here, and have no masks; leave it out"
                if whole
                else "a detector has no use for it; leave it out"
                if task == "detection"
                else "only a classifier or a localizer has a use for it; leave it out"
            )
            hint = " (the size of the network's images is network.input_size)" if name == "patch" else ""
            raise ConfigError(f"{name} {text(value)}: {remedy}{hint}")
    if settings.sweep and task != "localization":
        raise ConfigError(f"sweep {settings.sweep}: a {task} has no such setting to try values of")


def choose_whole(model: str, data: Fingerprint, settings: TrainSettings, start: ModelInfo | None) -> Choices:
    """The defaults of a run of a classifier or localizer; see `stellate.training.choices.choose`."""
    if is_volumes(data):
        raise ConfigError(f"{model} is for images, but the data is {kind_of(data)}; save planes as images")
    choices = Choices(class_names=tuple(data.class_objects), foreground_chance=0.0)
    if settings.backbone and settings.network.get("backbone", settings.backbone) != settings.backbone:
        raise ConfigError(f"backbone {settings.backbone} and network.backbone differ; give one of them")
    if model == "classifier" and len(choices.class_names) < 2:
        raise DataError(
            f"all images are of one class ({', '.join(choices.class_names)}); a classifier needs two to tell apart"
        )
    if start is not None:
        _keep(choices, model, settings, start)
    else:
        _choose_network(choices, data, settings)
    counts = data.class_objects
    shown = ", ".join(f"{name} {n}" for name, n in [*counts.items()][:8])
    more = f" and {len(counts) - 8} more" if len(counts) > 8 else ""
    choices.note("classes", len(counts), f"images to train on: {shown}{more}")
    config: Any = configure(model, choices.network)
    choices.patch = config.input_size
    _choose_length(choices, data, settings)
    known = (
        {name: value for name, value in start.settings.items() if name != "class_weights"} if start else {}
    )
    choices.task = {**known, **settings.task}  # weights of classes are those of the images at hand
    if model == "localizer":
        _note_loss(choices, settings)
    _choose_balance(choices, data, settings)
    if start is None:
        _choose_weights(choices, settings, config)
    else:
        choose_normalization(choices, settings, start.normalization)
        forgo_weights(settings, "the weights are those of the model to start from; leave it out")
        choices.backbone_rate = 1.0 if settings.backbone_rate is None else settings.backbone_rate
    _note_freezing(choices, settings)
    choose_rate(
        choices,
        settings,
        batch_norm=_has_batch_norm(model, choices, settings),
        without=f"{config.backbone} has no batch norm",
        fine_tuning=start is not None,
        rate_without=PLAIN_RATE,
    )
    why = "size and colour may tell classes apart"
    choose_variation(choices, settings, scale_chance=MAGNIFIED, intensity=INTENSITY, why=why)
    return choices


def _note_loss(choices: Choices, settings: TrainSettings) -> None:
    task = LocalizationTask(**{k: v for k, v in choices.task.items() if k in ("box_loss", "box_weight")})
    why = (
        "as set"
        if {"box_loss", "box_weight"} & settings.task.keys()
        else "sweep box-weight tries other weights"
    )
    choices.note("loss", f"class + {task.box_weight:g} x {task.box_loss} of the box", why)


def _choose_network(choices: Choices, data: Fingerprint, settings: TrainSettings) -> None:
    given = {**({"backbone": settings.backbone} if settings.backbone else {}), **settings.network}
    fields = Fields(choices, given)
    fields.pick("in_channels", *channels_of(data, settings))
    fields.classes()
    fields.pick("backbone", "resnet18", "small, and good at most things")
    fields.pick("input_size", *_input_size(data))
    fields.rest()


def _keep(choices: Choices, model: str, settings: TrainSettings, start: ModelInfo) -> None:
    if set(start.class_names) != set(choices.class_names) or len(start.class_names) != len(
        choices.class_names
    ):
        raise ConfigError(
            f"the data has the classes {', '.join(choices.class_names)}, the model to start from "
            f"{', '.join(start.class_names)}; to learn other classes take its backbone alone (weights MODEL)"
        )
    given = {**({"backbone": settings.backbone} if settings.backbone else {}), **settings.network}
    changed = TrainSettings(network=given)
    keep_network(choices, model, changed, start.config, shown=SHOWN)


def _input_size(data: Fingerprint) -> tuple[tuple[int, ...], str]:
    """Height and width that images are brought to, in the proportions of the median one, and why."""
    longest = max(data.shape_median)
    side = min(max(longest, SMALLEST), LARGEST)
    size = tuple(max(SMALLEST, round(side * n / longest / STEP) * STEP) for n in data.shape_median)
    return size, f"the median image is {by_axis(data.shape_median)} px"


def _choose_length(choices: Choices, data: Fingerprint, settings: TrainSettings) -> None:
    """Images per step, steps per epoch, and when to stop."""
    batch = settings.batch_size
    if batch is None:
        wanted = min(MOST_IMAGES, max(8, data.n_images // 8))
        batch = -(-wanted // settings.devices) * settings.devices
    why = "as set" if settings.batch_size else f"there are {data.n_images} images to train on"
    choices.batch_size = choices.note("batch size", batch, why)
    steps = settings.steps_per_epoch
    if steps is None:
        steps = min(MOST_STEPS, max(FEWEST_STEPS, round(data.n_images / batch)))
    why = "as set" if settings.steps_per_epoch else "about as many images as there are"
    choices.steps_per_epoch = choices.note("steps", steps, f"in an epoch; {why}")
    choices.patience = PATIENCE if settings.patience is None else settings.patience
    why = "as set" if settings.patience is not None else "few images are soon known by heart"
    choices.note("patience", choices.patience, f"epochs without a better validation; {why}")


def _choose_balance(choices: Choices, data: Fingerprint, settings: TrainSettings) -> None:
    """How rare classes are made up for."""
    counts = [n for n in data.class_objects.values() if n]
    ratio = max(counts) / min(counts)
    balance, why = settings.balance, "as set"
    if balance is None:
        balance = "sampling" if ratio > UNEQUAL else "none"
        why = f"the most frequent class has {ratio:.1f} times the images of the rarest"
    choices.balance = choices.note("balance", balance, why)
    if balance == "weights":
        if settings.task.get("class_weights"):
            raise ConfigError("balance weights and task.class_weights: give one of them")
        even = data.n_images / len(counts)
        choices.task["class_weights"] = tuple(
            round(min(MOST_WEIGHT, even / n), 4) if n else 1.0 for n in data.class_objects.values()
        )


def _choose_weights(choices: Choices, settings: TrainSettings, config: Any) -> None:
    """What the backbone begins with, and the scale of intensities that it was trained on."""
    weights, why = str(settings.weights), "as set"
    if settings.weights is None:
        weights, why = "imagenet", f"{config.backbone} learned to see from photographs"
        try:
            fetch_imagenet(config.backbone)
        except ConfigError as error:
            reason = str(error).partition("; ")[0].removeprefix("weights ")
            weights, why = "none", f"begins by chance, for {reason}; with weights fewer images would do"
    choices.note("weights", weights, why)
    choices.weights = "" if weights == "none" else weights
    pretrained = bool(choices.weights)
    known = read_scale(weights) if pretrained else None
    choose_normalization(choices, settings, _fitting(known, config.in_channels))
    if pretrained:
        _take_scale(choices, config, known)
    usual = PRETRAINED_RATE if pretrained else 1.0
    choices.backbone_rate = usual if settings.backbone_rate is None else settings.backbone_rate
    if settings.backbone_rate is not None or pretrained:
        why = "as set" if settings.backbone_rate is not None else "what it has learned is to be kept"
        choices.note("backbone rate", choices.backbone_rate, f"share of the learning rate; {why}")


def _note_freezing(choices: Choices, settings: TrainSettings) -> None:
    if settings.freeze != "none":
        every = settings.unfreeze_every
        choices.note(
            "frozen",
            f"{settings.freeze}{f', a stage less after each {every} epochs' if every else ''}",
            "as set",
        )


def _has_batch_norm(model: str, choices: Choices, settings: TrainSettings) -> bool:
    """Whether the network has any; if so, see that there is more than one value to take the statistics of.

    Raises
    ------
    ConfigError
        If there is not.
    """
    with torch.device("meta"):  # without content
        made: Any = build(model, choices.network)
        norms = any(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in made.modules())
        each = choices.batch_size // settings.devices
        if norms and each == 1:
            try:
                made(torch.zeros(1, made.config.in_channels, *choices.patch))
            except ValueError as error:
                raise ConfigError(
                    f"batch_size {choices.batch_size}: with one image at a time, brought to {text(choices.patch)} px, "
                    "the network has single values where it needs several to normalise; take a larger batch_size or "
                    "network.input_size"
                ) from error
    return norms


def read_scale(weights: str) -> Mapping[str, Any] | None:
    """How images were normalised for weights that are a model of stellate; None for others."""
    path = Path(weights)
    if weights == "imagenet" or path.suffix != ".safetensors":
        return None
    try:
        return read_info(path).normalization
    except ModelFileError:  # a state dict, or a file that is refused where it is read
        return None


def _fitting(known: Mapping[str, Any] | None, in_channels: int) -> Mapping[str, Any] | None:
    """The normalisation of other weights; without its scale of each channel if that is of other channels."""
    if known is None or len(known.get("mean", ())) in (0, 1, in_channels):
        return known
    return {name: value for name, value in known.items() if name not in ("mean", "std")}


def _take_scale(choices: Choices, config: Any, known: Mapping[str, Any] | None) -> None:
    """Let intensities have the scale that the weights expect: that of their model, or else of photographs."""
    own = choices.normalization
    if known is not None and (own.mean or not known.get("mean")):
        if own.mean:
            choices.note("then", _scale(own.mean, own.std), "normalised as for the weights")
        return
    mean, std = scale_of_imagenet(config.backbone, config.in_channels)
    choices.normalization = replace(own, mean=mean, std=std)
    why = "the scale of the images that the backbone was trained on becomes 0 +- 1"
    choices.note("then", _scale(mean, std), why)


def _scale(mean: tuple[float, ...], std: tuple[float, ...]) -> str:
    return ", ".join(f"{m:.3f} +- {s:.3f}" for m, s in zip(mean[:3], std[:3], strict=True))
