"""Defaults chosen from what the data is like, each with its reason; what the user set is kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..data.fingerprint import Fingerprint
from ..errors import ConfigError, DataError
from ..models import configure
from ..models.stardist import StarDistConfig
from .settings import TrainSettings

__all__ = ["Choices", "Reason", "choose"]

# Networks much deeper than this no longer fit small patches.
MAX_DEPTH = 5
# Below this the lowest levels hold most of the weights without helping; above, depth is free but for a few weights.
CHANNEL_LIMIT = 128
SMALLEST_PATCH, LARGEST_PATCH = 128, 512


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
    reasons
        Every choice, in the order made.
    """

    network: dict[str, Any] = field(default_factory=dict)
    task: dict[str, Any] = field(default_factory=dict)
    patch: tuple[int, int] = (256, 256)
    learning_rate: float = 3e-4
    reasons: list[Reason] = field(default_factory=list)

    def note(self, name: str, value: Any, why: str) -> Any:
        """Record a choice and return its value."""
        self.reasons.append(Reason(name, value, why))
        return value

    def lines(self) -> list[str]:
        """The choices as text, one a line."""
        width = max((len(r.name) for r in self.reasons), default=0)
        return [f"{r.name:{width}}  {_text(r.value)}: {r.why}" for r in self.reasons]


def choose(
    model: str, data: Fingerprint, settings: TrainSettings, start: Mapping[str, Any] | None = None
) -> Choices:
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
        Config of the network that the run starts from, which then cannot be chosen; None to start anew.

    Raises
    ------
    DataError
        If the data cannot be used with this model (mixed channels, volumes).
    ConfigError
        If a setting contradicts the network that the run starts from.
    """
    return CHOOSERS[model](data, settings, start)


def _choose_stardist(data: Fingerprint, settings: TrainSettings, start: Mapping[str, Any] | None) -> Choices:
    if data.spatial_axes != "YX":
        raise DataError(
            f"the images have the axes {data.spatial_axes}; this model outlines objects in 2D images, axes YX"
        )
    choices = Choices()
    if start is not None:
        _keep_network(choices, settings, start)
    else:
        _choose_network(choices, data, settings)
    config: StarDistConfig = configure("stardist", choices.network)
    _choose_patch(choices, data, settings, config)
    _choose_task(choices, settings)
    rate = settings.learning_rate or (1e-3 if config.batch_norm else 3e-4) * (0.3 if start is not None else 1)
    why = (
        "as set"
        if settings.learning_rate
        else "with batch norm"
        if config.batch_norm
        else "StarDist's, without batch norm"
    )
    choices.learning_rate = choices.note(
        "learning rate", rate, why + (", lower to fine-tune" if start is not None else "")
    )
    choices.note(
        "normalisation",
        f"{settings.normalize_low:g} % to {settings.normalize_high:g} %",
        "these percentiles of each image and channel become 0 and 1",
    )
    return choices


def _keep_network(choices: Choices, settings: TrainSettings, start: Mapping[str, Any]) -> None:
    for name, value in settings.network.items():
        if name in start and value != start[name]:
            raise ConfigError(
                f"network.{name} is {start[name]} in the model to start from, not {value}; leave it out"
            )
    choices.network = choices.note("network", dict(start), "that of the model to start from")


def _choose_network(choices: Choices, data: Fingerprint, settings: TrainSettings) -> None:
    given = dict(settings.network)
    network = choices.network
    if len(data.channels) > 1 and "in_channels" not in given:
        counts = ", ".join(f"{n} with {c}" for c, n in data.channels.items())
        raise DataError(f"images differ in their number of channels ({counts}); give all the same")
    diameter = data.object_diameters["50"]
    extent = data.object_extents["99"]

    def pick(name: str, value: Any, why: str) -> None:
        network[name] = given.pop(name, value)
        choices.note(name, network[name], why if network[name] == value else "as set")

    pick("in_channels", int(next(iter(data.channels))), "what the images have")
    grid = 1 if diameter < 8 else 2 if diameter < 60 else 4
    pick("grid", (grid, grid), f"the median object is {diameter:.0f} px wide")
    pick("batch_norm", True, "trains faster; folded away for prediction")
    pick("foreground", True, "outlines are fitted to a foreground that knows each pixel")
    depth = _depth_for(2 * extent, tuple(network["grid"]))
    field_px = StarDistConfig(grid=network["grid"], depth=given.get("depth", depth)).receptive_field[0]
    pick("depth", depth, f"sees {field_px} px; 99 % of the objects span at most {extent:.0f} px")
    pick("max_channels", CHANNEL_LIMIT if network["depth"] > 3 else 0, "depth costs few weights this way")
    network.update(given)
    for name, value in given.items():
        choices.note(name, value, "as set")


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


def _choose_task(choices: Choices, settings: TrainSettings) -> None:
    loss = settings.task.get("distance_loss", "iou")
    task = {
        "distance_loss": loss,
        "distance_weight": 0.5 if loss == "iou" else 0.2,
        "border": 0,
        **settings.task,
    }
    why = (
        "counts relative errors, so that small objects matter as much as large ones"
        if loss == "iou"
        else "StarDist's"
    )
    choices.note("distance loss", loss, why)
    choices.task = task


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return " x ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


CHOOSERS: dict[str, Callable[[Fingerprint, TrainSettings, Mapping[str, Any] | None], Choices]] = {
    "stardist": _choose_stardist
}
