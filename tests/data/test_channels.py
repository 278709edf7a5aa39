import re
from dataclasses import replace

import numpy as np
import pytest
import tifffile

from stellate.axes import Image
from stellate.data.channels import choose_channels, pick_channels
from stellate.data.folder import open_folder
from stellate.errors import InputError

RNG = np.random.default_rng(1)
A, B, C = RNG.integers(0, 255, (3, 20, 30)).astype(np.uint8)
FLAT = np.full_like(A, 255)


def image(*channels, names=()):
    return Image(np.stack(channels, axis=-1), "YXC", name="cells", channel_names=names)


def chosen(picture, wanted, choice=()):
    pixels, note = choose_channels(picture, wanted, choice)
    return pixels[:, :, :], note


@pytest.mark.parametrize(
    ("picture", "wanted", "expected", "note"),
    [
        (Image(A, "YX"), 1, [A], ""),
        (image(A, B, C), 3, [A, B, C], ""),
        (image(A, A, A), 1, [A], "3 channels that are not constant are equal: one is used"),
        (image(A, A, A, FLAT), 1, [A], "equal"),
        (image(FLAT * 0, FLAT * 0, B), 1, [B], "channel 2 used: the others are constant"),
        (image(FLAT, FLAT, FLAT), 1, [FLAT], "channel 0 used"),
        (image(A, B, C, FLAT), 3, [A, B, C], "alpha"),
    ],
)
def test_what_is_used_unasked(picture, wanted, expected, note):
    got, said = chosen(picture, wanted)
    np.testing.assert_array_equal(got, expected)
    assert note in said
    assert bool(note) == bool(said)


@pytest.mark.parametrize(
    ("choice", "expected"), [((1,), B), (("1",), B), (("GFP",), B), (("0",), C), (("DAPI",), A)]
)
def test_a_channel_by_number_or_name_and_names_go_first(choice, expected):
    got, said = chosen(image(A, B, C, names=("DAPI", "GFP", "0")), 1, choice)
    np.testing.assert_array_equal(got[0], expected)
    assert str(choice[0]) in said


def test_a_channel_may_be_used_several_times_and_in_any_order():
    np.testing.assert_array_equal(chosen(image(A, B), 3, (1, 0, 0))[0], [B, A, A])


def test_grey_of_a_colour_picture():
    got, said = chosen(image(A, B, C, FLAT), 1, ("grey",))
    np.testing.assert_allclose(got[0], 0.299 * A + 0.587 * B + 0.114 * C, rtol=1e-5)
    assert "grey" in said


@pytest.mark.parametrize(
    ("picture", "wanted", "choice", "message"),
    [
        (
            image(A, B, C),
            1,
            (),
            r"cells: the model takes 1 channel, the image has 3 channels that differ.*'grey'",
        ),
        (image(A, B, names=("DAPI", "GFP")), 1, (), r"2 channels \(DAPI, GFP\)"),
        (
            Image(A, "YX", name="cells"),
            3,
            (),
            "cells: the model takes 3 channels, the image has 1 channel; name",
        ),
        (image(A, B, C, A), 3, (), "takes 3 channels, the image has 4 channels"),
        (image(A, B), 1, (2,), "no channel 2; the image has 2 channels, counted from 0"),
        (image(A, B), 1, (-1,), "no channel -1"),
        (image(A, B, names=("DAPI", "GFP")), 1, ("RFP",), r"no channel is called 'RFP'.*DAPI, GFP"),
        (image(A, B), 1, (0, 1), r"takes 1 channel, but 2 were chosen \(0, 1\)"),
        (image(A, B), 1, ("grey",), "'grey' makes 1 channel of a colour picture's 3"),
        (image(A, B, C), 3, ("grey",), "the model takes 3"),
    ],
)
def test_what_is_open_is_asked(picture, wanted, choice, message):
    with pytest.raises(InputError, match=message):
        choose_channels(picture, wanted, choice)


NAMED = ("DAPI", "GFP")


@pytest.mark.parametrize(
    ("picture", "wanted", "trained", "expected", "note"),
    [
        (image(A, B, C), 1, (2,), [C], "channel 2 used, as the model was trained"),
        (image(A, B, names=NAMED), 1, ("GFP",), [B], "channel GFP used, as the model was trained"),
        (image(A, B, C), 2, (2, 0), [C, A], "channels 2, 0 used, as the model was trained"),
        (image(A, B), 2, (1, 0), [B, A], "channels 1, 0 used, as the model was trained"),
        # before what would be used unasked: the others are constant, or all are equal
        (image(A, FLAT, FLAT), 1, (1,), [FLAT], "channel 1 used, as the model was trained"),
        (image(A, A), 1, (1,), [A], "channel 1 used, as the model was trained"),
        # nothing to choose, or nothing to say
        (Image(A, "YX", name="cells"), 1, (2,), [A], ""),
        (Image(A, "YX", name="cells"), 1, (0,), [A], ""),
        (Image(A, "YX", name="cells"), 1, ("grey",), [A], ""),
        (image(A, B), 2, (0, 1), [A, B], ""),
        (image(A, B), 2, (2, 1), [A, B], ""),
        # the choice does not fit, but nothing is open
        (image(FLAT, B), 1, (2,), [B], "channel 1 used: the others are constant"),
        (image(A, B, C, FLAT), 3, ("R", "G", "B"), [A, B, C], "alpha"),
    ],
)
def test_what_the_model_was_trained_on_is_used(picture, wanted, trained, expected, note):
    pixels, said = choose_channels(picture, wanted, (), trained=trained)
    np.testing.assert_array_equal(pixels[:, :, :], expected)
    assert note in said
    assert bool(note) == bool(said)


