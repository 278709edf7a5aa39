"""The distinct numbers or colours in masks, how many pixels have each, and how users write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, DataError
from ..io.class_masks import Value

__all__ = ["ValueCounts", "count_values", "distinct_values", "parse_value", "value_text", "values_of"]

Points = npt.NDArray[np.int64]

# More values can only come of a picture that is no mask.
_MOST_VALUES = 1 << 21
_MOST_NAMED = 8
_TABLE = 1 << 16
_NUMBER = re.compile(r"[0-9]{1,15}")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, eq=False)
class ValueCounts:
    """Pixels of each value, in one mask or many.

    Attributes
    ----------
    points
        ``(n, 1)`` numbers or ``(n, 3)`` colours, ascending.
    pixels
        ``(n,)`` int64: number of pixels of each.
    first
        ``(n,)`` int64: position of the first file that has it.
    files
        The files.
    """

    points: Points
    pixels: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    files: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.points)

    def value(self, index: int) -> Value:
        """A number, or a colour."""
        numbers = tuple(self.points[index].tolist())
        return numbers[0] if len(numbers) == 1 else numbers

    def only(self, chosen: npt.NDArray[np.bool_]) -> ValueCounts:
        """Some of the values."""
        return ValueCounts(self.points[chosen], self.pixels[chosen], self.first[chosen], self.files)

    def by_frequency(self) -> npt.NDArray[np.int64]:
        """Positions of the values, most frequent first."""
        return np.argsort(-self.pixels, kind="stable")

    def text(self) -> str:
        """The values in words, most frequent first, each with its pixels and the first file that has it."""
        several = len(self.files) > 1
        order = self.by_frequency()
        shown = []
        for k in order[:_MOST_NAMED]:
            file = f", {self.files[self.first[k]].name}" if several else ""
            shown.append(f"{value_text(self.value(k))} ({self.pixels[k]:,} px{file})")
        more = f" and {len(self) - _MOST_NAMED:,} more" if len(self) > _MOST_NAMED else ""
        return ", ".join(shown) + more


def count_values(masks: Iterable[tuple[Path, npt.NDArray[Any]]], *, in_colour: bool) -> ValueCounts:
    """Count the pixels of each value, one mask after another.

    Parameters
    ----------
    masks
        Files, and what they hold: integers of spatial shape, or colours ``(rows, columns, 3)``.
    in_colour
        Which of both.

    Raises
    ------
    DataError
        If there are so many values that these cannot be masks.
    """
    files: list[Path] = []
    codes, pixels, first = np.zeros((3, 0), dtype=np.int64)
    for path, stored in masks:
        found, more = _counted(_codes(stored, in_colour=in_colour))
        merged, place = np.unique(np.concatenate([codes, found]), return_inverse=True)
        pixels = np.bincount(place, np.concatenate([pixels, more]), len(merged)).astype(np.int64)
        earliest = np.full(len(merged), len(files))
        np.minimum.at(earliest, place[: len(codes)], first)
        codes, first = merged, earliest
        files.append(path)
        if len(codes) > _MOST_VALUES:
            raise DataError(
                f"{path}: with this mask there are more than {_MOST_VALUES:,} different values; these are pictures, or "
                "labels of objects, and no masks of classes"
            )
    return ValueCounts(_decoded(codes, in_colour=in_colour), pixels, first, tuple(files))


def distinct_values(stored: npt.NDArray[Any], *, in_colour: bool) -> tuple[Points, npt.NDArray[np.int64]]:
    """Distinct values of a mask, ascending, ``(n, 1)`` or ``(n, 3)``; and for each pixel which it has, flat."""
    codes = _codes(stored, in_colour=in_colour)
    if _fits_table(codes):
        present = np.bincount(codes) > 0
        found, inverse = np.flatnonzero(present), (np.cumsum(present) - 1)[codes]
    else:
        found, inverse = np.unique(codes, return_inverse=True)
    return _decoded(found.astype(np.int64), in_colour=in_colour), inverse


def values_of(values: Sequence[Value]) -> Points:
    """Values as an array, ``(n, 1)`` or ``(n, 3)``."""
    return np.array([[v] if isinstance(v, int) else v for v in values], dtype=np.int64)


def value_text(value: Value) -> str:
    """A value as users write it: a number, or ``#rrggbb``.

    Examples
    --------
    >>> value_text(128), value_text((255, 0, 16)), value_text((4095, 0, 0))
    ('128', '#ff0010', '(4095, 0, 0)')
    """
    if isinstance(value, int):
        return str(value)
    return "#{:02x}{:02x}{:02x}".format(*value) if max(value) < 256 else str(value)


def parse_value(text: str | int) -> Value:
    """A value from what users write.

    Raises
    ------
    ConfigError
        If it is neither a number from 0 nor a colour.

    Examples
    --------
    >>> parse_value("128"), parse_value("#ff0010")
    (128, (255, 0, 16))
    """
    written = str(text).strip()
    if _NUMBER.fullmatch(written):
        return int(written)
    if _COLOUR.fullmatch(written):
        red, green, blue = (int(written[k : k + 2], 16) for k in (1, 3, 5))
        return red, green, blue
    raise ConfigError(
        f"{written!r} is no value of a mask; write a number such as 128, or a colour as #rrggbb"
    )


def _codes(stored: npt.NDArray[Any], *, in_colour: bool) -> npt.NDArray[Any]:
    """Values as one number each, flat."""
    if not in_colour:
        flat = stored.reshape(-1)
        # neither of these can be counted with, or looked up in, a table
        return flat.astype(np.int64) if flat.dtype in (np.bool_, np.uint64) else flat
    channels = stored.reshape(-1, 3).astype(np.int64)
    return (channels[:, 0] << 32) | (channels[:, 1] << 16) | channels[:, 2]


def _counted(codes: npt.NDArray[Any]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Distinct codes, ascending, and how many there are of each."""
    if _fits_table(codes):
        counts = np.bincount(codes)
        found = np.flatnonzero(counts)
        return found, counts[found]
    found, counts = np.unique(codes, return_counts=True)
    return found.astype(np.int64), counts


def _fits_table(codes: npt.NDArray[Any]) -> bool:
    return bool(codes.size) and int(codes.min()) >= 0 and int(codes.max()) < _TABLE


def _decoded(codes: npt.NDArray[np.int64], *, in_colour: bool) -> Points:
    if not in_colour:
        return codes[:, None]
    return np.stack([codes >> 32, (codes >> 16) & 0xFFFF, codes & 0xFFFF], axis=1)
