"""Pieces of HTML that pages are made of: tables, numbers and pictures."""

from __future__ import annotations

import base64
import io as memory
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

__all__ = ["big_numbers", "number", "picture", "sortable_table", "table"]

NOTHING = "–"
"""Stands where there is no number."""


def number(value: Any) -> str:
    """A value as text for a page: three digits after the point, thousands set apart, a dash for None."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else escape(str(value))


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table with a heading for each column."""
    titles = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{number(value)}</td>' for value in row)}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table></div>'


def sortable_table(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> str:
    """The table of a page that is sorted by the column whose heading is pressed; there can be one.

    Parameters
    ----------
    columns
        Headings by the name of the value.
    rows
        Values by name.
    """
    head = "".join(
        f'<th scope="col" data-kind="{"text" if _is_text(rows, key) else "number"}">'
        f'<button type="button">{escape(name)}</button></th>'
        for key, name in columns.items()
    )
    body = "".join("<tr>" + "".join(_cell(row[name]) for name in columns) + "</tr>" for row in rows)
    return f"""<div class="scroll"><table id="images"><thead><tr>{head}</tr></thead><tbody>
{body}
</tbody></table></div>"""


def _is_text(rows: Sequence[Mapping[str, Any]], key: str) -> bool:
    return any(isinstance(row[key], str) for row in rows)


def _cell(value: Any) -> str:
    # what there is no number of comes before all numbers
    sorted_by = -1 if value is None else int(value) if isinstance(value, bool) else value
    return f'<td data-value="{escape(str(sorted_by))}">{number(value)}</td>'


def big_numbers(numbers: Mapping[str, str]) -> str:
    """The few numbers that tell most, by what they are."""
    cells = "".join(
        f"<div><b>{value}</b><span>{escape(name)}</span></div>" for name, value in numbers.items()
    )
    return f'<div class="numbers">{cells}</div>'


def picture(pixels: npt.NDArray[np.uint8], words: str) -> str:
    """A picture ``(h, w, 3)`` inside the page, and what is said where it is not seen."""
    buffer = memory.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="PNG", optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    height, width = pixels.shape[:2]
    return (
        f'<img src="data:image/png;base64,{data}" width="{width}" height="{height}" loading="lazy" '
        f'alt="{escape(words)}">'
    )
