"""Many small pictures with captions on one sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from ..errors import ConfigError, InputError
from .lettering import fitted, font

__all__ = ["contact_sheet"]

Picture = npt.NDArray[np.uint8]

_PAPER, _INK, _FAINT = (255, 255, 255), (40, 40, 40), (110, 110, 110)
_GAP = 16
_TITLE_SIZE, _CAPTION_SIZE = 20, 13
_LINE = 19


def contact_sheet(
    tiles: Sequence[tuple[str, Picture]], *, title: str = "", columns: int | None = None, side: int = 320
) -> Picture:
    """Lay pictures out in rows, each with its caption below.

    Parameters
    ----------
    tiles
        Captions and ``(h, w, 3)`` uint8 pictures of any size. A caption may have several lines; the first is
        set darker, and a line that is too long loses its middle.
    title
        Heading of the sheet, or nothing.
    columns
        Pictures in a row; chosen for a sheet a little wider than high if None.
    side
        Longest side of each picture on the sheet, in pixels.

    Returns
    -------
    (H, W, 3) uint8

    Raises
    ------
    InputError
        If there are no pictures, or one is not of the form given above.
    ConfigError
        If `columns` or `side` are too small.
    """
    if columns is not None and columns < 1:
        raise ConfigError(f"columns {columns}: expected at least 1")
    if side < 16:
        raise ConfigError(f"side {side}: expected at least 16 pixels")
    if not tiles:
        raise InputError("no pictures for a contact sheet")
    pictures = [_scaled(caption, picture, side) for caption, picture in tiles]
    captions = [caption.split("\n") for caption, _ in tiles]
    columns = min(columns or math.ceil(math.sqrt(1.4 * len(tiles))), len(tiles))
    rows = [slice(k, k + columns) for k in range(0, len(tiles), columns)]
    heights = [
        max(p.height for p in pictures[row]) + _LINE * max(len(c) for c in captions[row]) + _GAP
        for row in rows
    ]
    top = 2 * _GAP + _TITLE_SIZE if title else _GAP
    width = _GAP + columns * (side + _GAP)
    sheet = Image.new("RGB", (width, top + sum(heights)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, _GAP - 4), fitted(title, width - 2 * _GAP, _TITLE_SIZE), _INK, font(_TITLE_SIZE))
    for row, height in zip(rows, heights, strict=True):
        for at, (picture, lines) in enumerate(zip(pictures[row], captions[row], strict=True)):
            left = _GAP + at * (side + _GAP)
            sheet.paste(picture, (left, top))
            _write(draw, (left, top + picture.height + 3), lines, side)
        top += height
    return np.asarray(sheet)


def _write(draw: ImageDraw.ImageDraw, corner: tuple[int, int], lines: Sequence[str], width: int) -> None:
    for k, line in enumerate(lines):
        at = (corner[0], corner[1] + k * _LINE)
        draw.text(at, fitted(line, width, _CAPTION_SIZE), _FAINT if k else _INK, font(_CAPTION_SIZE))


def _scaled(caption: str, picture: Picture, side: int) -> Image.Image:
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
        raise InputError(
            f"{caption!r}: expected a picture of shape (h, w, 3) and dtype uint8, "
            f"got {picture.shape} and {picture.dtype}"
        )
    image = Image.fromarray(np.ascontiguousarray(picture))

    scale = side / max(image.size)

    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))

    # A whole factor keeps pixels what they are; enlarged by others, they would be of unequal size.
    kept = Image.Resampling.NEAREST if scale.is_integer() else Image.Resampling.LANCZOS
    return image.resize(size, kept)