def test_colour_pictures_turn_grey_where_the_model_was_trained_so():
    pixels, said = choose_channels(image(A, B, C), 1, (), trained=("grey",))
    np.testing.assert_allclose(pixels[:, :, :][0], 0.299 * A + 0.587 * B + 0.114 * C, rtol=1e-5)
    assert said.startswith("colours turned to grey")
    assert said.endswith(", as the model was trained")


def test_what_the_user_chose_goes_before_what_the_model_was_trained_on():
    pixels, said = choose_channels(image(A, B, C), 1, (0,), trained=(2,))
    np.testing.assert_array_equal(pixels[:, :, :], [A])
    assert said == "channel 0 used"
    with pytest.raises(InputError, match="no channel 5") as caught:
        choose_channels(image(A, B, C), 1, (5,), trained=(2,))
    assert "trained" not in str(caught.value)


@pytest.mark.parametrize(
    ("picture", "wanted", "trained", "message"),
    [
        (image(A, B), 1, (2,), "name the one to use.*; the model was trained on channel 2, which this image"),
        (image(A, B, names=NAMED), 1, ("Cy5",), r"2 channels \(DAPI, GFP\).* on channel Cy5, which this"),
        (image(A, B), 1, ("grey",), r"on the brightness of colour pictures \(grey\), which this image"),
        (image(A, B, C), 2, (0, 5), "name the 2 to use.*; the model was trained on channels 0, 5, which"),
        (image(A, B, C), 2, (0,), "name the 2 to use.*; the model was trained on channel 0"),
    ],
)
def test_an_image_without_the_channels_that_the_model_was_trained_on(picture, wanted, trained, message):
    with pytest.raises(InputError, match=message):
        choose_channels(picture, wanted, (), trained=trained)


def test_an_image_reduced_to_its_chosen_channels():
    picture = Image(
        np.stack([A, B, C]), "CYX", {"Y": 0.5, "X": 0.25}, name="cells", channel_names=("DAPI", "GFP", "Cy5")
    )
    got = pick_channels(picture, ("Cy5", 0))
    np.testing.assert_array_equal(got.array, [C, A])
    assert (got.axes, got.channel_names, got.spacing_um) == ("CYX", ("Cy5", "DAPI"), {"Y": 0.5, "X": 0.25})
    grey = pick_channels(image(A, B, C), ("grey",))
    np.testing.assert_allclose(grey.array[0], 0.299 * A + 0.587 * B + 0.114 * C, rtol=1e-5)
    assert grey.channels == 1


def test_channels_that_cannot_be_picked(tmp_path):
    path = tmp_path / "cells.tif"
    with pytest.raises(InputError, match=rf"{re.escape(str(path))}: no channel 7; the image has 3 channels"):
        pick_channels(Image(np.stack([A, B, C]), "CYX", name="cells", path=path), (7,))
    with pytest.raises(InputError, match="cells: no channel 1; the image has 1 channel, counted from 0"):
        pick_channels(Image(np.stack([A, B, C]), "ZYX", name="cells"), (1,))


def test_volumes_are_judged_by_all_planes_and_keep_them():
    volume = np.stack([np.stack([A, B]), np.stack([B, A])])
    picture = Image(volume, "CZYX", channel_names=("one", "two"))
    with pytest.raises(InputError, match=r"2 channels .* that differ"):
        choose_channels(picture, 1, (), volume=True)
    pixels, said = choose_channels(picture, 1, ("two",), volume=True)
    np.testing.assert_array_equal(pixels[:, :], volume[1:])
    assert said == "channel two used"
    blank = Image(np.stack([volume[0], np.full_like(volume[0], 9)]), "CZYX")
    pixels, said = choose_channels(blank, 1, (), volume=True)
    np.testing.assert_array_equal(pixels[:, :], volume[:1])
    assert said == "channel 0 used: the others are constant"


@pytest.mark.parametrize("depth", [1, 2])
def test_channels_of_a_volume_are_picked_with_all_planes(depth):
    volume = np.stack([A, B])[:, np.newaxis].repeat(depth, axis=1)
    picked = pick_channels(Image(volume, "CZYX"), (1,))
    assert picked.axes == "CZYX"
    np.testing.assert_array_equal(picked.array, volume[1:])


@pytest.mark.parametrize(("channels", "index"), [((1,), [1]), ((1, 0), [1, 0])])
def test_channels_of_an_annotated_volume_are_those_that_were_named(tmp_path, channels, index):
    volume = np.stack([np.stack([A, B]), np.stack([B, C]), np.stack([C, A])])  # planes, channels
    for part in ("images", "masks"):
        (tmp_path / part).mkdir()
    metadata = {"axes": "ZCYX", "spacing": 2.0, "unit": "um"}
    tifffile.imwrite(tmp_path / "images" / "a.tif", volume, imagej=True, metadata=metadata, resolution=(2, 2))
    tifffile.imwrite(tmp_path / "masks" / "a.tif", np.ones((3, 20, 30), np.uint16), photometric="minisblack")
    image, annotation = replace(open_folder(tmp_path), channels=channels).pair(0)
    np.testing.assert_array_equal(image.to_axes("CZYX"), volume.transpose(1, 0, 2, 3)[index])
    assert annotation.labels.shape == (3, 20, 30)
    assert image.spacing_um == {"Z": 2.0, "Y": 0.5, "X": 0.5}
