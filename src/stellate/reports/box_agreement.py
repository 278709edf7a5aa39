"""Which annotated boxes of an image were found, and which of the found ones are annotated, as two pictures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..metrics.box_matching import classes_by_name, match_boxes
from ..results import Boxes
from .agreement import AGREEMENT_COLOURS
from .backdrop import backdrop
from .boxes import Frame, draw_frames, in_words
from .projection import flat

__all__ = ["BOX_COLOURS", "draw_box_agreement"]

Picture = npt.NDArray[np.uint8]

BOX_COLOURS: Mapping[str, tuple[int, int, int]] = {**AGREEMENT_COLOURS, "mistaken": (255, 255, 255)}
"""Of boxes that match, are missed, false, or match one of another class, which are dashed besides."""

_MATCHED, _MISTAKEN, _ALONE = range(3)


def draw_box_agreement(
    image: Image | npt.NDArray[Any], truth: Boxes, found: Boxes, *, max_side: int = 768
) -> tuple[Picture, Picture]:
    """Draw what was annotated and what was found, marked by what became of it.

    Boxes are matched by IoU alone (`stellate.metrics.box_matching.match_boxes`). Those that match one of their class
    have a thin line, the others thick ones and, where there is room, their class; so many boxes stay readable.

    Parameters
    ----------
    image
        The image, as `backdrop` takes it.
    truth, found
        Boxes in pixels of the image.
    max_side
        Longest side of the pictures; small images are enlarged by a whole factor towards it.

    Returns
    -------
    truth_picture, found_picture : (h, w, 3) uint8
    """
    picture, step = backdrop(flat(image), max_side=max_side)
    zoom = max(1, max_side // max(picture.shape[:2]))
    picture = picture.repeat(zoom, axis=0).repeat(zoom, axis=1)
    of_truth, of_found = _kinds(truth, found)
    return (
        draw_frames(picture, _frames(truth, of_truth, zoom / step, alone="missed")),
        draw_frames(picture, _frames(found, of_found, zoom / step, alone="false")),
    )


def _kinds(truth: Boxes, found: Boxes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """What became of each annotated and of each found box."""
    pairs = match_boxes(truth, found, same_class=False).T
    same = classes_by_name(truth)[pairs[0]] == classes_by_name(found)[pairs[1]]
    kinds = np.full(len(truth), _ALONE), np.full(len(found), _ALONE)
    for of, side in zip(kinds, pairs, strict=True):
        of[side] = np.where(same, _MATCHED, _MISTAKEN)
    return kinds


def _frames(boxes: Boxes, kinds: npt.NDArray[np.int64], scale: float, *, alone: str) -> list[Frame]:
    """Frames of boxes, those that match below the others."""
    places = (boxes.boxes_xyxy.astype(np.float64) * scale).tolist()
    frames = []
    for k in np.argsort(kinds, kind="stable").tolist():
        name = ("matched", "mistaken", alone)[kinds[k]]
        matched = kinds[k] == _MATCHED
        frames.append(
            Frame(
                tuple(places[k]),
                BOX_COLOURS[name],
                "" if matched else in_words(boxes, k),
                dashed=name == "mistaken",
                faint=matched,
            )
        )
    return frames
