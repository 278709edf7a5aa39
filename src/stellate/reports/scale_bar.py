"""A bar of a round length in micrometres."""

from __future__ import annotations

import math

from PIL import ImageDraw

from .lettering import font

__all__ = ["draw_scale_bar", "round_length"]

_SHARE = 0.25  # of the width that is shown
_THICK, _MARGIN, _SIZE = 4, 10, 14


def round_length(most: float) -> float:
    """The longest of 1, 2 and 5 times a power of ten that is no longer.

    Examples
    --------
    >>> [round_length(most) for most in (7.3, 0.49, 200)]
    [5.0, 0.2, 200.0]
    """
    power = 10.0 ** math.floor(math.log10(most))
    # a little slack, since 10 ** log10(x) may miss x
    return float(f"{max(k for k in (1, 2, 5) if k * power <= most * (1 + 1e-9)) * power:.9g}")


def draw_scale_bar(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], width: int, um_per_pixel: float
) -> None:
    """Draw a bar with its length, white with a dark rim.

    Parameters
    ----------
    draw
        The picture.
    corner
        Lower left corner (x, y) of the part of the picture that the bar is for.
    width
        Width of that part in pixels; the bar takes up to a quarter of it.
    um_per_pixel
        Size of a pixel of the picture.
    """
    length = round_length(_SHARE * width * um_per_pixel)
    pixels = max(1, round(length / um_per_pixel))
    left, bottom = corner[0] + _MARGIN, corner[1] - _MARGIN
    draw.rectangle((left - 1, bottom - _THICK, left + pixels, bottom + 1), fill=(0, 0, 0))
    draw.rectangle((left, bottom - _THICK + 1, left + pixels - 1, bottom), fill=(255, 255, 255))
    draw.text(
        (left, bottom - _THICK - 5), f"{length:g} µm", (255, 255, 255), font(_SIZE),
        anchor="ls", stroke_width=2, stroke_fill=(0, 0, 0),
    )  # fmt: skip
