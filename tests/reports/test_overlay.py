from __future__ import annotations

import numpy as np
import pytest

from stellate.axes import Image
from stellate.errors import InputError
from stellate.io.class_colours import class_colour
from stellate.reports.backdrop import backdrop
from stellate.reports.outlines import outline_pixels
from stellate.reports.overlay import overlay
from stellate.results import Instances


@pytest.fixture
def field():
    labels = np.zeros((40, 60), np.int32)
    labels[5:15, 5:20], labels[20:35, 30:50] = 1, 2
    image = np.random.default_rng(0).random((40, 60)).astype(np.float32) + 3 * (labels > 0)
    return image, labels


def test_outlines_in_colour_and_the_rest_as_it_was(field):
    image, labels = field
    picture = overlay(image, labels)
    where = outline_pixels(labels)
    assert np.array_equal(picture[~where], backdrop(image)[0][~where])
    assert (np.ptp(picture[where].astype(int), axis=-1) > 60).all()
    colours = {tuple(c) for c in picture[where]}
    assert len(colours) == 2


def test_results_are_taken_as_they_are(field):
    image, labels = field
    assert np.array_equal(overlay(Image(image, "YX"), Instances(labels)), overlay(image, labels))


def test_zoom_keeps_lines_thin(field):
    image, labels = field
    picture = overlay(image, labels, zoom=3)
    assert picture.shape == (120, 180, 3)
    coloured = np.ptp(picture.astype(int), axis=-1) > 60
    # The outline of a rectangle of h x w pixels has 2 h + 2 w - 4 of them.
    assert coloured.sum() == 2 * 30 + 2 * 45 - 4 + 2 * 45 + 2 * 60 - 4


def test_large_images_become_smaller(field):
    image, labels = field
    picture = overlay(image, labels, max_side=30)
    assert picture.shape == (20, 30, 3)
    assert (np.ptp(picture.astype(int), axis=-1) > 60)[10:17, 15].sum() >= 2


def test_a_volume_is_seen_along_its_depth(field):
    image, labels = field
    first, second = np.where(labels == 1, labels, 0), np.where(labels == 2, labels, 0)
    volume = Image(np.stack([image * (labels != 2), image * (labels != 1)]), "ZYX")
    expected = overlay(image, labels)
    assert np.array_equal(overlay(volume, np.stack([first, second])), expected)
    assert np.array_equal(overlay(volume, labels), expected)
    frames = Image(np.stack([volume.array * 0, volume.array]), "TZYX")
    assert np.array_equal(overlay(frames, Instances(np.stack([first, second]))), expected)


def test_objects_of_a_class_have_its_colour():
    """The same in every picture and file; objects of unknown class keep a colour of their own."""
    labels = np.zeros((30, 90), np.int32)
    for k in range(5):
        labels[5:25, 2 + 18 * k : 16 + 18 * k] = k + 1
    image = np.zeros((30, 90), np.uint8)
    image[labels > 0] = 90
    objects = Instances(
        labels, classes=np.array([1, 0, -1, 1, 22], np.int32), class_names=tuple(map(str, range(23)))
    )
    drawn = [overlay(image, objects)[5, 8 + 18 * k].tolist() for k in range(5)]
    assert drawn[:2] == [list(class_colour(1)), list(class_colour(0))]
    assert drawn[3:] == [list(class_colour(1)), list(class_colour(2))]
    assert drawn[2] == overlay(image, labels)[5, 44].tolist()
    hidden = Instances(labels * (labels < 3), classes=objects.classes, class_names=objects.class_names)
    assert overlay(image, hidden)[5, 8].tolist() == list(class_colour(1))
    nobody = Instances(labels * 0, classes=np.zeros(0, np.int32), class_names=("a",))
    assert not np.ptp(overlay(image, nobody), axis=-1).any()


def test_shapes_that_do_not_fit(field):
    image, labels = field
    with pytest.raises(InputError, match=r"labels have shape \(40, 59\), but the image \(40, 60\)"):
        overlay(image, labels[:, :-1])
    with pytest.raises(InputError, match=r"labels have shape \(3, 40, 60\), but the image \(2, 40, 60\)"):
        overlay(Image(np.stack([image] * 2), "ZYX"), np.stack([labels] * 3))
