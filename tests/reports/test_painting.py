from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from stellate.axes import Image
from stellate.io.class_colours import class_colour, mask_colours
from stellate.reports.backdrop import backdrop
from stellate.reports.legend import legend_of, with_legend
from stellate.reports.outlines import outline_pixels
from stellate.reports.overlay import overlay
from stellate.reports.painting import tint
from stellate.results import Instances, Mask

NAMES = ("ground", "cell", "nucleus")


@pytest.fixture
def field():
    """Of four classes, one of which is not known."""
    classes = np.zeros((40, 60), np.int32)
    classes[5:25, 5:30], classes[10:18, 10:20], classes[30:, :20] = 1, 2, -1
    image = np.random.default_rng(0).random((40, 60)).astype(np.float32)
    return image, Mask(classes, NAMES)


def test_colours_of_classes_and_of_objects_made_of_them_are_the_same():
    colours = mask_colours(4)
    assert colours.tolist() == [[0, 0, 0], *(list(class_colour(k)) for k in range(3))]
    assert mask_colours(0).shape == (0, 3)
    assert len({tuple(c) for c in mask_colours(21).tolist()}) == 21


def test_tints_lie_over_all_classes_but_the_first(field):
    image, mask = field
    picture, ground = overlay(image, mask), backdrop(image)[0]
    untouched = mask.classes <= 0
    np.testing.assert_array_equal(picture[untouched], ground[untouched])
    edge = outline_pixels(mask.classes)
    for k in (1, 2):
        colour = np.array(class_colour(k - 1))
        inside = (mask.classes == k) & ~edge
        mixed = 0.65 * ground[inside] + 0.35 * colour
        assert np.abs(picture[inside] - mixed).max() <= 0.5 + 1e-4
        assert (picture[(mask.classes == k) & edge] == colour).all()


def test_objects_are_outlined_as_before(field):
    image, mask = field
    labels = np.maximum(mask.classes, 0)
    assert np.array_equal(overlay(image, Instances(labels)), overlay(image, labels))
    assert not np.array_equal(overlay(image, mask), overlay(image, labels))


def test_of_classes_above_one_another_the_brighter_is_seen():
    classes = np.zeros((2, 20, 20), np.int32)
    classes[0, 5:15, 5:15], classes[1, 5:15, 5:15] = 1, 2
    volume = np.zeros((2, 20, 20), np.float32)
    volume[0, 5:15, 5:15] = 1
    picture = overlay(Image(volume, "ZYX"), Mask(classes, NAMES))
    assert picture[5, 8].tolist() == list(class_colour(0))
    picture = overlay(Image(volume[::-1].copy(), "ZYX"), Mask(classes, NAMES))
    assert picture[5, 8].tolist() == list(class_colour(1))


def test_a_picture_without_classes_is_not_changed():
    picture = np.full((4, 4, 3), 100, np.uint8)
    tint(picture, np.zeros((4, 4), np.int32), mask_colours(2))
    assert (picture == 100).all()


def test_the_legend_stands_below_in_as_many_lines_as_it_takes():
    picture = np.full((30, 200, 3), 7, np.uint8)
    entries = [(f"class of some kind {k}", class_colour(k)) for k in range(5)]
    sheet = with_legend(picture, entries)
    np.testing.assert_array_equal(sheet[:30], picture)
    assert sheet.shape[1] == 200
    below = sheet[30:]
    rows = [np.flatnonzero((below == c).all(axis=-1).any(axis=1)) for _, c in entries]
    assert all(len(r) > 5 for r in rows)
    assert all(a.max() < b.min() for a, b in pairwise(rows))  # one to a line
    wide = with_legend(np.zeros((30, 2000, 3), np.uint8), entries)
    assert wide.shape[0] < sheet.shape[0]


def test_names_that_are_too_long_and_pictures_that_are_too_narrow():
    for width in (1, 20, 90):
        sheet = with_legend(np.zeros((5, width, 3), np.uint8), [("a name that is far too long " * 4, None)])
        assert sheet.shape[1] == width
        assert sheet.shape[0] > 5


def test_the_class_that_is_left_as_it_is_has_an_empty_square(field):
    _, mask = field
    assert legend_of(mask) == [("ground", None), ("cell", class_colour(0)), ("nucleus", class_colour(1))]
    assert legend_of(Instances(mask.classes)) == []
    picture = np.zeros((5, 5, 3), np.uint8)
    assert with_legend(picture, []) is picture
