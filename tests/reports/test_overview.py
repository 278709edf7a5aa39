"""Sheets of many images with what is in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from skimage.io import imread

from stellate.axes import Image
from stellate.errors import InputError
from stellate.reports.overview import draw_overview, evenly, in_numbers
from stellate.results import Boxes, Instances, Mask, Result, Scores

ONE = np.array([[0, 1, 1, 0]], np.int32)
TWO = np.array([[2, 1, 1, 0]], np.int32)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Instances(0 * ONE), "0 objects"),
        (Instances(ONE), "1 object"),
        (Instances(np.stack([TWO, TWO])), "2 objects in 2 planes"),
        (Instances(ONE[None]), "1 object in 1 plane"),
        (Instances(TWO, classes=np.array([1, 1]), class_names=("a", "b")), "2 objects: 2 b"),
        (Instances(TWO, classes=np.array([1, 0]), class_names=("a", "b")), "2 objects: 1 a, 1 b"),
        (Instances(TWO, classes=np.array([-1, -1]), class_names=("a", "b")), "2 objects"),
        (Mask(TWO, ("ground", "a", "b", "c")), "ground 25%, a 50%, b 25%"),
        (Scores(np.array([0.2, 0.8]), ("a", "b")), "b 80%"),
        (Scores(np.array([1.0, 0.0]), ("a", "b")), "a"),
        (Boxes(np.zeros((1, 4)), np.array([1]), ("a", "b"), np.array([0.875])), "b 88%"),
        (Boxes(np.zeros((1, 4)), np.array([1]), ("a", "b")), "b"),
        (Boxes(np.zeros((3, 4)), np.array([1, 0, 1]), ("a", "b")), "3 boxes: 1 a, 2 b"),
        (Boxes(np.zeros((0, 4)), np.zeros(0, int), ("a", "b")), "0 boxes"),
    ],
)
def test_what_is_in_an_image_in_numbers(found: Result, text: str) -> None:
    assert in_numbers(found) == text


@pytest.mark.parametrize("size", range(30))
@pytest.mark.parametrize("count", [1, 2, 7, 24])
def test_an_even_choice_has_both_ends_and_steps_alike(size: int, count: int) -> None:
    chosen = evenly(size, count)
    assert len(chosen) == min(size, count)
    if len(chosen) > 1:
        assert (chosen[0], chosen[-1]) == (0, size - 1)
        assert np.ptp(np.diff(chosen)) <= 1


def test_each_image_is_on_the_sheet_with_its_objects(tmp_path: Path) -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[10:30, 10:30] = 1
    image = Image(np.full((40, 40), 500, np.uint16), "YX")
    path = draw_overview([("a", image, Instances(labels))], tmp_path / "one.png", title="cells")
    three = draw_overview([(n, image, Instances(labels)) for n in "abc"], tmp_path / "three.png")
    assert path == tmp_path / "one.png"
    picture, more = imread(path), imread(three)
    outlined = np.ptp(picture.astype(int), axis=-1) > 60  # colours; the image and the paper are grey
    assert outlined.sum() > 400
    assert (np.ptp(more.astype(int), axis=-1) > 60).sum() == 3 * outlined.sum()


def test_no_images_are_no_sheet(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pictures for a contact sheet"):
        draw_overview([], tmp_path / "none.png")
