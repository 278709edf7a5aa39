import numpy as np
import pytest

from stellate.axes import Image
from stellate.errors import InputError
from stellate.prediction.frames import frame_axes, frames

STACK = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)


def test_time_and_pages_come_frame_by_frame_in_order():
    image = Image(STACK, "TPYX", name="film")
    assert frame_axes(image) == "TP"
    got = list(frames(image, None))
    assert [f.axes for f in got] == ["YX"] * 6
    np.testing.assert_array_equal([f.array for f in got], STACK.reshape(6, 4, 5))


def test_axes_of_one_position_are_dropped_and_channels_kept():
    image = Image(STACK[:1], "TCYX")
    assert frame_axes(image) == ""
    (frame,) = frames(image, None)
    assert frame.axes == "CYX"
    np.testing.assert_array_equal(frame.array, STACK[0])


def test_a_plane_of_a_stack():
    (frame,) = frames(Image(STACK, "CZYX"), 2)
    np.testing.assert_array_equal(frame.array, STACK[:, 2])
    assert frame.axes == "CYX"


def test_the_brightest_is_left_for_the_reader():
    (frame,) = frames(Image(STACK, "CZYX"), "max")
    assert frame.axes == "CZYX"


def test_plane_0_of_an_image_without_depth():
    (frame,) = frames(Image(STACK[0, 0], "YX"), 0)
    assert frame.axes == "YX"


@pytest.mark.parametrize(
    ("plane", "message"),
    [
        (None, r"3 along Z.*plane=0.*plane='max'.*axes='TYX'"),
        (3, "no plane 3; the image has 3, counted from 0"),
    ],
)
def test_depth_needs_a_choice_inside_it(plane, message):
    with pytest.raises(InputError, match=message):
        list(frames(Image(STACK, "TZYX"), plane))
