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
_LETTERS, _LINE, _MARGIN = 14, 21, 8


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
    sheet = Image.new("RGB", (width, 2 * _MARGIN + _LINE * len(lines)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for k, line in enumerate(lines):
        words = fitted(line, max(1, width - 2 * _MARGIN), _LETTERS)
        draw.text((_MARGIN, _MARGIN + k * _LINE), words, _FAINT if k else _INK, font(_LETTERS))
    return np.concatenate([picture, np.asarray(sheet)])
