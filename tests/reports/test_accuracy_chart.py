from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from stellate.metrics.instances import InstanceMetrics, score_instances
from stellate.reports.accuracy_chart import accuracy_chart


def scored(*found: int, thresholds: tuple[float, ...] = (0.5, 0.75, 1.0)) -> InstanceMetrics:
    """Images of one object of 10 pixels, of which `found` are found."""
    truths = [np.ones((1, 10), int)] * len(found)
    return score_instances([np.array([[1] * f + [0] * (10 - f)]) for f in found], truths, thresholds)


def curves(svg: str) -> list[list[tuple[float, float]]]:
    lines = ET.fromstring(svg).findall("polyline")
    return [[tuple(map(float, p.split(","))) for p in line.get("points").split()] for line in lines]


def levels(svg: str) -> dict[str, float]:
    """Height of each number of the upright axis."""
    texts = ET.fromstring(svg).findall("text")
    return {t.text: float(t.get("y")) - 4 for t in texts if t.get("text-anchor") == "end"}


def test_points_stand_at_their_values():
    # Found whole, by 8 of 10, by 6 of 10 and not at all: accuracy .75, .5 and .25 by image.
    svg = accuracy_chart(scored(10, 8, 6, 0))
    by_image, pooled = curves(svg)
    axis = levels(svg)
    assert [y for _, y in by_image] == pytest.approx([axis["0.75"], axis["0.5"], axis["0.25"]])
    span = axis["0"] - axis["1"]
    # The unmatched count as missed and as false: 3 / 4, 2 / (2 + 1 + 2), 1 / (1 + 2 + 3).
    assert [y for _, y in pooled] == pytest.approx(
        [axis["0"] - span * v for v in (3 / 4, 2 / 5, 1 / 6)], abs=0.06
    )
    x = [x for x, _ in by_image]
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.11)


def test_a_single_threshold():
    ((x, _),), _ = curves(accuracy_chart(scored(10, thresholds=(0.5,))))
    assert 50 < x < 400


@pytest.mark.parametrize("found", [(0,), (10,), (6, 7)])
def test_labels_do_not_overlap_or_leave_the_drawing(found):
    root = ET.fromstring(accuracy_chart(scored(*found)))
    ends = [float(t.get("y")) for t in root.findall("text") if t.get("fill")]
    assert len(ends) == 2
    assert abs(ends[0] - ends[1]) >= 15.9
    assert all(10 < y < 265 for y in ends)


def test_many_thresholds_are_not_all_numbered():
    root = ET.fromstring(accuracy_chart(scored(5, thresholds=tuple(np.linspace(0.05, 0.95, 37)))))
    numbered = [t for t in root.findall("text") if t.get("text-anchor") == "middle" and t.text[0] == "0"]
    assert 8 <= len(numbered) <= 12
