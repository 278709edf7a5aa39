"""Which class was found as which, as a part of a page: a drawing and a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from .confusion_chart import confusion_chart
from .page_parts import table

__all__ = ["confusion_section"]

_MOST_DRAWN, _MOST_SHOWN = 16, 40
"""Classes up to which the confusion is drawn, and shown as a table."""


def confusion_section(
    counts: npt.NDArray[Any], rows: Sequence[str], columns: Sequence[str], *, corner: str, counted: str
) -> list[str]:
    """HTML with a heading, and what there is room for.

    Parameters
    ----------
    counts
        ``(len(rows), len(columns))``: how much of the class of the row was found as that of the column.
    rows, columns
        Names of the classes.
    corner
        Heading of the first column of the table.
    counted
        What the counts are of: pixels, images.
    """
    heading = "<h2>Which class was found as which</h2>"
    if len(rows) > _MOST_SHOWN:
        return [heading, '<p class="soft">See evaluation_confusion.csv.</p>']
    drawn = [confusion_chart(counts, rows, columns)] if len(rows) <= _MOST_DRAWN else []
    lines = [[name, *row] for name, row in zip(rows, counts.tolist(), strict=True)]
    return [
        heading,
        *drawn,
        table([corner, *columns], lines),
        f'<p class="soft">{counted}: a row for each annotated class, a column for each class that was found. The '
        "drawing has the share of the annotated class on the left that was found as the class at the bottom.</p>",
    ]
