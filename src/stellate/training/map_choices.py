"""The choices for networks that name the class of every pixel, each with its reason."""

from __future__ import annotations

import math
from typing import Any

from ..data.fingerprint import Fingerprint
from ..data.normalization import IMAGENET, Normalization
from ..errors import ConfigError
from ..models import configure
from ..models.file import ModelInfo
from .map_networks import SHOWN, choose_network
from .map_task import choose_task, classes_to_learn
from .reasons import Choices, Fields, by_axis
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

__all__ = ["choose_map_network"]

SMALLEST_PATCH, LARGEST_PATCH = 64, 256
PATCH_VOXELS = 2**18
MOST_PATCHES, BATCH_PIXELS, BATCH_VOXELS = 16, 2**18, 2**19
# Patches elsewhere show classes as often as they are; without any, a network finds rare ones everywhere.
PLACED_BY_CLASS = 0.5
# About what nnU-Net does (Isensee et al., Nature Methods 2021): as much as objects are varied costs thin structures.
MAGNIFIED, INTENSITY = 0.2, 0.5


def choose_map_network(
    model: str, data: Fingerprint, settings: TrainSettings, start: ModelInfo | None
) -> Choices:
    """The defaults of a run of a network that names classes of pixels; see `stellate.training.choices.choose`."""
    choices = Choices(foreground_chance=PLACED_BY_CLASS)
    learned = classes_to_learn(choices, data, settings, start)
    if start is not None:
        _keep(choices, model, settings, data=data, start=start)
    else:
        fields = Fields(choices, settings.network)
        fields.pick("in_channels", *channels_of(data, settings))
        fields.classes()
        choose_network(model, choices, data, fields)
        fields.rest()
    learned.note(choices)
    config: Any = configure(model, choices.network)
    choose_patch(choices, data, settings, config.stride, _patch(data, config.stride))
    most = BATCH_VOXELS if is_volumes(data) else BATCH_PIXELS
    why = "bounds memory, and the time of a step"
    choose_batch(choices, settings, most=MOST_PATCHES, pixels=most, why=why)
    choose_task(choices, learned, settings, start.settings if start else {})
    batch_norm = getattr(config, "batch_norm", model == "segnet")
    fine_tuning = start is not None
    choose_rate(
        choices, settings, batch_norm=batch_norm, without="without batch norm", fine_tuning=fine_tuning
    )
    choose_normalization(choices, settings, start.normalization if start else None)
    choose_variation(
        choices,
        settings,
        scale_chance=MAGNIFIED,
        intensity=INTENSITY,
        why="size and brightness tell classes apart",
    )
    if start is None:
        _choose_weights(choices, model, settings, getattr(config, "encoder", None))
    else:
        forgo_weights(settings, "the weights are those of the model to start from; leave it out")
    return choices


def _keep(
    choices: Choices, model: str, settings: TrainSettings, *, data: Fingerprint, start: ModelInfo
) -> None:
    if len(start.axes) != len(data.spatial_axes):
        raise ConfigError(
            f"the model to start from is for axes {start.axes}, but the data is {kind_of(data)}; start anew, or from "
            "another model"
        )
    keep_network(choices, model, settings, start.config, shown=SHOWN[model])
    if is_volumes(data) and data.spacing_um:
        choices.anisotropy = tuple(s / min(data.spacing_um) for s in data.spacing_um)


def _patch(data: Fingerprint, stride: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
    """Sides of the training patches, multiples of the stride, and why."""
    why = f"the median {'volume' if is_volumes(data) else 'image'} is {by_axis(data.shape_median)} px"
    if is_volumes(data):
        return _volume_patch(data, stride), why
    side = min(max(max(data.shape_median), SMALLEST_PATCH), LARGEST_PATCH)
    return tuple(math.ceil(side / s) * s for s in stride), why


def _volume_patch(data: Fingerprint, stride: tuple[int, ...]) -> tuple[int, ...]:
    """As many voxels as `PATCH_VOXELS`, as long along each axis in voxels where the volume is long enough."""
    left, sides = float(PATCH_VOXELS), dict.fromkeys(range(3), 0)
    for count, axis in zip((3, 2, 1), sorted(sides, key=lambda a: data.shape_median[a]), strict=True):
        side = min(left ** (1 / count), math.ceil(data.shape_median[axis]))
        sides[axis] = max(1, round(side / stride[axis])) * stride[axis]
        left = max(1.0, left / sides[axis])
    return tuple(sides.values())


def _choose_weights(choices: Choices, model: str, settings: TrainSettings, encoder: str | None) -> None:
    """Weights that an encoder by name begins with, and the scale of intensities that they were trained on."""
    if encoder is None:
        forgo_weights(settings, f"{model} has no encoder by name; leave it out, or train a unet with one")
        return
    if not encoder:
        why = "only an encoder by name has any; choose one, e.g. network.encoder resnet34"
        forgo_weights(settings, why)
        return
    given = settings.weights
    weights = "imagenet" if given is None else "" if given == "none" else given
    why = (
        "as set" if given is not None else f"{encoder} learned to see from photographs; none begins by chance"
    )
    choices.weights = choices.note("encoder weights", weights or "none", why) if weights else ""
    if not weights:
        choices.note("encoder weights", "none", why)
        return
    in_colour = choices.network["in_channels"] == 3
    scale = choices.normalization
    mean, std = IMAGENET if in_colour else ((sum(IMAGENET[0]) / 3,), (sum(IMAGENET[1]) / 3,))
    choices.normalization = Normalization(scale.low, scale.high, scale.channels, mean, std)
    shown = ", ".join(f"{m:.3f} +- {s:.3f}" for m, s in zip(mean, std, strict=True))
    choices.note("then", shown, "the scale of the images that the encoder was trained on becomes 0 +- 1")
