"""What every run needs besides its network and task: patch, batch, rate and normalisation, with reasons."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..data.fingerprint import Fingerprint
from ..data.normalization import Normalization
from ..errors import ConfigError, DataError
from ..models import configure
from .reasons import Choices, text
from .settings import TrainSettings

__all__ = [
    "channels_of",
    "choose_batch",
    "choose_normalization",
    "choose_patch",
    "choose_rate",
    "choose_variation",
    "forgo_weights",
    "is_volumes",
    "keep_network",
    "kind_of",
]


def is_volumes(data: Fingerprint) -> bool:
    """Whether the data is volumes."""
    return len(data.spatial_axes) == 3


def kind_of(data: Fingerprint) -> str:
    """What the data is, in words."""
    return f"{'volumes' if is_volumes(data) else 'images'}, axes {data.spatial_axes}"


def channels_of(data: Fingerprint, settings: TrainSettings) -> tuple[int, str]:
    """Channels that the network takes, and why.

    Raises
    ------
    DataError
        If images differ in them.
    """
    if len(data.channels) > 1 and "in_channels" not in settings.network:
        counts = ", ".join(f"{n} with {c}" for c, n in data.channels.items())
        raise DataError(
            f"images differ in their number of channels ({counts}); give all the same, or name those to use (channels)"
        )
    why = "as many as were named" if settings.channels else "what the images have"
    return int(next(iter(data.channels))), why


def keep_network(
    choices: Choices,
    model: str,
    settings: TrainSettings,
    network: Mapping[str, Any],
    *,
    shown: tuple[str, ...],
) -> None:
    """Take the network of the model to start from.

    Parameters
    ----------
    choices
        Gets it.
    model
        Name of the network.
    settings
        What the user set; it must not contradict the network.
    network
        Fields of its config.
    shown
        Fields that are told.

    Raises
    ------
    ConfigError
        If the user set another network.
    """
    kept = asdict(configure(model, network))
    given = asdict(configure(model, {**kept, **settings.network}))
    for name in settings.network:
        if given[name] != kept[name]:
            raise ConfigError(
                f"network.{name} is {kept[name]} in the model to start from, not {given[name]}; leave it out"
            )
    choices.network = dict(network)
    listed = ", ".join(f"{name} {text(kept[name])}" for name in shown)
    choices.note("network", listed, "that of the model to start from")


def forgo_weights(settings: TrainSettings, why: str) -> None:
    """See that no weights of an encoder are asked for, where there is no use for them.

    Raises
    ------
    ConfigError
        If there are; the message says why that cannot be.
    """
    if settings.weights not in (None, "none"):
        raise ConfigError(f"weights {settings.weights!r}: {why}")


def choose_patch(
    choices: Choices,
    data: Fingerprint,
    settings: TrainSettings,
    stride: tuple[int, ...],
    suited: tuple[tuple[int, ...], str],
) -> None:
    """The patch that the user set, or one that suits the data, given with its reason.

    Raises
    ------
    ConfigError
        If the patch that the user set does not fit the data or the network.
    """
    patch, why = suited
    if settings.patch is not None:
        patch, why = settings.patch, "as set"
        if len(patch) != len(stride):
            sides = "depth, height and width" if is_volumes(data) else "height and width"
            raise ConfigError(
                f"patch {patch}: expected {len(stride)} numbers ({sides}), for the data is {kind_of(data)}"
            )
        if any(p % s for p, s in zip(patch, stride, strict=True)):
            near = tuple(max(1, round(p / s)) * s for p, s in zip(patch, stride, strict=True))
            raise ConfigError(
                f"patch {patch}: all sides must be multiples of the network's stride {stride}, such as {near}"
            )
    choices.patch = choices.note("patch", patch, why)


def choose_batch(
    choices: Choices, settings: TrainSettings, *, most: int, pixels: int | None, why: str
) -> None:
    """Patches per step, the same number on each device.

    Parameters
    ----------
    choices
        Gets it; has the patch.
    settings
        What the user set.
    most
        Patches at most.
    pixels
        So many in all, where patches are large; None for no limit.
    why
        Of both.
    """
    if settings.batch_size is not None:
        choices.batch_size = choices.note("batch size", settings.batch_size, "as set")
        return
    wanted = most if pixels is None else min(most, max(1, round(pixels / math.prod(choices.patch))))
    each = -(-wanted // settings.devices)
    choices.batch_size = choices.note("batch size", each * settings.devices, why)


def choose_rate(
    choices: Choices,
    settings: TrainSettings,
    *,
    batch_norm: bool,
    without: str,
    fine_tuning: bool,
    rate_without: float = 3e-4,
) -> None:
    """Peak learning rate.

    Parameters
    ----------
    choices
        Gets it.
    settings
        What the user set.
    batch_norm
        Whether the network has any.
    without
        Why the rate is what it is without.
    fine_tuning
        Whether the run starts from a model.
    rate_without
        The rate without batch norm.
    """
    if settings.learning_rate is not None:
        choices.learning_rate = choices.note("learning rate", settings.learning_rate, "as set")
        return
    why = "with batch norm" if batch_norm else without
    rate = (1e-3 if batch_norm else rate_without) * (0.3 if fine_tuning else 1)
    why += ", lower to fine-tune" if fine_tuning else ""
    choices.learning_rate = choices.note("learning rate", rate, why)


def choose_variation(
    choices: Choices, settings: TrainSettings, *, scale_chance: float, intensity: float, why: str
) -> None:
    """How often patches are magnified, and how much their intensities vary.

    Parameters
    ----------
    choices
        Gets them.
    settings
        What the user set.
    scale_chance, intensity
        What suits the task.
    why
        Of both.
    """
    given = [value for value in (settings.scale_chance, settings.intensity) if value is not None]
    choices.scale_chance = scale_chance if settings.scale_chance is None else settings.scale_chance
    choices.intensity = intensity if settings.intensity is None else settings.intensity
    low, high = settings.scale
    magnified = f"{choices.scale_chance:.0%} of the patches magnified {low:g} to {high:g} times"
    shown = f"{magnified if low < high else 'no magnification'}, intensities varied by {choices.intensity:g}"
    choices.note("variation", shown, "as set" if len(given) == 2 else why)


def choose_normalization(choices: Choices, settings: TrainSettings, start: Mapping[str, Any] | None) -> None:
    """How intensities are brought to a common scale: as set, or as in the model to start from."""
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
