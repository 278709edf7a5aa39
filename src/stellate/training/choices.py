"""Defaults chosen from what the data is like, each with its reason; what the user set is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from ..data.fingerprint import Fingerprint
from ..data.normalization import Normalization
from ..errors import ConfigError, DataError
from ..models import configure
from ..models.file import ModelInfo
from ..models.stardist import StarDistConfig
from .class_choices import class_names, class_weights, why_classes
from .image_choices import MAX_DEPTH, choose_image_network, image_patch
from .reasons import Choices, Fields, Reason, text
from .settings import TrainSettings
from .volume_choices import MAX_VOLUME_DEPTH, VOLUME_RAYS, choose_volume_network, volume_patch

__all__ = ["Choices", "Reason", "choose", "widest_field"]

# Of the distance loss beside that of the probability, whose values are of the order of 1.
DISTANCE_WEIGHTS = {"iou": 0.5, "l1": 0.2}
# StarDist's for images; for volumes so many patches as hold about as many voxels, for which memory and time go.
IMAGE_BATCH, BATCH_VOXELS = 4, 2**19


def widest_field(n_axes: int) -> tuple[int, ...]:
    """Sides of the largest region that a U-Net sees, of those that are chosen for images (2 axes) or volumes (3).

    Examples
    --------
    >>> widest_field(3)
    (828, 828, 828)
    """
    depth = MAX_DEPTH if n_axes == 2 else MAX_VOLUME_DEPTH
    return StarDistConfig(grid=(4,) * n_axes, depth=depth).receptive_field


def choose(model: str, data: Fingerprint, settings: TrainSettings, start: ModelInfo | None = None) -> Choices:
    """Choose the defaults of a run.

    Parameters
    ----------
    model
        Name of the network.
    data
        What the training images are like.
    settings
        What the user set.
    start
        What is known of the model that the run starts from, whose network then cannot be chosen, and whose
        normalisation and task are kept where nothing else is set; None to start anew.

    Raises
    ------
    DataError
        If the data cannot be used with this model (no objects, mixed channels).
    ConfigError
        If a setting contradicts the network that the run starts from, or the data's dimensions do.
    """
    return CHOOSERS[model](data, settings, start)


def _choose_stardist(data: Fingerprint, settings: TrainSettings, start: ModelInfo | None) -> Choices:
    if not data.n_objects:
        raise DataError(
            "no objects in any mask of the training images; annotate some of them (masks hold 1, 2, ... for the "
            "objects and 0 for the background)"
        )
    _check_settings(data, settings, start)
    choices = Choices(class_names=class_names(data, settings.network, start))
    if start is not None:
        _keep_network(choices, settings, start.config)
    else:
        _choose_network(choices, data, settings)
    if choices.class_names:
        choices.note("classes", len(choices.class_names), why_classes(choices.class_names, data, start))
    config: StarDistConfig = configure("stardist", choices.network)
    _choose_patch(choices, data, settings, config.stride)
    _choose_batch(choices, data, settings)
    _choose_task(choices, settings, start.settings if start else None)
    _choose_class_weights(choices, data, settings)
    _choose_rate(choices, settings, config, fine_tuning=start is not None)
    _choose_normalization(choices, settings, start.normalization if start else None)
    return choices


def _check_settings(data: Fingerprint, settings: TrainSettings, start: ModelInfo | None) -> None:
    """See that the network that the user set, or that the run starts from, is for data of these dimensions.

    Raises
    ------
    ConfigError
        If not, or if what the user set makes no network.
    """
    axes = len(data.spatial_axes)
    usual = {"grid": (2,) * axes, **({"n_rays": VOLUME_RAYS} if axes == 3 else {})}
    if len(configure("stardist", {**usual, **_given(data, settings)}).grid) != axes:
        raise ConfigError(
            f"network.grid {settings.network['grid']}: expected {axes} numbers, for the data is {_kind(data)}"
        )
    if start is not None and len(configure("stardist", start.config).grid) != axes:
        other = "images, axes YX" if axes == 3 else "volumes, axes ZYX"
        raise ConfigError(
            f"the model to start from is for {other}, but the data is {_kind(data)}; start anew, or from another model"
        )


def _given(data: Fingerprint, settings: TrainSettings) -> dict[str, Any]:
    """What the user set of the network; one number for the grid is that along each axis."""
    given = dict(settings.network)
    if isinstance(given.get("grid"), int):
        given["grid"] = (given["grid"],) * len(data.spatial_axes)
    return given


def _choose_rate(
    choices: Choices, settings: TrainSettings, config: StarDistConfig, *, fine_tuning: bool
) -> None:
    if settings.learning_rate is not None:
        choices.learning_rate = choices.note("learning rate", settings.learning_rate, "as set")
        return
    why = "with batch norm" if config.batch_norm else "StarDist's, without batch norm"
    rate = (1e-3 if config.batch_norm else 3e-4) * (0.3 if fine_tuning else 1)
    why += ", lower to fine-tune" if fine_tuning else ""
    choices.learning_rate = choices.note("learning rate", rate, why)


def _keep_network(choices: Choices, settings: TrainSettings, start: Mapping[str, Any]) -> None:
    network = dict(start)
    if choices.class_names and not network.get("n_classes"):
        network["n_classes"] = len(choices.class_names)
        choices.note("class head", "new", "the model to start from does not tell objects apart")
    kept = asdict(configure("stardist", network))
    given = asdict(configure("stardist", {**kept, **settings.network}))
    for name in settings.network:
        if given[name] != kept[name]:
            raise ConfigError(
                f"network.{name} is {kept[name]} in the model to start from, not {given[name]}; leave it out"
            )
    choices.network = network
    shown = {name: kept[name] for name in ("in_channels", "grid", "n_rays", "depth", "base_channels")}
    listed = ", ".join(f"{name} {text(value)}" for name, value in shown.items())
    choices.note("network", listed, "that of the model to start from")


def _choose_network(choices: Choices, data: Fingerprint, settings: TrainSettings) -> None:
    fields = Fields(choices, _given(data, settings))
    fields.pick("in_channels", *_channels(data, settings))
    fields.classes()
    (choose_volume_network if _is_volumes(data) else choose_image_network)(choices, data, fields)
    fields.rest()


def _channels(data: Fingerprint, settings: TrainSettings) -> tuple[int, str]:
    """Channels that the network takes, and why."""
    if len(data.channels) > 1 and "in_channels" not in settings.network:
        counts = ", ".join(f"{n} with {c}" for c, n in data.channels.items())
        raise DataError(
            f"images differ in their number of channels ({counts}); give all the same, or name those to use (channels)"
        )
    return int(
        next(iter(data.channels))
    ), "as many as were named" if settings.channels else "what the images have"


def _choose_patch(
    choices: Choices, data: Fingerprint, settings: TrainSettings, stride: tuple[int, ...]
) -> None:
    patch, why = (volume_patch if _is_volumes(data) else image_patch)(data, stride)
    if settings.patch is not None:
        patch, why = settings.patch, "as set"
        if len(patch) != len(stride):
            sides = "depth, height and width" if _is_volumes(data) else "height and width"
            raise ConfigError(
                f"patch {patch}: expected {len(stride)} numbers ({sides}), for the data is {_kind(data)}"
            )
        if any(p % s for p, s in zip(patch, stride, strict=True)):
            raise ConfigError(f"patch {patch}: all sides must be multiples of the network's stride {stride}")
    choices.patch = choices.note("patch", patch, why)


def _choose_batch(choices: Choices, data: Fingerprint, settings: TrainSettings) -> None:
    """Patches per step, the same number on each device."""
    if settings.batch_size is not None:
        choices.batch_size = choices.note("batch size", settings.batch_size, "as set")
        return
    wanted, why = IMAGE_BATCH, "StarDist's"
    if _is_volumes(data):
        wanted = min(IMAGE_BATCH, max(1, round(BATCH_VOXELS / math.prod(choices.patch))))
        why = "bounds memory, and the time of a step"
    each = -(-wanted // settings.devices)
    choices.batch_size = choices.note("batch size", each * settings.devices, why)


def _choose_task(choices: Choices, settings: TrainSettings, start: Mapping[str, Any] | None) -> None:
    base: dict[str, Any] = {"distance_loss": "iou", "border": 0} if start is None else dict(start)
    before = base.setdefault("distance_loss", "l1")
    loss = settings.task.get("distance_loss", before)
    if loss != before or "distance_weight" not in base:
        base["distance_weight"] = DISTANCE_WEIGHTS.get(loss, 0.2)
    choices.task = {**base, **settings.task}
    why = {
        "iou": "counts relative errors, so that small objects matter as much as large ones",
        "l1": "StarDist's",
    }
    set_ = "distance_loss" in settings.task
    choices.note(
        "distance loss", loss, "as set" if set_ else why.get(loss, "that of the model to start from")
    )


def _choose_class_weights(choices: Choices, data: Fingerprint, settings: TrainSettings) -> None:
    before = choices.task.pop("class_weights", None)
    given = settings.task.get("class_weights")
    if not choices.class_names and given is None:
        return
    weights, why = class_weights(choices.class_names, data, given, None if given is not None else before)
    if weights:
        choices.task["class_weights"] = weights
    if choices.class_names:
        choices.note("class weights", ", ".join(f"{w:g}" for w in weights) or "none", why)


def _choose_normalization(choices: Choices, settings: TrainSettings, start: Mapping[str, Any] | None) -> None:
    given = {
        "low": settings.normalize_low,
        "high": settings.normalize_high,
        "channels": settings.normalize_channels,
    }
    given = {name: value for name, value in given.items() if value is not None}
    chosen = choices.normalization = Normalization.from_dict({**(start or {}), **given})
    of = "all channels together" if chosen.channels == "joint" else "each channel"
    why = (
        "as set"
        if given
        else "what suits most images"
        if start is None
        else "that of the model to start from"
    )
    choices.note(
        "normalisation",
        f"{chosen.low:g} % to {chosen.high:g} %",
        f"{why}; these percentiles of each image, of {of}, become 0 and 1",
    )


def _is_volumes(data: Fingerprint) -> bool:
    return len(data.spatial_axes) == 3


def _kind(data: Fingerprint) -> str:
    return f"{'volumes' if _is_volumes(data) else 'images'}, axes {data.spatial_axes}"


CHOOSERS: dict[str, Callable[[Fingerprint, TrainSettings, ModelInfo | None], Choices]] = {
    "stardist": _choose_stardist
}
