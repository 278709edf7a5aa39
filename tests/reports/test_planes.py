from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as PillowImage

from stellate.axes import Image
from stellate.errors import InputError
from stellate.io.class_colours import class_colour
from stellate.reports import planes
from stellate.reports.planes import three_planes
from stellate.results import Instances

GAP = planes._GAP


@pytest.fixture
def block():
    """A bright block of 4 x 10 x 20 voxels in a volume of 10 x 30 x 50."""
    labels = np.zeros((10, 30, 50), np.int32)
    labels[3:7, 10:20, 15:35] = 1
    image = np.random.default_rng(0).random(labels.shape).astype(np.float32) + 20 * (labels > 0)
    return image, labels


def coloured(picture):
    """Where outlines are; the lines of the crosshair are yellow and pale on purpose."""
    return (np.ptp(picture.astype(int), axis=-1) > 60) & ~yellowish(picture)


def yellowish(picture):
    red, green, blue = picture.astype(int).transpose(2, 0, 1)
    return (np.abs(red - green) < 3) & (blue < red)


def test_proportions_follow_the_voxel_size_and_the_panels_show_their_planes(block, monkeypatch):
    """At one pixel per voxel of a row, depth is three times as long."""
    monkeypatch.setattr(planes, "_ENLARGED", 90)
    monkeypatch.setattr(planes, "_LETTERS", 99)  # too large to be written here
    monkeypatch.setattr(planes, "draw_scale_bar", lambda *_: None)
    image, labels = block
    spacing = {"Z": 1.5, "Y": 0.5, "X": 0.5}
    picture = three_planes(Image(image, "ZYX", spacing), labels, at=(4, 15, 20))
    assert picture.shape == (30 + GAP + 30, 50 + GAP + 30, 3)
    bright = picture.min(axis=-1) > 160
    xy, xz, yz = bright[:30, :50], bright[30 + GAP :, :50], bright[:30, 50 + GAP :]
    for panel, rows, columns in (
        (xy, (11, 19), (16, 34)),
        (xz, (10, 20), (16, 34)),
        (yz, (11, 19), (10, 20)),
    ):
        inside = panel[slice(*rows), slice(*columns)]
        assert inside.mean() > 0.7  # but for the crosshair
        assert panel.sum() < inside.size * 1.5


def test_outlines_in_all_three_panels_and_none_at_their_borders(block):
    image, labels = block
    labels = np.maximum(labels, 2 * (np.indices(labels.shape)[2] >= 45))
    picture = three_planes(Image(image, "ZYX"), Instances(labels), at=(4, 15, 20))
    where = coloured(picture)
    zoom = planes._ENLARGED // 60
    height, width, depth = 30 * zoom, 50 * zoom, 10 * zoom
    assert picture.shape == (height + GAP + depth, width + GAP + depth, 3)
    xy, xz = where[:height, :width], where[height + GAP :, :width]
    yz = where[:height, width + GAP :]
    block_in = (2 * 10 + 2 * 20, 2 * 4 + 2 * 20, 2 * 10 + 2 * 4)
    for panel, around, more in ((xy, block_in[0], 30), (xz, block_in[1], 10), (yz, block_in[2], 0)):
        assert panel.sum() == pytest.approx((around + more) * zoom, abs=14)
    assert not xy[:, -1].any()


def test_objects_of_a_class_have_its_colour_in_every_panel(block):
    image, labels = block
    others = {"class_names": ("round", "long")}
    for known in (0, 1):
        objects = Instances(labels, classes=np.array([known], np.int32), **others)
        picture = three_planes(Image(image, "ZYX"), objects, at=(4, 15, 20))
        has = (picture == class_colour(known)).all(axis=-1)
        assert np.array_equal(has & ~yellowish(picture), coloured(picture))
    unknown = Instances(labels, classes=np.array([-1], np.int32), **others)
    assert np.array_equal(
        three_planes(Image(image, "ZYX"), unknown), three_planes(Image(image, "ZYX"), labels)
    )


def test_the_busiest_planes_of_the_middle_half():
    labels = np.zeros((20, 20, 20), np.int32)
    labels[0, 0, :6] = np.arange(1, 7)  # many, but at the border
    labels[9, 7, 12], labels[9, 8, 12], labels[11, 7, 8] = 7, 8, 9
    assert planes._busiest(labels) == (9, 7, 12)
    assert planes._busiest(np.zeros((4, 5, 7), np.int32)) == (1, 2, 3)
    labels[1:] = 0
    assert planes._busiest(labels)[:2] == (0, 0)


def test_large_volumes_become_smaller():
    image = Image(np.random.default_rng(0).random((20, 300, 400)), "ZYX")
    labels = np.zeros((20, 300, 400), np.int32)
    picture = three_planes(image, labels, max_side=210)
    assert picture.shape == (150 + GAP + 10, 200 + GAP + 10, 3)


def test_a_scale_bar_only_where_the_size_is_known(block, monkeypatch):
    image, labels = block
    drawn = []
    monkeypatch.setattr(planes, "draw_scale_bar", lambda *given: drawn.append(given[1:]))
    three_planes(Image(image, "ZYX"), labels)
    three_planes(Image(image, "ZYX", {"Y": 0.5, "X": 0.5}), labels)
    assert drawn == []
    three_planes(Image(image, "ZYX", {"Z": 1.0, "Y": 0.5, "X": 0.5}), labels)
    zoom = planes._ENLARGED // 70
    assert drawn == [((0, 30 * zoom), 50 * zoom, 0.5 / zoom)]


def test_channels_and_time_in_any_order_give_the_same_picture(block):
    image, labels = block
    two = np.stack([image, image[::-1]])
    expected = three_planes(Image(two, "CZYX"), labels)
    assert np.array_equal(three_planes(Image(two.transpose(2, 3, 0, 1), "YXCZ"), labels), expected)
    frames = np.stack([two * 0, two, two * 0], axis=2)
    assert np.array_equal(three_planes(Image(frames, "CZTYX"), labels), expected)
    assert not np.array_equal(three_planes(Image(image, "ZYX"), labels), expected)


def test_lazy_volumes_are_read_a_plane_at_a_time(block):
    image, labels = block

    class Lazy:
        shape, dtype = image.shape, image.dtype

        def __getitem__(self, index):
            assert isinstance(index[0], int)
            return image[index]

    assert np.array_equal(
        three_planes(Image(Lazy(), "ZYX"), labels), three_planes(Image(image, "ZYX"), labels)
    )


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 20, 30), (30, 1, 1)])
def test_thin_volumes(shape):
    picture = three_planes(Image(np.ones(shape, np.uint8), "ZYX"), np.ones(shape, np.int32))
    assert picture.dtype == np.uint8
    assert max(picture.shape) <= planes._ENLARGED + GAP
    PillowImage.fromarray(picture)


def test_what_does_not_fit(block):
    image, labels = block
    with pytest.raises(InputError, match=r"need a volume, got axes YX"):
        three_planes(Image(image[0], "YX"), labels[0])
    with pytest.raises(InputError, match=r"labels have shape \(10, 30, 49\), but the image \(10, 30, 50\)"):
        three_planes(Image(image, "ZYX"), labels[..., 1:])
    with pytest.raises(InputError, match=r"cannot meet at \(4, 30, 2\)"):
        three_planes(Image(image, "ZYX"), labels, at=(4, 30, 2))
    with pytest.raises(InputError, match="no voxels to show"):
        three_planes(Image(image[:0], "ZYX"), labels[:0])
