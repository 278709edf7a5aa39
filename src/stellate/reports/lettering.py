"""Text in pictures."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import matplotlib
from PIL import ImageFont

__all__ = ["fitted", "font"]


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """A font with many scripts' letters; matplotlib brings it, so it is there on every machine."""
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def fitted(text: str, width: int, size: int) -> str:
    """The text, with its middle left out where it would be wider than `width` pixels.

    Beginning and end are what tells file names apart.
    """
    letters = font(size)
    text = " ".join(text.split())
    if letters.getlength(text) <= width:
        return text
    for kept in range(len(text) - 1, 1, -1):
        shorter = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
        if letters.getlength(shorter) <= width:
            return shorter
    return "…"
