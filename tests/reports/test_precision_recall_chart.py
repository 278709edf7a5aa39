"""Curves of precision over recall as they are drawn."""

from __future__ import annotations

import re

import numpy as np
import pytest

from stellate.metrics.detection import score_boxes
from stellate.reports.precision_recall_chart import MOST_CURVES, precision_recall_chart
from stellate.reports.unit_chart import at
from stellate.results import Boxes


def boxes(corners, classes, names, scores=None) -> Boxes:
    scores = None if scores is None else np.array(scores, np.float32)
    return Boxes(np.array(corners, np.float32).reshape(-1, 4), np.array(classes, np.int32), names, scores)


def points_of(svg):
    """The points of each curve, from 0 to 1."""
    (left, bottom), (right, top) = at(0, 0), at(1, 1)
    curves = []
    for text in re.findall(r'<polyline points="([^"]*)"', svg):
        x, y = np.array([point.split(",") for point in text.split()], float).T
        curves.append(np.stack([(x - left) / (right - left), (y - bottom) / (top - bottom)]))
    return curves


def field(n_classes, per_class=20, **options):
    """Of each class one object more is found than of the one before, after up to two false boxes of higher score."""
    names = tuple(f"class {k}" for k in range(n_classes))
    truth, found = [], []
    for k in range(n_classes):
        for i in range(per_class):
            place = [100 * i, 100 * k, 100 * i + 50, 100 * k + 50]
            truth.append((place, k))
            if i <= k:
                # at IoU .6: right at .5, and not at the levels from .65 on
                found.append(([*place[:3], place[1] + 30], k, 0.5 - i / 1000))
        found += [([0, 100 * k + 60, 30, 100 * k + 90], k, 0.9)] * (k % 3)
    return score_boxes(
        [boxes(*zip(*[f[:2] for f in found], strict=True), names, [f[2] for f in found])],
        [boxes(*zip(*truth, strict=True), names)],
        **options,
    )


def test_the_area_below_a_curve_is_its_average_precision():
    metrics = field(6)
    svg = precision_recall_chart(metrics)
    curves = points_of(svg)
    assert len(curves) == 6
    for k, curve in enumerate(curves):
        of = metrics.classes[k]
        grid = np.linspace(0, 1, 101)
        assert np.interp(grid, *curve).mean() == pytest.approx(of.ap50, abs=0.01)
        assert of.ap50 == pytest.approx(
            (np.floor(5 * (k + 1)) + 1) / 101 * (k + 1) / (k + 1 + k % 3), abs=0.01
        )
        assert f"class {k} {of.ap50:.3f}" in svg


def test_a_dot_is_where_the_threshold_is():
    metrics = field(3, score_threshold=0.4995)
    svg = precision_recall_chart(metrics)
    dots = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', svg)
    assert len(dots) == 3
    for (x, y), of in zip(dots, metrics.classes, strict=True):
        assert (float(x), float(y)) == pytest.approx(at(of.counts.recall, of.counts.precision), abs=0.06)
    assert metrics.classes[2].counts.recall == 1 / 20
    assert not re.findall("<circle", precision_recall_chart(field(3, score_threshold=0.99)))


def test_of_many_classes_the_worst_are_drawn():
    metrics = field(MOST_CURVES + 5)
    svg = precision_recall_chart(metrics)
    assert len(points_of(svg)) == MOST_CURVES
    areas = [of.ap50 for of in metrics.classes]
    best = int(np.argmax(areas))
    assert f"class {best} " not in svg
    assert f"class {int(np.argmin(areas))} " in svg


def test_names_of_classes_are_text():
    metrics = score_boxes(
        [boxes([[0, 0, 9, 9]], [0], ("<b>",), [0.5])], [boxes([[0, 0, 9, 9]], [0], ("<b>",))]
    )
    svg = precision_recall_chart(metrics)
    assert "&lt;b&gt;" in svg
    assert "<b>" not in svg


def test_without_annotations_there_is_no_chart():
    assert precision_recall_chart(score_boxes([boxes([], [], ("a",), [])], [boxes([], [], ("a",))])) == ""
