"""How often answers were right beside how sure they were, as a drawing inside a page."""

from __future__ import annotations

from collections.abc import Sequence

from ..metrics.calibration import ReliabilityBin
from .unit_chart import HEIGHT, WIDTH, at, axes

__all__ = ["reliability_chart"]

_RIGHT, _TOO_SURE = "#0072b2", "#d55e00"
# Of the height: bars above the axis that show how many answers there were.
_COUNTS = 0.16


def reliability_chart(bins: Sequence[ReliabilityBin]) -> str:
    """Draw a reliability diagram: the share of right answers over their probability, which should be the diagonal.

    Parameters
    ----------
    bins
        From `stellate.metrics.calibration.reliability_bins`.

    Returns
    -------
    str
        An ``svg`` element that needs nothing from outside.

    References
    ----------
    Niculescu-Mizil and Caruana, Predicting good probabilities with supervised learning, ICML 2005.
    """
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="How often answers were right, by how sure">',
        *axes("probability of the class found", "share that was right"),
    ]
    most = max((b.count for b in bins), default=0)
    filled = [b for b in bins if b.count]
    for one in filled:
        (left, bottom), (right, top) = at(one.low, 0), at(one.high, _COUNTS * one.count / most)
        parts.append(
            f'<rect x="{left + 1:.1f}" y="{top:.1f}" width="{right - left - 2:.1f}" height="{bottom - top:.1f}" '
            f'fill="#cccccc"><title>{_words(one)}</title></rect>'
        )
    for one in filled:
        x, y = at(one.confidence, one.accuracy)
        _, ideal = at(one.confidence, one.confidence)
        colour = _TOO_SURE if one.confidence > one.accuracy else _RIGHT
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{ideal:.1f}" y2="{y:.1f}" stroke="{colour}" stroke-width="1.5"/>'
        )
    points = " ".join("{:.1f},{:.1f}".format(*at(b.confidence, b.accuracy)) for b in filled)
    parts.append(f'<polyline points="{points}" fill="none" stroke="{_RIGHT}" stroke-width="2"/>')
    for one in filled:
        x, y = at(one.confidence, one.accuracy)
        colour = _TOO_SURE if one.confidence > one.accuracy else _RIGHT
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"><title>{_words(one)}</title></circle>'
        )
    return "\n".join([*parts, *_legend(), "</svg>"])


def _words(one: ReliabilityBin) -> str:
    return (
        f"{one.low:.2f} to {one.high:.2f}: {one.count:,} images, {one.accuracy:.1%} right, mean probability "
        f"{one.confidence:.3f}"
    )


def _legend() -> list[str]:
    x, y = at(1, 1)
    entries = (
        (_TOO_SURE, "surer than right"),
        (_RIGHT, "at least as right as sure"),
        ("#cccccc", "number of images"),
    )
    parts = []
    for k, (colour, words) in enumerate(entries):
        height = y + 6 + 20 * k
        parts.append(f'<circle cx="{x + 20}" cy="{height}" r="4" fill="{colour}"/>')
        parts.append(f'<text x="{x + 32}" y="{height + 4}">{words}</text>')
    return parts
