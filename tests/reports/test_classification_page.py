"""The page and the charts of classified images."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest

from stellate.axes import Image
from stellate.metrics.calibration import reliability_bins
from stellate.metrics.classification import score_classes
from stellate.reports.evaluation_page import write_evaluation_page
from stellate.reports.evaluation_report import report_of
from stellate.reports.reliability_chart import reliability_chart
from stellate.reports.roc_chart import MOST_CURVES, roc_chart
from stellate.reports.unit_chart import at, line_colour
from stellate.results import Scores

NASTY = '<script>alert("x")</script> & co'


def metrics_of(n_classes: int, n_images: int = 60, seed: int = 0, first: str = NASTY):
    rng = np.random.default_rng(seed)
    names = (first, *(f"class {k}" for k in range(1, n_classes)))
    of = rng.integers(0, n_classes, n_images)
    logits = rng.normal(0, 1, (n_images, n_classes))
    logits[np.arange(n_images), of] += 1.5
    found = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    eye = np.eye(n_classes, dtype=np.float32)
    return score_classes(
        [Scores(p.astype(np.float32), names) for p in found],
        [Scores(eye[k], names) for k in of],
        names=[f"image <{k}>" for k in range(n_images)],
    )


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.words += data


def points_of(svg: str) -> list[np.ndarray]:
    lines = ElementTree.fromstring(svg).iter("polyline")
    return [np.array([p.split(",") for p in line.attrib["points"].split()], float) for line in lines]


def test_curves_have_the_area_that_they_are_labelled_with():
    metrics = metrics_of(3)
    svg = roc_chart(metrics)
    curves = points_of(svg)
    assert len(curves) == 3
    (left, bottom), (right, top) = at(0, 0), at(1, 1)
    for k, curve in enumerate(curves):
        x, y = (curve[:, 0] - left) / (right - left), (bottom - curve[:, 1]) / (bottom - top)
        assert (x[0], y[0], x[-1], y[-1]) == pytest.approx((0, 0, 1, 1))
        assert np.trapezoid(y, x) == pytest.approx(metrics.classes[k].roc_auc, abs=2e-3)
        assert f"{metrics.classes[k].roc_auc:.3f}" in svg


def test_of_many_classes_the_worst_are_drawn_and_of_many_images_the_shape():
    many = metrics_of(MOST_CURVES + 3, 400)
    svg = roc_chart(many)
    assert len(points_of(svg)) == MOST_CURVES
    areas = sorted(c.roc_auc for c in many.classes)
    assert f"area {areas[0]:.3f}" in svg
    assert f"area {areas[-1]:.3f}" not in svg
    large = metrics_of(2, 20000)
    assert max(map(len, points_of(roc_chart(large)))) <= 400


def test_a_single_class_has_no_curve():
    one = score_classes([Scores(np.ones(1, np.float32), ("a",))], [Scores(np.ones(1, np.float32), ("a",))])
    assert roc_chart(one) == ""
    assert "ROC curves" not in "".join(report_of(one).sections())


def test_the_reliability_diagram_has_a_point_for_each_bin_that_holds_something():
    bins = reliability_bins([0.95, 0.95, 0.5, 0.1], [True, False, True, False], 10)
    svg = reliability_chart(bins)
    (curve,) = points_of(svg)
    np.testing.assert_allclose(curve, [at(0.1, 0), at(0.5, 1), at(0.95, 0.5)], atol=0.06)
    titles = [t.text for t in ElementTree.fromstring(svg).iter("title")]
    assert any("2 images, 50.0% right, mean probability 0.950" in (t or "") for t in titles)


def test_no_line_is_too_bright_for_paper():
    for colour in ((240, 228, 66), (255, 255, 255), (0, 0, 0), (0, 114, 178)):
        red, green, blue = (int(line_colour(colour)[k : k + 2], 16) / 255 for k in (1, 3, 5))
        assert 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2 < 0.46
    assert line_colour((0, 114, 178)) == "#0072b2"


@pytest.fixture
def text(tmp_path) -> str:
    metrics = metrics_of(3)
    report = report_of(metrics)
    image = Image(np.random.default_rng(0).integers(0, 60000, (9, 14)).astype(np.uint16), "YX")
    worst = [
        (metrics.images[k].name, *report.draw(image, None, Scores(np.ones(1), ("a",))))
        for k in metrics.worst(4)
    ]
    write_evaluation_page(metrics, worst, tmp_path / "page.html", title="classes")
    return (tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_page_has_all_parts_and_takes_names_as_text(text):
    page = Page(text)
    assert page.tags.count("script") == 1
    assert NASTY in page.words
    assert page.tags.count("img") == 4
    assert page.tags.count("svg") == 3
    for words in ("The surest mistakes", "ROC curves", "calibration error", "balanced accuracy", "image <0>"):
        assert words in page.words
    assert re.search(r'data-kind="text"><button type="button">found', text)
    assert re.search(r'data-kind="number"><button type="button">right', text)
    assert '<td data-value="0">no</td>' in text


def test_mistakes_are_told_with_both_probabilities():
    metrics = metrics_of(3)
    k = metrics.worst(1)[0]
    image = metrics.images[k]
    said = report_of(metrics).in_words(k)
    assert said == (
        f"annotated {image.truth} ({image.truth_probability:.1%}), found {image.found} ({image.probability:.1%})"
    )
    right = next(i for i, one in enumerate(metrics.images) if one.right)
    assert report_of(metrics).in_words(right).endswith(", as annotated")


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (2000, 500)])
def test_pictures_are_of_a_size_to_look_at(shape):
    image = Image(np.zeros(shape, np.uint8), "YX")
    (picture,) = report_of(metrics_of(2)).draw(image, None, Scores(np.ones(1), ("a",)))
    assert 250 < max(picture.shape) <= 384
