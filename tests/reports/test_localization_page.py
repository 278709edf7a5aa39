"""The page of images with one object each."""

from __future__ import annotations

import numpy as np
import pytest

from stellate.axes import Image
from stellate.metrics.localization import score_single_boxes
from stellate.reports.agreement import AGREEMENT_COLOURS
from stellate.reports.evaluation_page import write_evaluation_page
from stellate.reports.evaluation_report import report_of
from stellate.results import Boxes

NAMES = ("white", "red")
ANNOTATED, FOUND = AGREEMENT_COLOURS["missed"], AGREEMENT_COLOURS["matched"]


def box(x1, y1, x2, y2, of=0, score=None) -> Boxes:
    scores = None if score is None else np.array([score], np.float32)
    return Boxes(np.array([[x1, y1, x2, y2]], np.float32), np.array([of], np.int32), NAMES, scores)


TRUTHS = [box(10, 10, 30, 30), box(5, 5, 20, 20, 1)]
FINDINGS = [box(20, 14, 40, 34, 0, 0.9), box(5, 5, 20, 20, 0, 0.6)]


@pytest.fixture
def metrics():
    return score_single_boxes(FINDINGS, TRUTHS, names=["a", "b"])


def of_colour(picture, colour):
    return (picture == np.array(colour)).all(axis=-1)


@pytest.mark.parametrize(("side", "scale"), [(64, 8), (1024, 0.5)])
def test_both_boxes_are_where_they_are_in_the_image(metrics, side, scale):
    image = Image(np.full((side, side), 90, np.uint8), "YX")
    factor = side / 64
    truth, found = (Boxes(b.boxes_xyxy * factor, b.classes, NAMES) for b in (TRUTHS[0], FINDINGS[0]))
    (picture,) = report_of(metrics).draw(image, truth, found)
    assert picture.shape == (512, 512, 3)
    for boxes, colour in ((truth, ANNOTATED), (found, FOUND)):
        x1, _, x2, y2 = (boxes.boxes_xyxy[0] * scale).round().astype(int)
        below = of_colour(picture, colour)[y2 : y2 + 3]
        columns = np.flatnonzero(below.any(axis=0))
        assert (columns[0], columns[-1]) == (x1 - 3, x2 + 2)
    solid, broken = of_colour(picture, ANNOTATED), of_colour(picture, FOUND)
    assert solid.sum() > broken.sum() > 0


def test_what_is_said_of_an_image(metrics):
    report = report_of(metrics)
    assert report.in_words(0) == "IoU 0.250; white (90.0%), as annotated"
    assert report.in_words(1) == "IoU 1.000; annotated red, found white (60.0%)"
    assert "annotated" in report.legend()


def test_the_page_has_all_parts(metrics, tmp_path):
    report = report_of(metrics)
    image = Image(np.full((64, 64), 90, np.uint8), "YX")
    worst = [(metrics.images[k].name, *report.draw(image, TRUTHS[k], FINDINGS[k])) for k in metrics.worst(9)]
    write_evaluation_page(metrics, worst, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.index(">b</b>") < text.index(">a</b>")  # the wrong class first
    for words in (
        "mean IoU of the boxes",
        "both, IoU over 0.75",
        "The worst images",
        'class="figures small"',
    ):
        assert words in text
    assert list(report.tables()) == ["means", "images", "classes", "confusion"]
