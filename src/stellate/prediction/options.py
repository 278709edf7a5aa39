"""What can be chosen when a model is used. Without torch; the texts are the command line's help."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from difflib import get_close_matches
from typing import Any, Literal

from ..axes import parse_axes
from ..errors import ConfigError

__all__ = ["PredictOptions"]

_OF_TASKS = ("prob_threshold", "nms_threshold", "probabilities")
"""Options that some tasks have a field for, of the same name."""

_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


@dataclass(frozen=True)
class PredictOptions:
    """How a model is applied to images. Every default leaves the choice to the model and the image."""

    device: str = "auto"
    """Where the network runs: auto, cpu, cuda (or cuda:1, ...), mps."""
    prob_threshold: float | None = None
    """Least object probability, 0 to 1; lower finds more objects. The model's own if not given."""
    nms_threshold: float | None = None
    """Share of the smaller object, 0 to 1, that a better one may cover. The model's own if not given."""
    axes: str | None = None
    """Axes of the images, e.g. YXC or ZYX, where the files do not say so themselves."""
    channels: tuple[int | str, ...] = ()
    """Channels of the image to use, in the model's order, by name or by number from 0; or the one word grey,
    the brightness of a colour picture. Those that the model was trained on if not given."""
    plane: int | Literal["max"] | None = None
    """For images with depth, and a model that takes none: the plane to use, from 0, or max for the brightest value
    along the depth."""
    rescale: float | Literal["auto", "off"] = "auto"
    """Size of the image for the network relative to the file's: a factor, off, or auto: where model and image
    both know their pixel size and differ by more than 10 %, the image is brought to the model's."""
    object_diameter: float | None = None
    """Typical diameter of the objects in pixels of the image; the image is rescaled so that they have the
    size that the model was trained on."""
    tile: int | None = None
    """Side, in pixels, of the squares, or for volumes cubes, that are as large as the pieces in which a large image is
    processed. Chosen by memory if not given."""
    flips: bool = False
    """Average over the image and its mirror images: slower by four, a little more exact. Volumes have eight, which can
    be used only if the rays of the model look the same in a mirror."""
    probabilities: bool = False
    """Of a model that gives a class to every pixel: also the probability of each class (NAME_probabilities.tif)."""
    instances: bool = False
    """Of a model that gives a class to every pixel: make an object of each connected piece of a class, but for the
    first class, which is the ground, and write all that there is for objects; evaluation matches these objects."""
    explain: bool = False
    """Of a classifier or localizer: also a picture of what speaks for the class in the image (NAME_explained.png)."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Arithmetic of the network. Those of 16 bits are faster where the hardware has them, and move some outlines
    by a pixel; auto is float32, which leaves the objects as they are."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", _channels(self.channels))
        if not _DEVICE.fullmatch(self.device):
            raise ConfigError(f"device {self.device!r}: expected auto, cpu, cuda, cuda:NUMBER or mps")
        for name in ("prob_threshold", "nms_threshold"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ConfigError(f"{name} {value}: expected a number from 0 to 1")
        if self.axes is not None:
            parse_axes(self.axes, len(self.axes.strip()))
        if self.precision not in ("auto", "float32", "bfloat16", "float16"):
            raise ConfigError(f"precision {self.precision!r}: expected auto, float32, bfloat16 or float16")
        if self.tile is not None and self.tile < 1:
            raise ConfigError(f"tile {self.tile}: expected a number of pixels")
        self._check_plane()
        self._check_scale()

    def changed(self, changes: Mapping[str, Any]) -> PredictOptions:
        """These options with some replaced.

        Raises
        ------
        ConfigError
            If a name is unknown or a value out of range.
        """
        known = [f.name for f in fields(self)]
        for name in changes:
            if name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(known)}"
                raise ConfigError(f"prediction has no option {name!r}{hint}")
        return replace(self, **changes)

    def applied_to(self, task: Any, what: str) -> Any:
        """A task that does what these options say of its results.

        Parameters
        ----------
        task
            A frozen dataclass.
        what
            The model it is of, in words.

        Raises
        ------
        ConfigError
            If the task has nothing of the kind.
        """
        wanted = {n: v for n in _OF_TASKS if (v := getattr(self, n)) is not None and v is not False}
        for name in wanted:
            if not hasattr(task, name):
                raise ConfigError(f"{what}, has no {name}; leave it out")
        if self.instances and not hasattr(task, "probabilities"):
            raise ConfigError(f"{what}, gives no classes of pixels to make objects of; leave out instances")
        return replace(task, **wanted)

    def of_whole_images(self) -> str:
        """The first option set that a network has no use for which sees images as a whole; empty if there is none."""
        for name in ("rescale", "object_diameter", "tile", "flips"):
            if (value := getattr(self, name)) not in (None, False, "auto", "off"):
                return f"{name} {value}" if value is not True else name
        return ""

    def for_results(self) -> dict[str, Any]:
        """The options that results depend on, as plain values: all but where and in what pieces it ran."""
        values = asdict(self)
        del values["device"], values["tile"]
        return values

    def _check_plane(self) -> None:
        if isinstance(self.plane, str) and self.plane != "max":
            raise ConfigError(f"plane {self.plane!r}: expected a number from 0, or 'max'")
        if isinstance(self.plane, int) and self.plane < 0:
            raise ConfigError(f"plane {self.plane}: planes are counted from 0")

    def _check_scale(self) -> None:
        if isinstance(self.rescale, str) and self.rescale not in ("auto", "off"):
            raise ConfigError(f"rescale {self.rescale!r}: expected 'auto', 'off' or a factor such as 0.5")
        sizes = {"rescale": self.rescale, "object_diameter": self.object_diameter}
        for name, value in sizes.items():
            if isinstance(value, int | float) and not (math.isfinite(value) and value > 0):
                raise ConfigError(f"{name} {value}: expected a number above 0")
        if self.object_diameter is not None and not isinstance(self.rescale, str):
            raise ConfigError("rescale and object_diameter both set the image's size; give one of them")


def _channels(given: Any) -> tuple[int | str, ...]:
    """Channels as a tuple; a single one may stand alone."""
    if isinstance(given, int | str):
        given = (given,)
    return tuple(given)
