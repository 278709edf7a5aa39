from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from stellate.axes import Image
from stellate.errors import InputError
from stellate.metrics.masks import score_masks
from stellate.reports.class_agreement import ERROR_COLOUR, UNKNOWN_COLOUR, draw_class_agreement
from stellate.reports.confusion_chart import confusion_chart
from stellate.reports.evaluation_page import write_evaluation_page
from stellate.reports.mask_report import MaskReport
from stellate.results import Mask

NASTY = "<b>&'\""


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    truth = rng.integers(-1, 3, (20, 30)).astype(np.int32)
    found = np.where(rng.random((20, 30)) < 0.3, rng.integers(-1, 3, (20, 30)), truth).astype(np.int32)
    return rng.random((20, 30)).astype(np.float32), truth, found


def has(picture, colour):
    return (picture == colour).all(axis=-1)


@pytest.mark.parametrize("max_side", [30, 100])
def test_errors_are_where_both_differ_and_something_is_annotated(pair, max_side):
    image, truth, found = pair
    annotated, predicted, plain, errors = draw_class_agreement(image, truth, found, 3, max_side=max_side)
    zoom = max_side // 30
    large_truth, large_found = (a.repeat(zoom, axis=0).repeat(zoom, axis=1) for a in (truth, found))
    np.testing.assert_array_equal(
        has(errors, ERROR_COLOUR), (large_truth >= 0) & (large_truth != large_found)
    )
    np.testing.assert_array_equal(has(errors, UNKNOWN_COLOUR), large_truth < 0)
    np.testing.assert_array_equal(has(annotated, UNKNOWN_COLOUR), large_truth < 0)
    assert not has(predicted, UNKNOWN_COLOUR).any()
    assert annotated.shape == predicted.shape == plain.shape == errors.shape
    np.testing.assert_array_equal(predicted[large_found <= 0], plain[large_found <= 0])


def test_of_a_volume_the_plane_with_most_errors(pair):
    image, truth, found = pair
    volume = Image(np.stack([image, image, image]), "ZYX")
    expected = draw_class_agreement(image, truth, found, 3)
    some = np.where(np.indices(truth.shape)[1] < 15, found, truth)
    pictures = draw_class_agreement(volume, np.stack([truth] * 3), np.stack([truth, found, some]), 3)
    for picture, wanted in zip(pictures, expected, strict=True):
        np.testing.assert_array_equal(picture, wanted)


def test_shapes_that_differ(pair):
    image, truth, found = pair
    with pytest.raises(InputError, match=r"annotation has shape \(20, 30\), the prediction \(19, 30\)"):
        draw_class_agreement(image, truth, found[1:], 3)


class Chart(HTMLParser):
    """Titles, texts and colours of the squares of a drawing, in order."""

    def __init__(self, text):
        super().__init__()
        self.fills, self.titles, self.inside = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.inside = tag
        if tag == "rect":
            self.fills.append(dict(attrs)["fill"])

    def handle_data(self, data):
        if self.inside == "title":
            self.titles.append(data)


def test_squares_are_the_darker_the_larger_their_share():
    counts = np.array([[90, 10, 0], [25, 50, 25], [0, 0, 0]])
    text = confusion_chart(counts, ("a", NASTY, "c"), ("a", NASTY, "c"))
    chart = Chart(text)
    brightness = [sum(int(fill[k : k + 2], 16) for k in (1, 3, 5)) for fill in chart.fills]
    assert len(brightness) == 9
    shares = [0.9, 0.1, 0, 0.25, 0.5, 0.25, 0, 0, 0]
    assert (
        np.argsort(brightness, kind="stable").tolist()
        == np.argsort([-s for s in shares], kind="stable").tolist()
    )
    assert chart.fills[2] == chart.fills[8] == "#ffffff"
    assert "a, found as a: 90 (90.00%)" in chart.titles
    assert f"{NASTY}, found as {NASTY}: 50 (50.00%)" in chart.titles
    assert "<b>" not in text
    shown = re.findall(r">([\d.]+%)<", text)
    assert shown == ["90.0%", "10.0%", "25.0%", "50.0%", "25.0%"]


def masks_of(n_classes, size=40):
    names = tuple(f"class {k}" for k in range(n_classes))
    classes = np.arange(size * size, dtype=np.int32).reshape(size, size) % n_classes
    return Mask(classes, names), Mask(classes[::-1].copy(), names)


def test_many_classes_have_no_drawing_and_then_no_table(tmp_path):
    for n, drawn, shown in ((3, True, True), (20, False, True), (50, False, False)):
        found, truth = masks_of(n)
        report = MaskReport(score_masks([found], [truth]))
        body = "".join(report.sections())
        assert ("<svg" in body) == drawn
        assert ("annotated / found" in body) == shown
        assert ("evaluation_confusion.csv" in body) != shown
        assert (len(report.image_columns()) > 6) == (n <= 8)


def test_an_image_without_annotation_has_dashes_and_no_nan(tmp_path):
    names = ("ground", NASTY)
    nothing = Mask(np.full((8, 8), -1, np.int32), names)
    some = Mask(np.zeros((8, 8), np.int32), names)
    metrics = score_masks([some, some], [nothing, some], names=["empty", "full"])
    write_evaluation_page(metrics, [], tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "nan" not in text.lower()
    assert "–" in text
    assert NASTY not in text


def test_pixels_without_a_class_have_a_column():
    names = ("ground", "cell")
    truth = Mask(np.zeros((4, 4), np.int32), names)
    found = Mask(np.array([[0, 0, 0, -1]] * 4, np.int32), names)
    body = "".join(MaskReport(score_masks([found], [truth])).sections())
    assert "(no class)" in body
