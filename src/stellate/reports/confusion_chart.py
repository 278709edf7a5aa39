"""Which class was found as which, as a drawing inside a page."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["confusion_chart"]

_CELL, _LABELS, _TOP, _NAMES_RIGHT, _NAMES_BELOW = 46, 130, 8, 90, 70
_LETTERS = 16
"""Of a name that are shown; the whole name is shown where the pointer rests."""
_INK, _PAPER = (0, 68, 136), (255, 255, 255)


def confusion_chart(counts: npt.NDArray[Any], rows: Sequence[str], columns: Sequence[str]) -> str:
    """Draw a square for each annotated and found class, the darker the larger its share of the annotated class.

    Parameters
    ----------
    counts
        ``(len(rows), len(columns))``: how much of the class of the row was found as that of the column.
    rows, columns
        Names of the classes.

    Returns
    -------
    str
        An ``svg`` element that needs nothing from outside.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    bottom = _TOP + _CELL * len(rows)
    # the last name at the bottom runs beyond its square
    width, height = _LABELS + _CELL * len(columns) + _NAMES_RIGHT, bottom + _NAMES_BELOW
    parts = [
        f'<svg viewBox="0 0 {width} {height}" style="max-width: {width}px" role="img" '
        'aria-label="Which class was found as which">'
    ]
    for i, name in enumerate(rows):
        y = _TOP + _CELL * i
        parts.append(
            f'<text x="{_LABELS - 8}" y="{y + _CELL / 2 + 4}" text-anchor="end">{_named(name)}</text>'
        )
        for j, column in enumerate(columns):
            parts.append(_square(_LABELS + _CELL * j, y, shares[i, j], int(counts[i, j]), (name, column)))
    for j, column in enumerate(columns):
        x, y = _LABELS + _CELL * (j + 0.5), bottom + 14
        parts.append(f'<text transform="translate({x} {y}) rotate(30)">{_named(column)}</text>')
    return "\n".join([*parts, "</svg>"])


def _square(x: float, y: float, share: float, count: int, names: tuple[str, str]) -> str:
    colour = "#{:02x}{:02x}{:02x}".format(
        *(round(p + (i - p) * share) for p, i in zip(_PAPER, _INK, strict=True))
    )
    tip = escape(f"{names[0]}, found as {names[1]}: {count:,} ({share:.2%})")
    ink = "#ffffff" if share > 0.5 else "#222222"
    text = f"{share:.1%}" if count else ""
    return (
        f'<g><title>{tip}</title><rect x="{x}" y="{y}" width="{_CELL}" height="{_CELL}" fill="{colour}" '
        f'stroke="#dddddd"/><text x="{x + _CELL / 2}" y="{y + _CELL / 2 + 4}" text-anchor="middle" '
        f'fill="{ink}">{text}</text></g>'
    )


def _named(name: str) -> str:
    short = name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"
    return f"{escape(short)}<title>{escape(name)}</title>"
