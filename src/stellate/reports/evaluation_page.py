"""The result of an evaluation as one page for the browser, complete in itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..io.atomic import atomic
from .evaluation_report import Metrics, Report, report_of
from .page_parts import big_numbers, picture, sortable_table

__all__ = ["Worst", "write_evaluation_page"]

Worst = Sequence[tuple[str, *tuple[npt.NDArray[np.uint8], ...]]]
"""Names of images, each with its pictures."""

# What is not in the page itself is not loaded, whatever an image may be called.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"


def write_evaluation_page(
    metrics: Metrics,
    worst: Worst,
    path: str | Path,
    *,
    title: str = "Evaluation",
    facts: Mapping[str, str] | None = None,
) -> None:
    """Write scores, curves and the worst images as one HTML file that needs no other file and no network.

    Parameters
    ----------
    metrics
        What to report.
    worst
        Name and pictures of the images to show, as the report of these metrics draws them.
    path
        The HTML file to write; it appears whole or not at all.
    title
        Heading of the page.
    facts
        What was evaluated on what, e.g. ``{"Model": "nuclei", "Data": "plates/holdout"}``.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    report = report_of(metrics)
    sections = [
        f"<h1>{escape(title)}</h1>",
        _facts(facts or {}),
        big_numbers(report.numbers()),
        *report.sections(),
        _worst_images(worst, metrics, report),
        "<h2>All images</h2>",
        sortable_table(report.image_columns(), metrics.image_table()),
    ]
    page = _frame(title, "\n".join(sections))
    with atomic(path) as draft:
        draft.write_text(page, encoding="utf-8")


def _frame(title: str, body: str) -> str:
    style, script = (
        Path(__file__).with_suffix(suffix).read_text(encoding="utf-8") for suffix in (".css", ".js")
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(title)}</title>
<style>
{style}</style>
</head>
<body>
{body}
<script>
{script}</script>
</body>
</html>
"""


def _facts(facts: Mapping[str, str]) -> str:
    if not facts:
        return ""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    return f'<dl class="facts">{rows}</dl>'


def _worst_images(worst: Worst, metrics: Metrics, report: Report) -> str:
    if not worst:
        return ""
    scored: Any = metrics.images
    positions = {image.name: k for k, image in enumerate(scored)}
    figures = []
    for name, *pictures in worst:
        words = report.in_words(positions[name]) if name in positions else ""
        shown = [
            (what, what.capitalize() or "Image", p) for what, p in zip(report.captions, pictures, strict=True)
        ]
        parts = "".join(f"<div>{picture(p, f'{title}: {name}')}{what}</div>" for what, title, p in shown)
        figures.append(
            f'<figure><figcaption><b>{escape(name)}</b> <span class="soft">{escape(words)}</span></figcaption>'
            f'<div class="pictures">{parts}</div></figure>'
        )
    # where an image has one picture, several images stand side by side
    kind = "figures small" if len(report.captions) == 1 else "figures"
    legend = f'<ul class="legend">{report.legend()}</ul>\n' if report.legend() else ""
    return (
        f'<h2>{report.of_worst}</h2>\n{legend}<p class="soft">{report.about_pictures}</p>\n'
        f'<div class="{kind}">{"".join(figures)}</div>'
    )
