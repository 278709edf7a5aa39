"""The choices for networks that name the class of every pixel, each with its reason."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..data.class_pixels import ClassPixels
from ..data.fingerprint import Fingerprint
from ..data.normalization import IMAGENET, Normalization
from ..errors import ConfigError, DataError
from ..losses.class_weights import median_frequency_weights
from ..losses.terms import parse_losses
from ..models import configure
from ..models.file import ModelInfo
from ..tasks.class_maps import checked_width
from ..tasks.segmentation import DEFAULT_LOSS
from .map_networks import SHOWN, choose_network
from .reasons import Choices, Fields, by_axis
from .run_choices import (
    channels_of,
    choose_batch,
    choose_normalization,
    choose_patch,
    choose_rate,
    is_volumes,
    keep_network,
    kind_of,
)
from .settings import TrainSettings

__all__ = ["choose_map_network"]

SMALLEST_PATCH, LARGEST_PATCH = 64, 256
PATCH_VOXELS = 2**18
MOST_PATCHES, BATCH_PIXELS, BATCH_VOXELS = 16, 2**18, 2**19
LARGEST_WEIGHT = 10.0
# Patches elsewhere show classes as often as they are; without any, a network finds rare ones everywhere.
PLACED_BY_CLASS = 0.5
_NAMED = 8


def choose_map_network(
    model: str, data: Fingerprint, settings: TrainSettings, start: ModelInfo | None
) -> Choices:
    """The defaults of a run of a network that names classes of pixels; see `stellate.training.choices.choose`."""
    pixels = data.mask_pixels
    if pixels is None:
        raise DataError(f"{model} learns classes of pixels, of which the data says nothing")
    choices = Choices(foreground_chance=PLACED_BY_CLASS)
    of_objects, width = data.classes_of_objects, _border_width(settings, start)
    if not of_objects:
        _refuse_borders(settings)
    chosen = start is None and "border_width" not in settings.task
    if of_objects and chosen and width and not pixels.pixels[-1]:
        width, pixels = 0, _without_last(pixels)
        choices.note("border width", 0, "no objects touch, so that there is no border to learn")
    choices.class_names = pixels.names
    _check_classes(pixels, settings, start)
    if start is not None:
        _keep(choices, model, settings, data=data, start=start)
    else:
        fields = Fields(choices, settings.network)
        fields.pick("in_channels", *channels_of(data, settings))
        fields.classes()
        choose_network(model, choices, data, fields)
        fields.rest()
    choices.note("classes", len(pixels.names), _why_classes(pixels))
    config: Any = configure(model, choices.network)
    choose_patch(choices, data, settings, config.stride, _patch(data, config.stride))
    volumes = is_volumes(data)
    why = "bounds memory, and the time of a step"
    choose_batch(
        choices, settings, most=MOST_PATCHES, pixels=BATCH_VOXELS if volumes else BATCH_PIXELS, why=why
    )
    _choose_task(
        choices, settings, start.settings if start else {}, pixels=pixels, width=width if of_objects else None
    )
    batch_norm = getattr(config, "batch_norm", model == "segnet")
    fine_tuning = start is not None
    choose_rate(
        choices, settings, batch_norm=batch_norm, without="without batch norm", fine_tuning=fine_tuning
    )
    choose_normalization(choices, settings, start.normalization if start else None)
    if start is None:
        _choose_encoder_weights(choices, settings, getattr(config, "encoder", ""))
    return choices


def _border_width(settings: TrainSettings, start: ModelInfo | None) -> int:
    before = start.settings.get("border_width", 1) if start else 1
    return checked_width(settings.task.get("border_width", before))


def _refuse_borders(settings: TrainSettings) -> None:
    """See that nothing is asked for that only objects have."""
    for name in ("border_width", "border_weights"):
        if settings.task.get(name):
            raise ConfigError(
                f"task.{name}: borders are those of objects, but the masks hold classes; leave it out, or say that "
                "they hold objects (masks instances)"
            )


def _without_last(pixels: ClassPixels) -> ClassPixels:
    return ClassPixels(
        pixels.names[:-1],
        pixels.pixels[:-1],
        pixels.pixels_where_present[:-1],
        pixels.masks[:-1],
        pixels.n_masks,
        pixels.not_annotated,
    )


def _check_classes(pixels: ClassPixels, settings: TrainSettings, start: ModelInfo | None) -> None:
    """See that there are classes to tell apart, as many as the user or the model to start from says."""
    given = settings.network.get("n_classes")
    if given is not None and given != len(pixels.names):
        raise ConfigError(
            f"network.n_classes {given}: the masks have {len(pixels.names)} classes "
            f"({', '.join(pixels.names)}); leave it out"
        )
    if start is not None and start.class_names != pixels.names:
        raise ConfigError(
            f"the data has the classes {', '.join(pixels.names)}, the model to start from "
            f"{', '.join(start.class_names)}; name them alike (mask_values, or mask_classes.csv in the data folder), "
            "or start anew"
        )


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


def _why_classes(pixels: ClassPixels) -> str:
    total = sum(pixels.pixels)
    shares = [f"{name} {n / total:.1%}" for name, n in zip(pixels.names, pixels.pixels, strict=True)]
    more = f" and {len(shares) - _NAMED} more" if len(shares) > _NAMED else ""
    text = f"share of the pixels: {', '.join(shares[:_NAMED])}{more}"
    if pixels.not_annotated:
        share = pixels.not_annotated / (total + pixels.not_annotated)
        text += f"; {share:.1%} of all are not annotated and do not count"
    return text


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


def _choose_task(
    choices: Choices,
    settings: TrainSettings,
    before: Mapping[str, Any],
    *,
    pixels: ClassPixels,
    width: int | None,
) -> None:
    loss = settings.task.get("loss", before.get("loss", DEFAULT_LOSS))
    parse_losses(str(loss))
    why = "each pixel, and each class as a whole, so that small ones count" if loss == DEFAULT_LOSS else ""
    why = "as set" if "loss" in settings.task else why or "that of the model to start from"
    choices.note("loss", loss, why)
    given = {name: value for name, value in settings.task.items() if name != "class_weights"}
    kept = {name: value for name, value in before.items() if name != "class_weights"}
    choices.task = {**kept, **given, "loss": loss}
    if width is not None:
        choices.task["border_width"] = width
    weights, why = _class_weights(pixels, settings.task.get("class_weights"), before.get("class_weights"))
    if weights:
        choices.task["class_weights"] = weights
    choices.note("class weights", ", ".join(f"{w:g}" for w in weights) or "none", why)


def _class_weights(pixels: ClassPixels, given: Any, before: Any) -> tuple[tuple[float, ...], str]:
    """Weight of each class in the loss, and why; none if all count the same."""
    if given is None and before:
        return tuple(map(float, before)), "those of the model to start from"
    if given is None or given == "none":
        rare = min((n for n in pixels.pixels if n), default=0) / max(1, sum(pixels.pixels))
        hint = "every pixel counts the same; task.class_weights balanced makes classes count alike"
        return (), "as set" if given else hint if rare < 0.1 else "every pixel counts the same"
    if given == "balanced":
        found = median_frequency_weights(pixels.pixels, pixels.pixels_where_present, largest=LARGEST_WEIGHT)
        return tuple(round(w, 4) for w in found), "as set: median frequency, so that classes count alike"
    numbers = given if isinstance(given, list | tuple) else ()
    if len(numbers) != len(pixels.names) or any(
        isinstance(n, bool | str) or not 0 <= n < 1e6 for n in numbers
    ):
        raise ConfigError(
            f"task.class_weights {given!r}: expected none, balanced, or {len(pixels.names)} numbers, for "
            f"{', '.join(pixels.names)}"
        )
    return tuple(map(float, numbers)), "as set"


def _choose_encoder_weights(choices: Choices, settings: TrainSettings, encoder: str) -> None:
    """Weights that an encoder by name begins with, and the scale of intensities that they were trained on."""
    given = settings.encoder_weights
    if not encoder:
        if given not in (None, "none"):
            raise ConfigError(
                f"encoder_weights {given!r}: only an encoder by name has any; choose one, e.g. network.encoder resnet34"
            )
        return
    weights = "imagenet" if given is None else "" if given == "none" else given
    why = (
        "as set" if given is not None else f"{encoder} learned to see from photographs; none begins by chance"
    )
    choices.encoder_weights = choices.note("encoder weights", weights or "none", why) if weights else ""
    if not weights:
        choices.note("encoder weights", "none", why)
        return
    in_colour = choices.network["in_channels"] == 3
    scale = choices.normalization
    mean, std = IMAGENET if in_colour else ((sum(IMAGENET[0]) / 3,), (sum(IMAGENET[1]) / 3,))
    choices.normalization = Normalization(scale.low, scale.high, scale.channels, mean, std)
    shown = ", ".join(f"{m:.3f} +- {s:.3f}" for m, s in zip(mean, std, strict=True))
    choices.note("then", shown, "the scale of the images that the encoder was trained on becomes 0 +- 1")
