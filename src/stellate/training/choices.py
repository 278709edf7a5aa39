"""Defaults chosen from what the data is like, each with its reason; what the user set is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..data.fingerprint import Fingerprint
from ..data.normalization import Normalization
from ..errors import ConfigError, DataError
from ..models import configure
from ..models.file import ModelInfo
from ..models.stardist import StarDistConfig
from .class_choices import class_names, class_weights, why_classes
from .settings import TrainSettings

__all__ = ["Choices", "Reason", "choose"]

# Networks much deeper than this no longer fit small patches.
MAX_DEPTH = 5
# Below this the lowest levels hold most of the weights without helping; above, depth is free but for a few weights.
CHANNEL_LIMIT = 128
SMALLEST_PATCH, LARGEST_PATCH = 128, 512
# Of the distance loss beside that of the probability, whose values are of the order of 1.
DISTANCE_WEIGHTS = {"iou": 0.5, "l1": 0.2}


@dataclass(frozen=True)
class Reason:
    """A choice and why it was made."""

    name: str
    value: Any
    why: str


@dataclass
class Choices:
    """What a run will use.

    Attributes
    ----------
    network
        Fields of the network's config.
    task
        Settings of the task.
    patch
        Height and width of the training patches.
    learning_rate
        Peak learning rate.
    normalization
        How intensities are brought to a common scale.
    class_names
        Names of the object classes; empty if objects are not told apart.
    reasons
        Every choice, in the order made.
    """

    network: dict[str, Any] = field(default_factory=dict)
    task: dict[str, Any] = field(default_factory=dict)
    patch: tuple[int, int] = (256, 256)
    learning_rate: float = 3e-4
    normalization: Normalization = field(default_factory=Normalization)
    class_names: tuple[str, ...] = ()
    reasons: list[Reason] = field(default_factory=list)

    def note(self, name: str, value: Any, why: str) -> Any:
        """Record a choice and return its value."""
        self.reasons.append(Reason(name, value, why))
        return value

    def lines(self) -> list[str]:
        """The choices as text, one a line."""
        width = max((len(r.name) for r in self.reasons), default=0)
        return [f"{r.name:{width}}  {_text(r.value)}: {r.why}" for r in self.reasons]


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
        If the data cannot be used with this model (no objects, mixed channels, volumes).
    ConfigError
        If a setting contradicts the network that the run starts from.
    """
    return CHOOSERS[model](data, settings, start)


def _choose_stardist(data: Fingerprint, settings: TrainSettings, start: ModelInfo | None) -> Choices:
    if data.spatial_axes != "YX":
        raise DataError(
            f"the images have the axes {data.spatial_axes}; this model outlines objects in 2D images, axes YX"
        )
    if not data.n_objects:
        raise DataError(
            "no objects in any mask of the training images; annotate some of them (masks hold 1, 2, ... for the "
            "objects and 0 for the background)"
        )
    configure("stardist", settings.network)  # before what is chosen depends on it
    choices = Choices(class_names=class_names(data, settings.network, start))
    if start is not None:
        _keep_network(choices, settings, start.config)
    else:
        _choose_network(choices, data, settings)
    if choices.class_names:
        choices.note("classes", len(choices.class_names), why_classes(choices.class_names, data, start))
    config: StarDistConfig = configure("stardist", choices.network)
    _choose_patch(choices, data, settings, config)
    _choose_task(choices, settings, start.settings if start else None)
    _choose_class_weights(choices, data, settings)
    _choose_rate(choices, settings, config, fine_tuning=start is not None)
    _choose_normalization(choices, settings, start.normalization if start else None)
    return choices


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
    text = ", ".join(f"{name} {_text(value)}" for name, value in shown.items())
    choices.note("network", text, "that of the model to start from")


def _choose_network(choices: Choices, data: Fingerprint, settings: TrainSettings) -> None:
    given = dict(settings.network)
    network = choices.network
    diameter = data.object_diameters["50"]
    extent = data.object_extents["99"]

    def pick(name: str, value: Any, why: str) -> None:
        network[name] = given.pop(name, value)
        choices.note(name, network[name], "as set" if name in settings.network else why)

    pick("in_channels", *_channels(data, settings))
    given.pop("n_classes", None)
    if choices.class_names:
        network["n_classes"] = len(choices.class_names)
    grid = 1 if diameter < 8 else 2 if diameter < 60 else 4
    pick("grid", (grid, grid), f"the median object is {diameter:.0f} px wide")
    pick("batch_norm", True, "trains faster; folded away for prediction")
    pick("foreground", True, "outlines are fitted to a foreground that knows each pixel")
    grids = configure("stardist", {"grid": network["grid"]}).grid
    depth = _depth_for(2 * extent, grids)
    field_px = min(StarDistConfig(grid=grids, depth=given.get("depth", depth)).receptive_field)
    why = f"sees {field_px} px; 99 % of the objects span at most {extent:.0f} px"
    if field_px < extent:
        why += ", more than any depth sees: scale the images down, or set a larger grid"
    pick("depth", depth, why)
    deep = network["depth"] > 3
    limit = "depth costs few weights this way" if deep else "no limit: the network is shallow"
    pick("max_channels", CHANNEL_LIMIT if deep else 0, limit)
    network.update(given)
    for name, value in given.items():
        choices.note(name, value, "as set")


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


def _depth_for(reach: float, grid: tuple[int, ...]) -> int:
    for depth in range(3, MAX_DEPTH):
        if min(StarDistConfig(grid=grid, depth=depth).receptive_field) >= reach:
            return depth
    return MAX_DEPTH


def _choose_patch(
    choices: Choices, data: Fingerprint, settings: TrainSettings, config: StarDistConfig
) -> None:
    patch = settings.patch
    if patch is None:
        wanted = min(max(256.0, 2 * data.object_extents["99"]), max(data.shape_median))
        sides = [min(max(wanted, SMALLEST_PATCH), LARGEST_PATCH)] * 2
        height, width = (math.ceil(side / s) * s for side, s in zip(sides, config.stride, strict=True))
        patch = (height, width)
        why = f"holds several objects; the median image is {' x '.join(f'{s:.0f}' for s in data.shape_median)} px"
    else:
        why = "as set"
        if any(p % s for p, s in zip(patch, config.stride, strict=True)):
            raise ConfigError(
                f"patch {patch}: both sides must be multiples of the network's stride {config.stride}"
            )
    choices.patch = choices.note("patch", patch, why)


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


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return " x ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


CHOOSERS: dict[str, Callable[[Fingerprint, TrainSettings, ModelInfo | None], Choices]] = {
    "stardist": _choose_stardist
}
