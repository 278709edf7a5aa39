"""Which numbers or colours in masks mean which class: plain data, kept with the model, and applied to every mask."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

from ..errors import ConfigError, DataError
from ..io.class_masks import Value, read_class_mask
from ..results import Mask
from .mask_values import ValueCounts, count_values, distinct_values, value_text, values_of

__all__ = ["MaskClasses"]

STRAY = -2
_MOST_NAMED = 8
_NAMES_OF_GROUND = ("background", "back ground", "ground")
_VALUES_OF_GROUND: tuple[Value, ...] = (0, (0, 0, 0))


@dataclass(frozen=True)
class MaskClasses:
    """The class of each value in masks. Class ids count the names from 0, in the order in which they first occur.

    Attributes
    ----------
    values
        Numbers, or colours (red, green, blue); all of one kind.
    names
        Name of the class of each value; several values may be of one class.
    ignore
        Values of pixels that are not annotated. So are all numbers below 0.
    tolerance
        A value belongs to the nearest of the known ones, if the distance is at most this. Of colours it is that in the
        cube of red, green and blue.
    order
        Names of all classes in the order of their ids, where that is not the order in which they first occur, or there
        are classes that no value has.
    """

    values: tuple[Value, ...]
    names: tuple[str, ...]
    ignore: tuple[Value, ...] = ()
    tolerance: float = 0.0
    order: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.values) != len(self.names) or not self.values:
            raise ConfigError(
                f"{len(self.values)} values of classes and {len(self.names)} names; name each value"
            )
        if len({isinstance(v, int) for v in (*self.values, *self.ignore)}) > 1:
            raise ConfigError(
                "values of classes are numbers and colours; write all as numbers, or all as colours"
            )
        known = [*self.values, *self.ignore]
        if twice := [v for k, v in enumerate(known) if v in known[:k]]:
            collides = twice[0] in self.values and twice[0] in self.ignore
            raise ConfigError(
                f"{value_text(twice[0])} is to be ignored, and the value of the class "
                f"{self.names[self.values.index(twice[0])]}; it can be one of them"
                if collides
                else f"the value {value_text(twice[0])} is given twice; give it once"
            )
        if self.order and (strange := [name for name in self.names if name not in self.order]):
            raise ConfigError(
                f"the class {strange[0]} is not among {', '.join(self.order)}; name the classes alike"
            )
        if not 0 <= self.tolerance < math.inf:
            raise ConfigError(f"tolerance {self.tolerance:g}: expected a distance from 0")

    @property
    def class_names(self) -> tuple[str, ...]:
        """One for each class id."""
        return self.order or tuple(dict.fromkeys(self.names))

    @property
    def ground(self) -> str:
        """The class that objects lie on: what is called so, or else has the value 0 or black; empty if it is open."""
        called = {name.strip().casefold(): name for name in reversed(self.class_names)}
        by_name = (called[word] for word in _NAMES_OF_GROUND if word in called)
        by_value = (n for v, n in zip(self.values, self.names, strict=True) if v in _VALUES_OF_GROUND)
        return next(by_name, "") or next(by_value, "")

    def ground_first(self) -> MaskClasses:
        """The same with the ground as class 0, where it is plain which class that is; the others keep their order."""
        pairs = sorted(zip(self.values, self.names, strict=True), key=lambda pair: pair[1] != self.ground)
        order = tuple(sorted(self.order, key=lambda name: name != self.ground))
        return replace(self, values=tuple(v for v, _ in pairs), names=tuple(n for _, n in pairs), order=order)

    @property
    def in_colour(self) -> bool:
        """Whether values are colours."""
        return not isinstance(self.values[0], int)

    def read(self, path: Path) -> Mask:
        """Read a mask.

        Raises
        ------
        DataError
            If it has values that are of no class.
        InputError
            If the file cannot be read.
        """
        stored = read_class_mask(path, colours=self.in_colour)
        if stored.in_colour != self.in_colour:
            raise DataError(
                f"{path}: a mask in colour, where classes are numbers; save the numbers of the classes"
            )
        return Mask(self.apply(stored.values, path), self.class_names)

    def apply(self, stored: npt.NDArray[Any], path: Path) -> npt.NDArray[np.int32]:
        """Classes of the pixels of a mask.

        Parameters
        ----------
        stored
            Spatial shape, integers; colours ``(rows, columns, 3)``.
        path
            Where they come from, for errors.

        Returns
        -------
        ndarray
            Spatial shape, int32: class ids, -1 where not annotated.

        Raises
        ------
        DataError
            If there are values that are of no class.
        """
        points, inverse = distinct_values(stored, in_colour=self.in_colour)
        ids = self.ids(points)
        if (ids == STRAY).any():
            counts = count_values([(path, stored)], in_colour=self.in_colour)
            raise DataError(self.complaint(path, counts))
        return ids[inverse].reshape(stored.shape[: stored.ndim - self.in_colour])

    def ids(self, points: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """Class ids of values ``(n, 1)`` or ``(n, 3)``; -1 of those to ignore, `STRAY` of those of no class."""
        tree, ids = self._known
        distances, nearest = tree.query(points)
        found = np.where(distances <= self.tolerance, ids[nearest], STRAY)
        if not self.in_colour:
            found[points[:, 0] < 0] = -1
        return found.astype(np.int32)

    def complaint(self, where: Path, counts: ValueCounts) -> str:
        """What to say of values that are of no class.

        Parameters
        ----------
        where
            The mask or folder.
        counts
            All of its values.
        """
        stray = counts.only(self.ids(counts.points) == STRAY)
        kind = "colours" if self.in_colour else "values"
        known = [f"{value_text(v)} {name}" for v, name in zip(self.values, self.names, strict=True)]
        more = f" and {len(known) - _MOST_NAMED} more" if len(known) > _MOST_NAMED else ""
        allowed = f", within {self.tolerance:g}" if self.tolerance else ""
        return (
            f"{where}: {kind} of no class: {stray.text()}. "
            f"Classes are {', '.join(known[:_MOST_NAMED])}{more}{allowed}; "
            "mend the masks, name these values as classes or to be ignored, or allow a larger tolerance if they come "
            "from JPEG or smoothing"
        )

    def to_dict(self) -> dict[str, Any]:
        """The same in plain JSON."""
        return {
            "values": [v if isinstance(v, int) else list(v) for v in self.values],
            "names": list(self.names),
            "ignore": [v if isinstance(v, int) else list(v) for v in self.ignore],
            "tolerance": self.tolerance,
            **({"order": list(self.order)} if self.order else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> MaskClasses:
        """What `to_dict` made.

        Raises
        ------
        ConfigError
            If it is something else.
        """
        try:
            values, ignore = (tuple(map(_value, data[key])) for key in ("values", "ignore"))
            names, tolerance = tuple(map(str, data["names"])), float(data["tolerance"])
            order = tuple(map(str, data.get("order", ())))
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(
                f"expected values of mask classes, their names, ignore and tolerance: {error}"
            ) from error
        return cls(values, names, ignore, tolerance, order)

    @cached_property
    def _known(self) -> tuple[KDTree, npt.NDArray[np.int64]]:
        """All known values to look up in, and their class ids."""
        place = {name: k for k, name in enumerate(self.class_names)}
        ids = [*(place[name] for name in self.names), *(-1 for _ in self.ignore)]
        return KDTree(values_of((*self.values, *self.ignore))), np.array(ids)


def _value(plain: Any) -> Value:
    if isinstance(plain, int) and not isinstance(plain, bool):
        return plain
    red, green, blue = (int(v) for v in plain)
    return red, green, blue
