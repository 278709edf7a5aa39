from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stellate.metrics.instances import InstanceMetrics, score_instances
from stellate.reports.evaluation_page import write_evaluation_page
from stellate.results import Instances

NASTY = '<script>alert("x")</script> & plate "B03"'


class Page(HTMLParser):
    """Tables, pictures, tags and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self.images: list[dict[str, str]] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words = ""
        self.cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {k: v or "" for k, v in attrs}
        self.tags.append((tag, given))
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.cell = True
        elif tag == "img":
            self.images.append(given)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.cell = False

    def handle_data(self, data: str) -> None:
        self.words += data
        if self.cell:
            self.tables[-1][-1][-1] += data


def row(*ids: int) -> np.ndarray:
    return np.array([ids])


@pytest.fixture
def metrics() -> InstanceMetrics:
    truths = [row(1, 1, 1, 1, 0, 2, 2, 0, 0), row(0, 0, 1, 1, 0, 0, 0, 0, 0)]
    predictions = [row(9, 9, 9, 0, 0, 0, 0, 4, 4), row(0, 0, 3, 3, 0, 0, 0, 0, 0)]
    return score_instances(predictions, truths, names=[NASTY, "good"])


@pytest.fixture
def pictures() -> tuple[np.ndarray, np.ndarray]:
    return tuple(np.random.default_rng(0).integers(0, 256, (2, 12, 18, 3)).astype(np.uint8))


@pytest.fixture
def text(metrics, pictures, tmp_path) -> str:
    path = tmp_path / "out" / "page.html"
    write_evaluation_page(
        metrics, [(NASTY, *pictures)], path, title="Test & <title>", facts={"Model": "<nuclei>"}
    )
    assert [f.name for f in path.parent.iterdir()] == ["page.html"]
    return path.read_text(encoding="utf-8")


def test_the_numbers_are_those_of_the_metrics(text):
    thresholds, images = Page(text).tables
    assert len(thresholds) == 11
    # Matched 2, false 1, missed 1; 2 / 4 pooled, (1 / 3 + 1) / 2 by image; IoU .75 and 1; 1.75 / 3.
    assert thresholds[1] == [
        "0.5",
        "2",
        "1",
        "1",
        "0.667",
        "0.667",
        "0.667",
        "0.500",
        "0.667",
        "0.875",
        "0.583",
    ]
    assert images[1] == [NASTY, "2", "2", "0", "0.333", "0.333", "0.000", "0.200", "0.375"]
    assert [r[0] for r in images[1:]] == [NASTY, "good"]


def test_pictures_are_inside_the_page(text, pictures):
    shown = Page(text).images
    for image, picture in zip(shown, pictures, strict=True):
        data = image["src"].removeprefix("data:image/png;base64,")
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))), picture)
        assert (image["width"], image["height"]) == ("18", "12")
    assert NASTY in shown[0]["alt"]


def test_nothing_is_loaded_from_elsewhere(text):
    page = Page(text)
    for _, attributes in page.tags:
        for name in ("src", "href", "srcset", "action", "data"):
            assert attributes.get(name, "data:").startswith("data:")
    assert not re.search(r"https?://|@import|url\(", text)
    (policy,) = [a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")


def test_names_are_text_and_never_markup(text):
    page = Page(text)
    assert [t for t, _ in page.tags].count("script") == 1
    assert "Test & <title>" in page.words
    assert "<nuclei>" in page.words


def test_readable_on_a_phone_and_without_colour(text):
    page = Page(text)
    assert any(a.get("name") == "viewport" for _, a in page.tags)
    for words in ("matched", "annotated, but nothing found matches", "found, but nothing annotated matches"):
        assert words in page.words
    assert "at IoU 0.5: 1 matched, 1 missed, 1 false" in page.words


def test_every_cell_of_the_sortable_table_has_its_value(text):
    page = Page(text)
    values = [a["data-value"] for t, a in page.tags if t == "td" and "data-value" in a]
    assert values[0] == NASTY
    assert float(values[7]) == pytest.approx(0.2)
    assert sum(t == "button" for t, _ in page.tags) == 9


def test_other_thresholds_and_no_pictures(tmp_path: Path):
    metrics = score_instances([row(1)], [row(1)], (0.3,))
    write_evaluation_page(metrics, [], tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert page.tables[1][0] == [
        "image",
        "annotated",
        "found",
        "difference",
        "mean accuracy",
        "panoptic quality at 0.3",
    ]
    assert "worst" not in page.words.split("table of images")[0]


def objects(labels: list[int], classes: list[int], names: tuple[str, ...]) -> Instances:
    return Instances(np.array([labels], np.int32), classes=np.array(classes, np.int32), class_names=names)


def test_classes_have_tables_of_their_own(tmp_path: Path) -> None:
    names = ("round", NASTY, "never")
    truth = objects([1, 1, 0, 2, 2, 0, 3, 3, 0], [0, 1, 1], names)
    found = objects([1, 1, 0, 2, 2, 0, 0, 0, 3], [0, 0, 1], names)
    write_evaluation_page(score_instances([found], [truth]), [], tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    of_classes, confusion = page.tables[1:3]
    assert of_classes[1] == ["round", "1", "2", "1", "1", "0", "0.500", "1.000", "0.667", "0.500", "0.667"]
    assert of_classes[2][:6] == [NASTY, "2", "1", "0", "1", "2"]
    assert of_classes[3] == ["never", "0", "0", "0", "0", "0", *["\N{EN DASH}"] * 5]
    assert of_classes[4][0] == "mean over the classes"
    assert of_classes[4][-3:] == ["0.333", "0.250", "0.333"]
    assert confusion[0] == ["annotated / found", *names, "(nothing)"]
    assert confusion[1:] == [
        ["round", "1", "0", "0", "0"],
        [NASTY, "1", "0", "0", "1"],
        ["never", "0", "0", "0", "0"],
        ["(nothing)", "0", "1", "0", "0"],
    ]
    assert "50.0% have the right one" in page.words


def test_without_classes_there_are_no_such_tables(metrics: InstanceMetrics, tmp_path: Path) -> None:
    write_evaluation_page(metrics, [], tmp_path / "page.html")
    page = Page((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert len(page.tables) == 2
    assert "class was found" not in page.words
