"""The choices for detectors, each with its reason."""

from __future__ import annotations

import math
from typing import Any

from ..data.fingerprint import Fingerprint
from ..errors import ConfigError, DataError
from ..models import configure
from ..models.file import ModelInfo
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

__all__ = ["choose_yolo"]

SMALLEST_PATCH, LARGEST_PATCH = 128, 416
MOST_PATCHES, BATCH_PIXELS = 16, 2**20
# StarDist's share; the others show what there is where nothing was annotated.
PLACED_BY_OBJECTS = 0.7
MAGNIFIED, INTENSITY = 0.7, 0.5
MOSAIC, WITHOUT_MOSAIC = 0.5, 0.2
ROOM, LEAST_ROOM = 1.5, 300
SHOWN = ("in_channels", "width", "depth")


def choose_yolo(data: Fingerprint, settings: TrainSettings, start: ModelInfo | None) -> Choices:
    """The defaults of a run of a YOLO; see `stellate.training.choices.choose`."""
    if is_volumes(data):
        raise ConfigError(f"yolo is for images, but the data is {kind_of(data)}; save planes as images")
    if not data.n_objects:
        raise DataError("no boxes in any of the images to train on; annotate some of them")
    choices = Choices(
        class_names=tuple(data.class_objects), foreground_chance=PLACED_BY_OBJECTS, windows=True
    )
    if start is not None:
        keep_network(choices, "yolo", settings, start.config, shown=SHOWN)
    else:
        fields = Fields(choices, settings.network)
        fields.pick("in_channels", *channels_of(data, settings))
        fields.classes()
        fields.pick("width", 16, "size n; 32 is s, and 48 with depth 2 is m")
        fields.rest()
    shown = ", ".join(f"{name} {n}" for name, n in data.class_objects.items())
    choices.note("classes", len(choices.class_names), f"boxes to train on: {shown}")
    config: Any = configure("yolo", choices.network)
    choose_patch(choices, data, settings, config.stride, _patch(data, config.stride))
    why = "bounds memory, and the time of a step"
    choose_batch(choices, settings, most=MOST_PATCHES, pixels=BATCH_PIXELS, why=why)
    _choose_task(choices, data, settings, start)
    choose_rate(choices, settings, batch_norm=True, without="", fine_tuning=start is not None)
    choose_normalization(choices, settings, start.normalization if start else None)
    why = "objects of other sizes and shades are to be found as well"
    choose_variation(choices, settings, scale_chance=MAGNIFIED, intensity=INTENSITY, why=why)
    choices.mosaic, choices.without_mosaic = MOSAIC, WITHOUT_MOSAIC
    choices.note(
        "mosaic", f"{MOSAIC:.0%} of the patches", f"made of four; none in the last {WITHOUT_MOSAIC:.0%}"
    )
    forgo_weights(
        settings, "yolo has no backbone that others have trained; start from a model (from) instead"
    )
    return choices


def _patch(data: Fingerprint, stride: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
    side = min(max(max(data.shape_median), SMALLEST_PATCH), LARGEST_PATCH)
    why = f"the median image is {by_axis(data.shape_median)} px"
    return tuple(math.ceil(side / s) * s for s in stride), why


def _choose_task(
    choices: Choices, data: Fingerprint, settings: TrainSettings, start: ModelInfo | None
) -> None:
    """Caps and reach follow from the objects of the data."""
    densest = int(data.objects_per_image[2])
    most = max(LEAST_ROOM, math.ceil(ROOM * densest))
    largest = float(math.ceil(max(data.large_extent)))
    choices.task = {**(start.settings if start else {}), "most": most, "largest": largest, **settings.task}
    choices.note("most objects", choices.task["most"], f"of an image; the densest to train on has {densest}")
    choices.note(
        "tiles read", choices.task["largest"], "pixels beyond what they own; 99 % of the boxes are no longer"
    )
