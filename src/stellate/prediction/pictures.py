"""What was found in one image, as pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..reports.boxes import in_words
from ..reports.caption import with_caption
from ..reports.class_words import class_lines
from ..reports.heat_map import draw_heat_map
from ..reports.legend import legend_of, with_legend
from ..reports.overlay import overlay
from ..reports.painting import values_of
from ..reports.planes import three_planes
from ..results import Boxes, Instances, Mask, Result, Scores

__all__ = ["OVERLAY_SIDE", "draw_explanation", "draw_found", "draw_planes", "is_volumetric"]

Picture = npt.NDArray[np.uint8]

OVERLAY_SIDE = 800
"""Pixels up to which the overlay of a volume, or of anything but outlines, is magnified."""


def is_volumetric(found: Result) -> bool:
    """Whether something was found in space, not in a plane."""
    return isinstance(found, Instances | Mask) and values_of(found).ndim == 3


def draw_found(image: Image, found: Result) -> Picture:
    """The image with what was found, ``(h, w, 3)`` uint8; of a volume as seen along its depth.

    The outlines of one depth of a volume lie on those of another, and words need room: small images are magnified, but
    for the outlines of planes.
    """
    magnified = not isinstance(found, Instances) or is_volumetric(found)
    zoom = max(1, OVERLAY_SIDE // max(image.sizes["Y"], image.sizes["X"])) if magnified else 1
    picture = overlay(image, found, zoom=zoom)
    if isinstance(found, Scores):
        return with_caption(picture, class_lines(found))
    return with_legend(picture, legend_of(found))


def draw_planes(image: Image, found: Any) -> Picture:
    """A volume in three planes at right angles with what was found; see `three_planes`."""
    return with_legend(three_planes(image, found), legend_of(found))


def draw_explanation(image: Image, found: Result, heat: npt.NDArray[np.float32]) -> Picture:
    """The image beside what in it speaks for what was found; see `draw_heat_map`."""
    if isinstance(found, Boxes):
        return draw_heat_map(image, heat, [in_words(found, k) for k in range(len(found))])
    return draw_heat_map(image, heat, class_lines(found) if isinstance(found, Scores) else [])
