from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from stellate.reports.scale_bar import draw_scale_bar, round_length


@given(st.floats(1e-6, 1e9))
def test_a_round_length_is_short_enough_and_not_much_shorter(most):
    length = round_length(most)
    assert f"{length:e}"[0] in "125"
    assert float(f"{length:e}"[2:8]) == 0
    assert most / 2.5 * (1 - 1e-6) <= length <= most * (1 + 1e-6)


@pytest.mark.parametrize(
    ("width", "um_per_pixel", "expected"), [(400, 0.5, 100), (300, 0.1, 50), (80, 2.0, 10)]
)
def test_the_bar_is_as_long_as_it_says(width, um_per_pixel, expected):
    """50 um of 200, 5 um of 30, 20 um of 160."""
    sheet = Image.new("RGB", (width, 200), (90, 20, 20))
    draw_scale_bar(ImageDraw.Draw(sheet), (0, 200), width, um_per_pixel)
    white = (np.asarray(sheet) == 255).all(axis=-1)
    assert white[-12].sum() == expected
    assert white[-30:-14].any()  # its length in words
