"""Words below a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from .lettering import fitted, font

__all__ = ["with_caption"]

Picture = npt.NDArray[np.uint8]

_PAPER, _INK, _FAINT = (255, 255, 255), (40, 40, 40), (110, 110, 110)
# Of the width of the picture: height of letters, within limits; and of that, height of a line and margin.
_LETTERS, _SIZES = 1 / 60, (14, 36)
_LINE, _MARGIN = 1.5, 0.6


def with_caption(picture: Picture, lines: Sequence[str]) -> Picture:
    """The picture with lines of text below, the first set darker; one that is too long loses its middle.

    Parameters
    ----------
    picture
        ``(H, W, 3)`` uint8.
    lines
        No line has a line break.

    Returns
    -------
    (H + h, W, 3) uint8
    """
    width = picture.shape[1]
    size = min(max(round(width * _LETTERS), _SIZES[0]), _SIZES[1])
    high, margin = round(_LINE * size), round(_MARGIN * size)
    sheet = Image.new("RGB", (width, 2 * margin + high * len(lines)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for k, line in enumerate(lines):
        words = fitted(line, max(1, width - 2 * margin), size)
        draw.text((margin, margin + k * high), words, _FAINT if k else _INK, font(size))
    return np.concatenate([picture, np.asarray(sheet)])
