"""The result of an evaluation as one page for the browser, complete in itself."""

from __future__ import annotations

import base64
import io as memory
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from ..io.atomic import atomic
from ..metrics.instances import InstanceMetrics
from .accuracy_chart import accuracy_chart
from .agreement import AGREEMENT_COLOURS
from .class_tables import class_tables

__all__ = ["write_evaluation_page"]

Picture = npt.NDArray[np.uint8]
Worst = Sequence[tuple[str, Picture, Picture]]

# What is not in the page itself is not loaded, whatever an image may be called.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_SHOWN_THRESHOLDS = (0.5, 0.75, 0.9)
# Kind of object, its hatching as a path in a square of 18, and what it means.
_LEGEND = (
    ("matched", "", "matched"),
    ("missed", "M-2 14 14 -2 M4 20 20 4", "annotated, but nothing found matches"),
    ("false", "M4 -2 20 14 M-2 4 14 20", "found, but nothing annotated matches"),
)


def write_evaluation_page(
    metrics: InstanceMetrics,
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
        Name, and the two pictures of `agreement.draw_agreement` (annotated, found), of the images to show.
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
    sections = [
        f"<h1>{escape(title)}</h1>",
        _facts(facts or {}),
        _numbers(metrics),
        "<h2>Accuracy by threshold</h2>",
        accuracy_chart(metrics),
        _threshold_table(metrics),
        class_tables(metrics.classes, metrics.thresholds[0]),
        _worst_images(worst, metrics),
        _image_table(metrics),
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


def _numbers(metrics: InstanceMetrics) -> str:
    """The few numbers that tell most."""
    first = metrics.pooled[0]
    at = f"IoU {first.threshold:g}"
    numbers = {
        "mean accuracy over images and thresholds": f"{metrics.mean_accuracy:.3f}",
        f"accuracy at {at}, mean over images": f"{metrics.by_image('accuracy', first.threshold):.3f}",
        f"F1 at {at}, all objects": f"{first.f1:.3f}",
        f"panoptic quality at {at}, all objects": f"{first.panoptic_quality:.3f}",
        f"objects found, of {metrics.n_true:,} annotated": f"{metrics.n_predicted:,}",
        "images": f"{len(metrics.images):,}",
    }
    cells = "".join(f"<div><b>{value}</b><span>{name}</span></div>" for name, value in numbers.items())
    return f'<div class="numbers">{cells}</div>'


def _threshold_table(metrics: InstanceMetrics) -> str:
    names = {
        "threshold": "IoU",
        "true_positives": "matched",
        "false_positives": "false",
        "false_negatives": "missed",
        "precision": "precision",
        "recall": "recall",
        "f1": "F1",
        "accuracy": "accuracy",
        "accuracy_by_image": "accuracy, mean over images",
        "mean_matched_iou": "mean IoU of matches",
        "panoptic_quality": "panoptic quality",
    }
    head = "".join(f'<th scope="col">{name}</th>' for name in names.values())
    table = [{**row, "threshold": f"{row['threshold']:g}"} for row in metrics.table()]
    rows = "".join("<tr>" + "".join(f"<td>{_number(row[n])}</td>" for n in names) + "</tr>" for row in table)
    return f"""<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>
<p class="soft">An annotated and a found object match if the intersection of their pixels (of volumes: voxels) is at
least the given share of their union (IoU). Accuracy is matched / (matched + false + missed); panoptic quality is the
IoU summed over matches / (matched + false / 2 + missed / 2). Unless it says mean over images, the objects of
all images are counted together.</p>"""


def _image_table(metrics: InstanceMetrics) -> str:
    shown = [t for t in _SHOWN_THRESHOLDS if any(abs(t - have) < 1e-6 for have in metrics.thresholds)]
    names = {
        "image": "image",
        "n_true": "annotated",
        "n_predicted": "found",
        "count_error": "difference",
        **{f"accuracy_{t:g}": f"accuracy at {t:g}" for t in shown},
        "mean_accuracy": "mean accuracy",
        "panoptic_quality": f"panoptic quality at {metrics.thresholds[0]:g}",
    }
    head = "".join(
        f'<th scope="col" data-kind="{"text" if key == "image" else "number"}">'
        f'<button type="button">{name}</button></th>'
        for key, name in names.items()
    )
    rows = "".join("<tr>" + "".join(_cell(row[n]) for n in names) + "</tr>" for row in metrics.image_table())
    return f"""<h2>All images</h2>
<div class="scroll"><table id="images"><thead><tr>{head}</tr></thead><tbody>
{rows}
</tbody></table></div>"""


def _cell(value: Any) -> str:
    return f'<td data-value="{escape(str(value))}">{_number(value)}</td>'


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else escape(str(value))


def _worst_images(worst: Worst, metrics: InstanceMetrics) -> str:
    if not worst:
        return ""
    scores = {image.name: image for image in metrics.images}
    figures = []
    for name, truth, predicted in worst:
        image = scores.get(name)
        what = "" if image is None else _in_words(image)
        figures.append(
            f'<figure><figcaption><b>{escape(name)}</b> <span class="soft">{what}</span></figcaption><div class="pair">'
            f"<div>{_picture(truth, f'Annotated objects of {name}')}annotated</div>"
            f"<div>{_picture(predicted, f'Found objects of {name}')}found</div></div></figure>"
        )
    legend = "".join(f"<li>{_swatch(*entry)}</li>" for entry in _LEGEND)
    return (
        f'<h2>The worst images</h2>\n<ul class="legend">{legend}</ul>\n<p class="soft">Volumes are seen along their '
        f"depth, with the objects in front that nothing matches.</p>\n{''.join(figures)}"
    )


def _in_words(image: Any) -> str:
    first = image.at[0]
    return (
        f"mean accuracy {image.mean_accuracy:.3f}; at IoU {first.threshold:g}: {first.true_positives} matched, "
        f"{first.false_negatives} missed, {first.false_positives} false"
    )


def _swatch(kind: str, hatching: str, words: str) -> str:
    colour = "#{:02x}{:02x}{:02x}".format(*AGREEMENT_COLOURS[kind])
    width = 3 if hatching else 1.5
    return (
        '<svg viewBox="0 0 18 18" aria-hidden="true"><rect width="18" height="18" fill="#333"/>'
        f'<path d="{hatching}" stroke="{colour}" stroke-width="1.5"/>'
        f'<rect x="2" y="2" width="14" height="14" fill="none" stroke="{colour}" stroke-width="{width}"/></svg>{words}'
    )


def _picture(picture: Picture, words: str) -> str:
    buffer = memory.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(buffer, format="PNG", optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    height, width = picture.shape[:2]
    return (
        f'<img src="data:image/png;base64,{data}" width="{width}" height="{height}" loading="lazy" '
        f'alt="{escape(words)}">'
    )
