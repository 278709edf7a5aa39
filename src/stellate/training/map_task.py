"""The classes of pixels that a run learns, and how much each counts in the loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..data.class_pixels import ClassPixels
from ..data.fingerprint import Fingerprint
from ..errors import ConfigError, DataError
from ..losses.class_weights import LARGEST_WEIGHT, checked_weights, median_frequency_weights
from ..losses.terms import parse_losses
from ..models.file import ModelInfo
from ..tasks.class_maps import checked_width
from ..tasks.segmentation import DEFAULT_LOSS
from .reasons import Choices
from .settings import TrainSettings

__all__ = ["LearnedClasses", "choose_task", "classes_to_learn"]

# Classes with a smaller share of the pixels are worth a word on weights.
_RARE = 0.1
_NAMED = 8


@dataclass(frozen=True)
class LearnedClasses:
    """The classes of pixels that a run learns.

    Attributes
    ----------
    pixels
        How often each is in the images to train on.
    width
        Width of the borders between objects that they were made of; None where masks hold classes.
    """

    pixels: ClassPixels
    width: int | None

    def note(self, choices: Choices) -> None:
        """Tell which they are."""
        choices.note("classes", len(self.pixels.names), _shares(self.pixels))


def classes_to_learn(
    choices: Choices, data: Fingerprint, settings: TrainSettings, start: ModelInfo | None
) -> LearnedClasses:
    """Find the classes that a run learns; `choices` gets their names.

    Raises
    ------
    ConfigError
        If the user, or the model to start from, says otherwise.
    DataError
        If the data says nothing of classes of pixels.
    """
    pixels = data.mask_pixels
    if pixels is None:
        raise DataError("classes of pixels are to be learned, of which the data says nothing")
    of_objects, width = data.classes_of_objects, _border_width(settings, start)
    if not of_objects:
        _refuse_what_objects_have(settings)
    chosen = start is None and "border_width" not in settings.task
    if of_objects and chosen and width and not pixels.pixels[-1]:
        width, pixels = 0, _without_last(pixels)
        choices.note("border width", 0, "no objects touch, so that there is no border to learn")
    _check(pixels, settings, start)
    choices.class_names = pixels.names
    return LearnedClasses(pixels, width if of_objects else None)


def choose_task(
    choices: Choices, learned: LearnedClasses, settings: TrainSettings, before: Mapping[str, Any]
) -> None:
    """Losses, weights of classes, and borders.

    Parameters
    ----------
    choices
        Gets them.
    learned
        What `classes_to_learn` found.
    settings
        What the user set.
    before
        Settings of the task of the model to start from; empty if there is none.

    Raises
    ------
    ConfigError
        If what the user set cannot be read.
    """
    loss = settings.task.get("loss", before.get("loss", DEFAULT_LOSS))
    parse_losses(str(loss))
    why = "each pixel, and each class as a whole, so that small ones count" if loss == DEFAULT_LOSS else ""
    why = "as set" if "loss" in settings.task else why or "that of the model to start from"
    choices.note("loss", loss, why)
    given = {name: value for name, value in settings.task.items() if name != "class_weights"}
    kept = {name: value for name, value in before.items() if name != "class_weights"}
    choices.task = {**kept, **given, "loss": loss}
    if learned.width is not None:
        choices.task["border_width"] = learned.width
    weights, why = _class_weights(
        learned.pixels, settings.task.get("class_weights"), before.get("class_weights")
    )
    if weights:
        choices.task["class_weights"] = weights
    choices.note("class weights", ", ".join(f"{w:g}" for w in weights) or "none", why)


def _border_width(settings: TrainSettings, start: ModelInfo | None) -> int:
    before = start.settings.get("border_width", 1) if start else 1
    return checked_width(settings.task.get("border_width", before))


def _refuse_what_objects_have(settings: TrainSettings) -> None:
    """See that nothing is asked for that only objects have."""
    for name in ("border_width", "border_weights"):
        if settings.task.get(name):
            raise ConfigError(
                f"task.{name}: borders are those of objects, but the masks hold classes; leave it out, or say that "
                "they hold objects (masks instances)"
            )
    if settings.diameters is not None:
        raise ConfigError(
            f"diameters {settings.diameters!r}: the masks hold classes, whose pieces have no usual size; magnify all "
            "images alike (scale), or say that they hold objects (masks instances)"
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


def _check(pixels: ClassPixels, settings: TrainSettings, start: ModelInfo | None) -> None:
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


def _shares(pixels: ClassPixels) -> str:
    total = sum(pixels.pixels)
    shares = [f"{name} {n / total:.1%}" for name, n in zip(pixels.names, pixels.pixels, strict=True)]
    more = f" and {len(shares) - _NAMED} more" if len(shares) > _NAMED else ""
    text = f"share of the pixels: {', '.join(shares[:_NAMED])}{more}"
    if pixels.not_annotated:
        share = pixels.not_annotated / (total + pixels.not_annotated)
        text += f"; {share:.1%} of all are not annotated and do not count"
    return text


def _class_weights(pixels: ClassPixels, given: Any, before: Any) -> tuple[tuple[float, ...], str]:
    """Weight of each class in the loss, and why; none if all count the same."""
    if given is None and before:
        return tuple(map(float, before)), "those of the model to start from"
    if given is None or given == "none":
        rare = min((n for n in pixels.pixels if n), default=0) / max(1, sum(pixels.pixels))
        hint = "every pixel counts the same; task.class_weights balanced makes classes count alike"
        return (), "as set" if given else hint if rare < _RARE else "every pixel counts the same"
    if given == "balanced":
        found = median_frequency_weights(pixels.pixels, pixels.pixels_where_present, largest=LARGEST_WEIGHT)
        return tuple(round(w, 4) for w in found), "as set: median frequency, so that classes count alike"
    words = ("none", "balanced")
    return checked_weights(given, pixels.names, setting="task.class_weights", words=words), "as set"
