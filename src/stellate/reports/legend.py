"""Which colour means what, below a picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from ..io.class_colours import class_colour, mask_colours
from ..results import Boxes, Mask
from .lettering import fitted, font

__all__ = ["legend_of", "with_legend"]

Picture = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

_PAPER, _INK = (255, 255, 255), (40, 40, 40)
_LETTERS, _LINE, _SWATCH, _GAP, _MARGIN = 13, 20, 12, 6, 8


def with_legend(picture: Picture, entries: Sequence[tuple[str, Colour | None]]) -> Picture:
    """The picture with its legend below; in as many lines as its width takes.

    Parameters
    ----------
    picture
        ``(H, W, 3)`` uint8.
    entries
        Words and their colour; None for what has none, whose square is empty.

    Returns
    -------
    (H + h, W, 3) uint8
        The picture itself if there are no entries.
    """
    if not entries:
        return picture
    width = picture.shape[1]
    places = _placed([words for words, _ in entries], width)
    below = _MARGIN + (places[-1][1] + 1) * _LINE
    sheet = Image.new("RGB", (width, below), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for (_, colour), (left, line, words) in zip(entries, places, strict=True):
        top = _MARGIN // 2 + line * _LINE + (_LINE - _SWATCH) // 2
        draw.rectangle((left, top, left + _SWATCH, top + _SWATCH), fill=colour, outline=_INK)
        middle = top + _SWATCH // 2
        draw.text((left + _SWATCH + _GAP, middle), words, _INK, font(_LETTERS), anchor="lm")
    return np.concatenate([picture, np.asarray(sheet)]).astype(np.uint8, copy=False)


def legend_of(found: Any) -> list[tuple[str, Colour | None]]:
    """What the colours of a picture mean, as `with_legend` takes it.

    Parameters
    ----------
    found
        What is drawn. Of a mask all classes are listed; of several boxes those that there are, as not each may be
        labelled. Nothing is to be said of other results.
    """
    if isinstance(found, Mask):
        colours: Any = mask_colours(len(found.class_names)).tolist()
        return [(name, tuple(colours[k]) if k else None) for k, name in enumerate(found.class_names)]
    if isinstance(found, Boxes) and len(found) > 1:
        there = set(found.classes.tolist())
        return [(name, class_colour(k)) for k, name in enumerate(found.class_names) if k in there]
    return []


def _placed(texts: Sequence[str], width: int) -> list[tuple[int, int, str]]:
    """Left edge, line and words of each entry; one that is too long for a line loses its middle."""
    places: list[tuple[int, int, str]] = []
    left, line = _MARGIN, 0
    for text in texts:
        words = fitted(text, max(1, width - 2 * _MARGIN - _SWATCH - _GAP), _LETTERS)
        wide = _SWATCH + _GAP + round(font(_LETTERS).getlength(words))
        if left > _MARGIN and left + wide > width - _MARGIN:
            left, line = _MARGIN, line + 1
        places.append((left, line, words))
        left += wide + 3 * _GAP
    return places
