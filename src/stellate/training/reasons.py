"""What a run will use, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.normalization import Normalization

__all__ = ["Choices", "Fields", "Reason", "by_axis", "text"]


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
        Sides of the training patches: height and width, before them depth for volumes.
    batch_size
        Patches per step, over all devices.
    learning_rate
        Peak learning rate.
    normalization
        How intensities are brought to a common scale.
    class_names
        Names of the classes of objects or pixels; empty if objects are not told apart.
    anisotropy
        Size of a voxel along (z, y, x), in any unit.
    weights
        Weights that a backbone, or an encoder by name, begins with; empty for none.
    backbone_rate
        Learning rate of a backbone, as a share of that of the rest.
    balance
        How rare classes of whole images are made up for: ``sampling``, ``weights`` or ``none``.
    steps_per_epoch, patience
        Steps in an epoch, and epochs without a better validation after which training ends; 0 for never.
    foreground_chance
        Chance that a patch is placed where an object, or a class drawn before, is.
    scale_chance
        Chance that a patch is magnified.
    intensity
        Strength of random changes of intensity.
    windows
        Whether patches are windows of images with boxes.
    mosaic, without_mosaic
        Chance that such a patch is made of four, and the last share of the training in which none is.
    image_chances
        How likely each image is to be drawn; None for all alike.
    reasons
        Every choice, in the order made.
    """

    network: dict[str, Any] = field(default_factory=dict)
    task: dict[str, Any] = field(default_factory=dict)
    patch: tuple[int, ...] = (256, 256)
    batch_size: int = 4
    learning_rate: float = 3e-4
    normalization: Normalization = field(default_factory=Normalization)
    class_names: tuple[str, ...] = ()
    anisotropy: tuple[float, ...] = (1.0, 1.0, 1.0)
    weights: str = ""
    backbone_rate: float = 1.0
    balance: str = "none"
    steps_per_epoch: int = 100
    patience: int = 0
    foreground_chance: float = 0.9
    scale_chance: float = 1.0
    intensity: float = 1.0
    windows: bool = False
    mosaic: float = 0.0
    without_mosaic: float = 0.0
    image_chances: npt.NDArray[np.float64] | None = None
    reasons: list[Reason] = field(default_factory=list)

    def note(self, name: str, value: Any, why: str) -> Any:
        """Record a choice and return its value."""
        self.reasons.append(Reason(name, value, why))
        return value

    def lines(self) -> list[str]:
        """The choices as text, one a line."""
        width = max((len(r.name) for r in self.reasons), default=0)
        return [f"{r.name:{width}}  {text(r.value)}: {r.why}" for r in self.reasons]


class Fields:
    """Fills in the fields of a network's config, one after another; what the user set wins.

    Parameters
    ----------
    choices
        Gets the fields, and the reasons.
    given
        What the user set.
    """

    def __init__(self, choices: Choices, given: Mapping[str, Any]) -> None:
        self.choices = choices
        self.given = given
        self._left = dict(given)

    def pick(self, name: str, value: Any, why: str) -> Any:
        """Set a field to what the user set, else to `value`; returns which."""
        chosen = self.choices.network[name] = self._left.pop(name, value)
        return self.choices.note(name, chosen, "as set" if name in self.given else why)

    def classes(self) -> None:
        """Set the number of classes; 0 stays unsaid."""
        self._left.pop("n_classes", None)
        if self.choices.class_names:
            self.choices.network["n_classes"] = len(self.choices.class_names)

    def rest(self) -> None:
        """Set what else the user set."""
        self.choices.network.update(self._left)
        for name, value in self._left.items():
            self.choices.note(name, value, "as set")


def text(value: Any) -> str:
    """A value in words.

    Examples
    --------
    >>> text((1, 2)), text(True), text(3e-4)
    ('1 x 2', 'yes', '0.0003')
    """
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return " x ".join(map(text, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def by_axis(values: tuple[float, ...]) -> str:
    """Lengths along the axes, rounded to whole numbers.

    Examples
    --------
    >>> by_axis((7.2, 15.0, 14.6))
    '7 x 15 x 15'
    """
    return " x ".join(f"{v:.0f}" for v in values)
