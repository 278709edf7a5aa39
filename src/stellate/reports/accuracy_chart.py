"""Accuracy over thresholds of IoU, as a drawing inside a page."""

from __future__ import annotations

from collections.abc import Sequence

from ..metrics.instances import InstanceMetrics

__all__ = ["accuracy_chart"]

_WIDTH, _HEIGHT = 560, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 150, 14, 40
_LINES = (("mean over images", "#0072b2", ""), ("all objects pooled", "#d55e00", "6 4"))


def accuracy_chart(metrics: InstanceMetrics) -> str:
    """Draw accuracy against the threshold, pooled and averaged over images.

    Returns
    -------
    str
        An ``svg`` element that needs nothing from outside.
    """
    by_image = [metrics.by_image("accuracy", t) for t in metrics.thresholds]
    pooled = [s.accuracy for s in metrics.pooled]
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Accuracy against the threshold of IoU">',
        *_frame(metrics.thresholds),
    ]
    ends = _apart(_y(by_image[-1]), _y(pooled[-1]))
    for values, (label, colour, dashes), end in zip((by_image, pooled), _LINES, ends, strict=True):
        points = [(_x(t, metrics.thresholds), _y(v)) for t, v in zip(metrics.thresholds, values, strict=True)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>'
        )
        for (x, y), t, v in zip(points, metrics.thresholds, values, strict=True):
            tip = f"<title>{label}: {v:.3f} at {t:g}</title>"
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}">{tip}</circle>')
        parts.append(f'<text x="{_WIDTH - _RIGHT + 10}" y="{end + 4:.1f}" fill="{colour}">{label}</text>')
    return "\n".join([*parts, "</svg>"])


def _frame(thresholds: Sequence[float]) -> list[str]:
    """Grid lines, numbers and names of the axes."""
    parts = []
    for tick in (0, 0.25, 0.5, 0.75, 1):
        y = _y(tick)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="#dddddd"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{tick:g}</text>')
    bottom = _HEIGHT - _BOTTOM
    for k, threshold in enumerate(thresholds):
        # Every second number of many, so that they do not run into one another.
        if k % (1 + len(thresholds) // 11) == 0:
            x = _x(threshold, thresholds)
            parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{threshold:g}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{_HEIGHT - 5}" text-anchor="middle">least IoU of a match</text>')
    return parts


def _x(threshold: float, thresholds: Sequence[float]) -> float:
    low, high = thresholds[0], thresholds[-1]
    # A little air beside the first and the last point.
    left, right = _LEFT + 10, _WIDTH - _RIGHT - 4
    return left + (right - left) * ((threshold - low) / (high - low) if high > low else 0.5)


def _y(value: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - value)


def _apart(first: float, second: float, gap: float = 16) -> tuple[float, float]:
    """Two heights of labels, moved from each other where they would overlap."""
    missing = max(0.0, gap - abs(first - second))
    push = missing / 2 if first > second else -missing / 2
    first, second = first + push, second - push
    # Both stay beside the field.
    down = max(0.0, _TOP - min(first, second))
    up = max(0.0, max(first, second) - (_HEIGHT - _BOTTOM))
    return first + down - up, second + down - up
