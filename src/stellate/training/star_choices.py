"""The choices for StarDist, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..data.fingerprint import Fingerprint
from ..errors import ConfigError, DataError
from ..models import configure
from ..models.file import ModelInfo
from ..models.stardist import StarDistConfig
from .class_choices import class_names, class_weights, why_classes
from .image_choices import choose_image_network, image_patch
from .reasons import Choices, Fields
from .run_choices import (
    channels_of,
    choose_batch,
    choose_normalization,
    choose_patch,
    choose_rate,
    choose_variation,
    forgo_weights,
    is_volumes,
    keep_network,
    kind_of,
)
from .settings import TrainSettings
from .volume_choices import VOLUME_RAYS, choose_volume_network, volume_patch

__all__ = ["choose_stardist"]

# Of the distance loss beside that of the probability, whose values are of the order of 1.
DISTANCE_WEIGHTS = {"iou": 0.5, "l1": 0.2}
# StarDist's for images; for volumes so many patches as hold about as many voxels, for which memory and time go.
IMAGE_BATCH, BATCH_VOXELS = 4, 2**19


def choose_stardist(data: Fingerprint, settings: TrainSettings, start: ModelInfo | None) -> Choices:
    """The defaults of a run of StarDist; see `stellate.training.choices.choose`."""
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
    if is_volumes(data):
        choices.anisotropy = config.anisotropy
    suited = (volume_patch if is_volumes(data) else image_patch)(data, config.stride)
    choose_patch(choices, data, settings, config.stride, suited)
    if is_volumes(data):
        why = "bounds memory, and the time of a step"
        choose_batch(choices, settings, most=IMAGE_BATCH, pixels=BATCH_VOXELS, why=why)
    else:
        choose_batch(choices, settings, most=IMAGE_BATCH, pixels=None, why="StarDist's")
    _choose_task(choices, settings, start.settings if start else None)
    _choose_class_weights(choices, data, settings)
    without = "StarDist's, without batch norm"
    fine_tuning = start is not None
    choose_rate(choices, settings, batch_norm=config.batch_norm, without=without, fine_tuning=fine_tuning)
    choose_normalization(choices, settings, start.normalization if start else None)
    why = "so that cells are found in images of other microscopes as well"
    choose_variation(choices, settings, scale_chance=1.0, intensity=1.0, why=why)
    return choices


def _check_settings(data: Fingerprint, settings: TrainSettings, start: ModelInfo | None) -> None:
    """See that the network that the user set, or that the run starts from, is for data of these dimensions.

    Raises
    ------
    ConfigError
        If not, if what the user set makes no network, or if it is for another.
    """
    forgo_weights(settings, "stardist has no encoder by name; leave it out")
    axes = len(data.spatial_axes)
    usual = {"grid": (2,) * axes, **({"n_rays": VOLUME_RAYS} if axes == 3 else {})}
    if len(configure("stardist", {**usual, **_given(data, settings)}).grid) != axes:
        raise ConfigError(
            f"network.grid {settings.network['grid']}: expected {axes} numbers, for the data is {kind_of(data)}"
        )
    if start is not None and len(configure("stardist", start.config).grid) != axes:
        other = "images, axes YX" if axes == 3 else "volumes, axes ZYX"
        raise ConfigError(
            f"the model to start from is for {other}, but the data is {kind_of(data)}; start anew, or from another "
            "model"
        )


def _given(data: Fingerprint, settings: TrainSettings) -> dict[str, Any]:
    """What the user set of the network; one number for the grid is that along each axis."""
    given = dict(settings.network)
    if isinstance(given.get("grid"), int):
        given["grid"] = (given["grid"],) * len(data.spatial_axes)
    return given


def _keep_network(choices: Choices, settings: TrainSettings, start: Mapping[str, Any]) -> None:
    network = dict(start)
    if choices.class_names and not network.get("n_classes"):
        network["n_classes"] = len(choices.class_names)
        choices.note("class head", "new", "the model to start from does not tell objects apart")
    shown = ("in_channels", "grid", "n_rays", "depth", "base_channels")
    keep_network(choices, "stardist", settings, network, shown=shown)


def _choose_network(choices: Choices, data: Fingerprint, settings: TrainSettings) -> None:
    fields = Fields(choices, _given(data, settings))
    fields.pick("in_channels", *channels_of(data, settings))
    fields.classes()
    (choose_volume_network if is_volumes(data) else choose_image_network)(choices, data, fields)
    fields.rest()


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
