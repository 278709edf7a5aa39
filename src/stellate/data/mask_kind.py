"""Whether the values in masks are classes or the labels of objects, by what the masks look like.

What speaks for objects: a value is one connected piece, and the values differ from mask to mask, as many as there
happen to be. What speaks for classes: colours; few values, which recur in mask after mask, in several pieces each;
values chosen so that people see them (0, 128, 255); or JPEG, of which each value becomes many. Where neither is plain,
nobody guesses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..geometry.labels import relabel
from ..io import jpeg
from ..io.class_masks import read_class_mask
from .mask_learning import MOST_CLASSES
from .objects import count_pieces

__all__ = ["Evidence", "gather", "judge"]

MOST_LOOKED_AT = 24
"""Masks that are looked at, evenly chosen."""

# Values this far apart were chosen to be seen.
_APART = 20
_IN_ONE_PIECE, _IN_PIECES = 0.97, 0.8
_RECURRING = 0.5
_MANY = 10


@dataclass(frozen=True)
class Evidence:
    """What masks look like; values are those above 0.

    Attributes
    ----------
    colour
        Name of a mask in colour or with a palette, and what it is; empty if there is none.
    values
        In how many masks each value occurs.
    counts
        Number of values in each mask.
    one_piece
        Share of the values, taken mask by mask, that are one connected piece.
    lossy
        Name of a mask in JPEG, whose values say nothing; empty if there is none.
    """

    colour: str = ""
    values: tuple[tuple[int, int], ...] = ()
    counts: tuple[int, ...] = ()
    one_piece: float = 1.0
    lossy: str = ""


def gather(masks: Sequence[Path]) -> Evidence:
    """Look at some masks.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    chosen = np.unique(np.linspace(0, len(masks) - 1, MOST_LOOKED_AT).round().astype(int))
    values: Counter[int] = Counter()
    counts: list[int] = []
    single = total = 0
    for path in (masks[k] for k in chosen):
        stored = read_class_mask(path)
        if stored.in_colour or stored.palette is not None:
            return Evidence(f"{path.name} {'is in colour' if stored.in_colour else 'has a palette'}")
        if path.suffix.lower() in jpeg.SUFFIXES:
            return Evidence(lossy=path.name)
        labels, ids = relabel(stored.values)
        values.update(ids.tolist())
        counts.append(len(ids))
        if len(values) <= MOST_CLASSES:  # with more it is decided already
            pieces = count_pieces(labels)
            single, total = single + int((pieces == 1).sum()), total + len(pieces)
    share = single / total if total else 1.0
    return Evidence("", tuple(sorted(values.items())), tuple(counts), share)


def judge(seen: Evidence) -> tuple[str, str]:
    """What masks hold, and why.

    Returns
    -------
    kind : str
        ``"classes"``, ``"instances"``, or ``""`` where it is open.
    why : str
        What speaks for it, or for both.
    """
    values = [value for value, _ in seen.values]
    if seen.colour:
        return "classes", seen.colour
    if seen.lossy:
        return (
            "classes",
            f"{seen.lossy} is a JPEG, which changes values, so that it cannot hold labels of objects",
        )
    if len(values) > MOST_CLASSES:
        return "instances", f"{len(values)} different values"
    if len(values) <= 1:
        return "classes", "one value beside 0" if values else "no value beside 0"
    often = min(n for _, n in seen.values)
    listed = ", ".join(map(str, values[:6])) + (", ..." if len(values) > 6 else "")
    pieces = f"{seen.one_piece:.0%} of them are one connected piece"
    # empty masks say nothing
    filled = [n for n in seen.counts if n]
    recurring = len(filled) > 1 and often > _RECURRING * len(filled)
    apart = min(np.diff([0, *values])) >= _APART
    if apart and recurring:
        return "classes", f"the values {listed} are far apart and the same from mask to mask"
    if often > 1 and seen.one_piece <= _IN_PIECES:
        return "classes", f"the values {listed} recur from mask to mask, and {pieces}"
    varying = len(filled) > 1 and (len(set(filled)) > 1 or not recurring)
    # few values far apart, one of which is in most masks, may be classes that not every image has
    usual = max(n for _, n in seen.values) > _RECURRING * len(filled)
    chosen = apart and usual and len(filled) > 1 and max(filled) < _MANY
    if seen.one_piece >= _IN_ONE_PIECE and (varying or max(filled) >= _MANY) and not chosen:
        spread = f"from {min(seen.counts)} to {max(seen.counts)} values in a mask"
        return "instances", f"{spread}, and {pieces}"
    return "", f"the values {listed} occur, and {pieces}"
