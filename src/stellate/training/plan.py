"""What a run is going to do, before anything is trained: its images, what their masks hold, and the choices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ..data.fingerprint import Fingerprint
from ..data.folder import Dataset
from ..data.mask_use import MaskUse
from ..errors import ConfigError
from ..models import ModelEntry
from ..models.file import ModelInfo
from .choices import Choices, choose
from .feed import divided, look_at
from .masks import check_enough, mask_maker, understood
from .settings import TrainSettings
from .whole_choices import FOR_LABELS, refuse_other_settings
from .whole_plan import check_classes, drawn_by_class, usable

__all__ = ["Plan", "planned"]


@dataclass(frozen=True, eq=False)
class Plan:
    """What a run is going to do.

    Attributes
    ----------
    train, validation
        The images to train and to validate on, with their masks as the task takes them; of a class each, or with a box.
    data
        What the images to train on are like.
    hashes
        By which the images are known again; see `stellate.training.feed.Seen`.
    masks
        What masks were taken for; None where only objects will do.
    choices
        What the run will use, and why.
    """

    train: Any
    validation: Any
    data: Fingerprint
    hashes: dict[str, dict[str, str]]
    masks: MaskUse | None
    choices: Choices


def planned(
    kind: ModelEntry,
    dataset: Any,
    settings: TrainSettings,
    start: ModelInfo | None,
    *,
    say: Callable[[str], None],
) -> Plan:
    """Look at the images of a run and choose what it will use.

    Parameters
    ----------
    kind
        The network.
    dataset
        Annotated images.
    settings
        What the user set.
    start
        What is known of the model to start from; None to start anew.
    say
        Called with what masks are taken for, and what they lack.

    Raises
    ------
    ConfigError, DataError, InputError
        If settings, data and the model to start from do not go together, or the data cannot be used.
    """
    if start is not None and start.model != kind.name:
        raise ConfigError(
            f"the model to start from is a {start.model}, not a {kind.name}: train a {start.model}, or start anew"
        )
    dataset = replace(dataset, channels=settings.channels, axes=settings.axes or dataset.axes)
    if kind.task in FOR_LABELS:
        return _planned_by_labels(kind, dataset, settings, start, say=say)
    dataset, masks = understood(dataset, kind.task, settings, start, say=say)
    if masks is None:
        dataset = _with_classes(dataset, settings, start)
    else:
        say(f"masks hold {masks.kind}: {masks.why}")
    train, validation = divided(dataset, settings)
    data, hashes, chances = look_at(train, validation, mask_maker(masks, settings, start))
    check_enough(data, train, say)
    choices = choose(kind.name, data, settings, start)
    if chances is not None:
        choices.image_chances = chances
        most = chances.max() * len(chances)
        why = "half by the classes that they have, so that those in few images are seen"
        choices.note("images drawn", f"up to {most:.1f} times as often as others", why)
    return Plan(train, validation, data, hashes, masks, choices)


def _planned_by_labels(
    kind: ModelEntry,
    dataset: Any,
    settings: TrainSettings,
    start: ModelInfo | None,
    *,
    say: Callable[[str], None],
) -> Plan:
    refuse_other_settings(kind.task, settings)
    dataset = usable(dataset, kind.task, settings, start, say=say)
    train: Any
    validation: Any
    train, validation = divided(dataset, settings)
    check_classes(train, validation)
    data, hashes, _ = look_at(train, validation)
    choices = choose(kind.name, data, settings, start)
    if choices.balance == "sampling":
        choices.image_chances = drawn_by_class(train)
    return Plan(train, validation, data, hashes, None, choices)


def _with_classes(dataset: Dataset, settings: TrainSettings, start: ModelInfo | None) -> Dataset:
    """The dataset with the classes of the model to start from, in its order, or without, where that is wanted."""
    known = start.class_names if start else ()
    if settings.network.get("n_classes") == 0:
        return dataset.with_class_names(())
    if dataset.class_names and set(dataset.class_names) <= set(known):
        return dataset.with_class_names(known)
    return dataset
