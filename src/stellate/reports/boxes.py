"""Boxes drawn into a picture: a frame around each in the colour of its class, and its name where there is room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from ..io.class_colours import class_colour
from ..results import Boxes
from .lettering import font

__all__ = ["Frame", "draw_frames", "frames_of", "in_words"]

Picture = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
Rectangle = tuple[int, int, int, int]

_RIM = (0, 0, 0)
# Of the longest side of the picture: width of a line, and height of letters.
_LINE, _LETTERS = 1 / 250, 1 / 45
_WIDTHS, _SIZES = (3, 14), (12, 48)
_PAD = 3
# A dash and the gap after it, in widths of the line.
_DASH, _GAP = 5, 4


@dataclass(frozen=True)
class Frame:
    """A box as it is drawn.

    Attributes
    ----------
    box
        (x1, y1, x2, y2) in pixels of the picture, at their edges.
    colour
        Red, green and blue.
    words
        Of its label; none if empty.
    dashed
        Whether the line is broken.
    faint
        Whether the line is thin and without a rim, so that others stand out; their labels may hide it.
    """

    box: tuple[float, float, float, float]
    colour: Colour
    words: str = ""
    dashed: bool = False
    faint: bool = False


def in_words(boxes: Boxes, index: int) -> str:
    """Class and score of a box, as far as they are known.

    Examples
    --------
    >>> one = Boxes(np.zeros((1, 4)), np.array([0]), ("white cell",), np.array([0.972]))
    >>> in_words(one, 0)
    'white cell 97%'
    """
    at = int(boxes.classes[index])
    name = boxes.class_names[at] if at < len(boxes.class_names) else f"class {at + 1}"
    return name if boxes.scores is None else f"{name} {boxes.scores[index]:.0%}"


def frames_of(boxes: Boxes, scale: float = 1.0) -> list[Frame]:
    """What is drawn of boxes, the least sure first, so that the surest is seen where they lie above one another.

    Parameters
    ----------
    boxes
        In pixels of the image.
    scale
        Pixels of the picture for each of the image.
    """
    order = range(len(boxes)) if boxes.scores is None else np.argsort(boxes.scores, kind="stable").tolist()
    places: Any = (boxes.boxes_xyxy.astype(np.float64) * scale).tolist()
    return [Frame(tuple(places[k]), class_colour(int(boxes.classes[k])), in_words(boxes, k)) for k in order]


def draw_frames(picture: Picture, frames: Sequence[Frame]) -> Picture:
    """Draw frames, and their labels where these hide no other box.

    A line lies around its box, so that nothing of the object is hidden; at the borders of the picture inside. It is as
    thick as is seen when the whole picture is looked at, and has a dark rim, so that it stands out from any ground.

    Parameters
    ----------
    picture
        ``(H, W, 3)`` uint8.
    frames
        The later ones lie above the earlier.

    Returns
    -------
    (H, W, 3) uint8
    """
    sheet = Image.fromarray(np.ascontiguousarray(picture))
    draw = ImageDraw.Draw(sheet)
    longest = max(sheet.size)
    width = _within(longest * _LINE, _WIDTHS)
    outer = [_around(frame.box, width, sheet.size) for frame in frames]
    for frame, rectangle in zip(frames, outer, strict=True):
        _draw_frame(draw, rectangle, width, frame)
    size = _within(longest * _LETTERS, _SIZES)
    taken: list[Rectangle] = []
    visible = [rectangle for frame, rectangle in zip(frames, outer, strict=True) if not frame.faint]
    # the topmost frame is the first to get its label
    for k in reversed(range(len(frames))):
        place = (
            _label_place(frames[k].words, outer[k], visible, taken, (size, sheet.size))
            if frames[k].words
            else None
        )
        if place is not None:
            taken.append(place)
            _draw_label(draw, place, frames[k], size)
    return np.asarray(sheet)


def _within(value: float, limits: tuple[int, int]) -> int:
    return min(max(round(value), limits[0]), limits[1])


def _around(box: Sequence[float], width: int, size: tuple[int, int]) -> Rectangle:
    """First and last pixels of the line around a box, (x1, y1, x2, y2), inside the picture."""
    edges = []
    for axis in range(2):
        low, high = round(box[axis]) - width, round(box[axis + 2]) + width - 1
        last = size[axis] - 1
        low = min(max(low, 0), last)
        edges.append((low, max(min(high, last), low)))
    (x1, x2), (y1, y2) = edges
    return x1, y1, x2, y2


def _draw_frame(draw: ImageDraw.ImageDraw, rectangle: Rectangle, width: int, frame: Frame) -> None:
    x1, y1, x2, y2 = rectangle
    if frame.faint:
        draw.rectangle(rectangle, outline=frame.colour, width=width // 2 + 1)
        return
    draw.rectangle((x1 - 1, y1 - 1, x2 + 1, y2 + 1), outline=_RIM)
    inside = (x1 + width, y1 + width, x2 - width, y2 - width)
    if inside[0] <= inside[2] and inside[1] <= inside[3]:
        draw.rectangle(inside, outline=_RIM)
    if not frame.dashed:
        draw.rectangle(rectangle, outline=frame.colour, width=width)
        return
    for start, stop in _dashes(x1, x2, width):
        for top in (y1, max(y1, y2 - width + 1)):
            draw.rectangle((start, top, stop, min(y2, top + width - 1)), fill=frame.colour)
    for start, stop in _dashes(y1, y2, width):
        for left in (x1, max(x1, x2 - width + 1)):
            draw.rectangle((left, start, min(x2, left + width - 1), stop), fill=frame.colour)


def _dashes(first: int, last: int, width: int) -> list[tuple[int, int]]:
    """First and last pixels of dashes along a side; it begins and ends with one, so that corners are seen."""
    dash, step = _DASH * width, (_DASH + _GAP) * width
    count = max(1, round((last - first + 1 - dash) / step))
    if last - first + 1 <= dash:
        return [(first, last)]
    starts = [first + round(k * (last - first + 1 - dash) / count) for k in range(count + 1)]
    return [(start, start + dash - 1) for start in starts]


def _label_place(
    words: str,
    own: Rectangle,
    visible: Sequence[Rectangle],
    taken: Sequence[Rectangle],
    known: tuple[int, tuple[int, int]],
) -> Rectangle | None:
    """Where a label has room: above its box, below, or inside; None if it would hide another box or label."""
    size, (columns, rows) = known
    wide, high = round(font(size).getlength(words)) + 2 * _PAD, round(1.25 * size) + _PAD
    x1, y1, x2, y2 = own
    left = max(0, min(x1, columns - wide))
    # what lies around the box as a whole is hidden by the box already
    others = [
        *((a1, b1, a2, b2) for a1, b1, a2, b2 in visible if a1 > x1 or b1 > y1 or a2 < x2 or b2 < y2),
        *taken,
    ]
    inside = ((left, y1),) if wide <= x2 - x1 and 2 * high <= y2 - y1 else ()
    for x, y in ((left, y1 - high), (left, y2 + 1), *inside):
        place = (x, y, x + wide - 1, y + high - 1)
        if y >= 0 and place[2] < columns and place[3] < rows and not _meets(place, others):
            return place
    return None


def _meets(place: Rectangle, others: Sequence[Rectangle]) -> bool:
    if not others:
        return False
    x1, y1, x2, y2 = np.array(others).T
    return bool(((x1 <= place[2]) & (x2 >= place[0]) & (y1 <= place[3]) & (y2 >= place[1])).any())


def _draw_label(draw: ImageDraw.ImageDraw, place: Rectangle, frame: Frame, size: int) -> None:
    x1, y1, x2, y2 = place
    draw.rectangle(place, fill=frame.colour)
    red, green, blue = frame.colour
    # of black and white the one that is read better on this colour
    ink = (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 110 else (255, 255, 255)
    draw.text(((x1 + x2) / 2, (y1 + y2) / 2), frame.words, ink, font(size), anchor="mm")
