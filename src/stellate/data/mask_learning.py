"""Finding out which classes the masks of a data set have, and what is no class but a fault of the masks.

Where nobody says what the values mean, each is taken for a class of its own. Three things speak against it, and then
the masks are refused: more values than people annotate classes; rare values next to frequent ones, as JPEG and
smoothing make them; and palettes in which one number has several colours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, DataError
from ..io.class_masks import StoredMask, Value, read_class_mask
from .mask_classes import STRAY, MaskClasses
from .mask_values import ValueCounts, count_values, value_text, values_of

__all__ = ["LEAST_SHARE", "MOST_CLASSES", "learn_mask_classes"]

MOST_CLASSES = 64
"""With more values than this, somebody has to say which are classes."""

LEAST_SHARE = 1e-3
"""A value of fewer of the annotated pixels is not taken for a class where there is reason to think it a fault."""

_NEAR = 40.0  # of 255
_TIMES_RARER = 100

Progress = Callable[[int], None]


def learn_mask_classes(
    masks: Sequence[Path],
    *,
    names: Mapping[Value, str] | None = None,
    ignore: Sequence[Value] = (),
    tolerance: float = 0.0,
    progress: Progress | None = None,
) -> MaskClasses:
    """Find the classes of masks. They are read one at a time.

    Parameters
    ----------
    masks
        Their files; all of the data set, so that no class of its parts is unknown.
    names
        What the values mean, in the order of the class ids, but that the ground goes first (`MaskClasses.ground`); None
        if each value is a class. Those are in ascending order, and called ``class 128`` or ``class #ff0000``.
    ignore
        Values of pixels that are not annotated.
    tolerance
        Take a value for the nearest known one, if it is no farther than this.
    progress
        Called with the number of masks done after each.

    Raises
    ------
    ConfigError
        If a value is both named and ignored, or numbers and colours are mixed.
    DataError
        If there are no masks, values that are of no class or look like faults, or fewer than two classes.
    InputError
        If a file cannot be read.
    """
    if not masks:
        raise DataError("no masks to learn classes from; give the masks of the training images")
    where = masks[0].parent
    given = [*(names or ()), *ignore]
    palettes = _Palettes() if names is None else None
    in_colour = bool(given) and not isinstance(given[0], int)
    counts = _count(masks, palettes, colours=in_colour, progress=progress)
    if counts.points.shape[1] == 3 and any(isinstance(v, int) for v in given):
        raise ConfigError(
            f"{where}: the masks are in colour, and {value_text(given[0])} is a number; write colours, e.g. #ff0000"
        )
    known = dict(names) if names is not None else _presumed(where, counts, tuple(ignore), tolerance)
    classes = MaskClasses(tuple(known), tuple(known.values()), tuple(ignore), tolerance).ground_first()
    ids = classes.ids(counts.points)
    if (ids == STRAY).any():
        raise DataError(classes.complaint(where, counts))
    present = np.unique(ids[ids >= 0])
    if len(present) < 2:
        what = (
            f"all annotated pixels are {classes.class_names[present[0]]}"
            if len(present)
            else "no pixel is annotated"
        )
        raise DataError(
            f"{where}: {what}; to tell classes apart there must be pixels of two, so annotate the background as a "
            "class too"
        )
    return classes


class _Palettes:
    """Colours that numbers have in palettes."""

    def __init__(self) -> None:
        self._seen: dict[int, tuple[Value, Path]] = {}

    def check(self, path: Path, stored: StoredMask) -> None:
        """See that a mask shows its numbers in the colours that others show them in."""
        if stored.palette is None:
            return
        used = np.unique(stored.values)
        used = used[used < len(stored.palette)]
        for number, (red, green, blue) in zip(used.tolist(), stored.palette[used].tolist(), strict=True):
            colour = (red, green, blue)
            other, first = self._seen.setdefault(number, (colour, path))
            if other != colour:
                raise DataError(
                    f"{path}: {number} is {value_text(colour)} in its palette, and {value_text(other)} in that of "
                    f"{first.name}; save all masks with one palette, or name the classes: by colours if these are "
                    "right, by numbers if those are"
                )


def _count(
    masks: Sequence[Path], palettes: _Palettes | None, *, colours: bool, progress: Progress | None
) -> ValueCounts:
    """Pixels of each value; once a mask is in colour, all are taken for colours."""
    seen_colour = False

    def read(*, colours: bool) -> Iterator[tuple[Path, npt.NDArray[Any]]]:
        nonlocal seen_colour
        for done, path in enumerate(masks, start=1):
            stored = read_class_mask(path, colours=colours)
            if stored.in_colour and not colours:
                seen_colour = True
                return
            if palettes is not None:
                palettes.check(path, stored)
            yield path, stored.values
            if progress is not None:
                progress(done)

    counts = count_values(read(colours=colours), in_colour=colours)
    return count_values(read(colours=True), in_colour=True) if seen_colour else counts


def _presumed(
    where: Path, counts: ValueCounts, ignore: tuple[Value, ...], tolerance: float
) -> dict[Value, str]:
    """Values that are classes, and names for them."""
    annotated = counts.only(~_within(counts.points, ignore, tolerance))
    if annotated.points.shape[1] == 1:
        annotated = annotated.only(annotated.points[:, 0] >= 0)
    if not len(annotated):
        raise DataError(f"{where}: no pixel is annotated: all have values that are to be ignored")
    if tolerance:
        annotated = annotated.only(_leaders(annotated, tolerance, least=LEAST_SHARE))
    if len(annotated) > MOST_CLASSES:
        raise DataError(
            f"{where}: {len(annotated):,} different values, where at most {MOST_CLASSES} are taken for classes: "
            f"{annotated.text()}; {_REMEDY}"
        )
    if not tolerance and (noise := _noise(annotated)).any():
        raise DataError(
            f"{where}: values that look like noise next to frequent ones: {annotated.only(noise).text()}; {_REMEDY}"
        )
    return {annotated.value(k): f"class {value_text(annotated.value(k))}" for k in range(len(annotated))}


_REMEDY = (
    "masks saved as JPEG, or scaled with smoothing, have such: save them anew as PNG or TIFF, or give a tolerance "
    "(--mask-tolerance); or else name the values that are classes"
)


def _within(
    points: npt.NDArray[np.int64], values: tuple[Value, ...], tolerance: float
) -> npt.NDArray[np.bool_]:
    near = np.zeros(len(points), dtype=np.bool_)
    for value in values:
        near |= _distances(points, values_of([value])[0]) <= tolerance
    return near


def _leaders(counts: ValueCounts, distance: float, *, least: float) -> npt.NDArray[np.bool_]:
    """The most frequent value, the most frequent of those farther from it, and so on down to a share of all pixels."""
    chosen = np.zeros(len(counts), dtype=np.bool_)
    left = np.ones(len(counts), dtype=np.bool_)
    for k in counts.by_frequency():
        if not left[k]:
            continue
        if chosen.sum() > MOST_CLASSES or (chosen.any() and counts.pixels[k] < least * counts.pixels.sum()):
            break
        chosen[k] = True
        left &= _distances(counts.points, counts.points[k]) > distance
    return chosen


def _noise(counts: ValueCounts) -> npt.NDArray[np.bool_]:
    """Values that are no classes, by what they are next to.

    Colours: rare ones near a frequent one. Numbers: all near a more frequent one, if the frequent ones are far apart,
    as those of masks to be looked at are (0, 128, 255), and the next number occurs beside each. Class 3 may well be
    rare next to 2.
    """
    if counts.points.shape[1] == 3:
        noise = np.zeros(len(counts), dtype=np.bool_)
        rare = counts.pixels < LEAST_SHARE * counts.pixels.sum()
        for k in np.flatnonzero(~rare):
            near = _distances(counts.points, counts.points[k]) <= _NEAR
            noise |= rare & near & (_TIMES_RARER * counts.pixels <= counts.pixels[k])
        return noise
    numbers = counts.points[:, 0]
    peaks = _leaders(counts, _NEAR, least=0)
    apart = peaks.sum() > 1 and (np.diff(numbers[peaks]) > 2 * _NEAR).all()
    beside = np.isin(numbers[peaks] - 1, numbers) | np.isin(numbers[peaks] + 1, numbers)
    return ~peaks if apart and beside.all() else np.zeros(len(counts), dtype=np.bool_)


def _distances(points: npt.NDArray[np.int64], point: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return np.sqrt(((points - point).astype(np.float64) ** 2).sum(axis=1))
