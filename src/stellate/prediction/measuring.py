"""The numbers of what was found in one image, by what was found."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..data.class_pixels import pixels_of_classes
from ..data.pixels import ChannelsLast
from ..geometry.measure import measure
from ..geometry.measure_volume import measure_volume
from ..results import Boxes, Instances, Mask, Scores

__all__ = ["BOX_SIDES", "box_places", "class_areas", "class_probabilities", "measured_objects"]

Columns = dict[str, Any]

BOX_SIDES = ("xmin", "ymin", "xmax", "ymax")
"""Names of the columns of boxes, in the order of `Boxes.boxes_xyxy`."""


def measured_objects(frame: Image, instances: Instances) -> Columns:
    """Columns of a value for each object: what the model says of it, and its measurements.

    Parameters
    ----------
    frame
        The image or volume.
    instances
        What was found in it.
    """
    volume = instances.labels.ndim == 3
    spacing: Any = frame.spacing("ZYX" if volume else "YX")
    measure_all: Any = measure_volume if volume else measure
    columns: dict[str, npt.NDArray[Any]] = measure_all(
        instances.labels,
        ChannelsLast(frame, volume=volume),
        spacing=spacing,
        channel_names=frame.channel_names,
        count=len(instances),
    )
    return {**_known(instances), **columns}


def class_areas(frame: Image, mask: Mask) -> Columns:
    """Columns of a value for each class: how much of the image it takes.

    Parameters
    ----------
    frame
        The image or volume.
    mask
        What was found in it.

    Returns
    -------
    dict
        ``class``; ``area_px``, of volumes ``volume_px``; where the size of a pixel is known ``area_um2`` or
        ``volume_um3``; and ``share``, of all pixels, those of unknown class included.
    """
    volume = mask.classes.ndim == 3
    spacing = frame.spacing("ZYX" if volume else "YX")
    pixels = pixels_of_classes(mask)[:-1]
    columns: Columns = {"class": list(mask.class_names), "volume_px" if volume else "area_px": pixels}
    if spacing is not None:
        columns["volume_um3" if volume else "area_um2"] = pixels * math.prod(spacing)
    return {**columns, "share": pixels / max(1, mask.classes.size)}


def class_probabilities(scores: Scores) -> Columns:
    """Columns of a value for each class: ``class`` and ``probability``."""
    return {"class": list(scores.class_names), "probability": scores.probabilities}


def box_places(frame: Image, boxes: Boxes) -> Columns:
    """Columns of a value for each box: what it holds, and where it lies.

    Parameters
    ----------
    frame
        The image.
    boxes
        What was found in it.

    Returns
    -------
    dict
        ``class``; ``score``, where it is known; ``xmin``, ``ymin``, ``xmax`` and ``ymax``, at the edges of pixels; and
        the same in micrometres (``xmin_um``, ...) where the size of a pixel is known.
    """
    names = np.array(boxes.class_names, dtype=object)
    columns: Columns = {"class": names[boxes.classes].tolist()}
    if boxes.scores is not None:
        columns["score"] = boxes.scores
    sides = dict(zip(BOX_SIDES, boxes.boxes_xyxy.T, strict=True))
    columns |= sides
    if (spacing := frame.spacing("XY")) is not None:
        um = dict(zip("xy", spacing, strict=True))
        columns |= {f"{side}_um": at.astype(np.float64) * um[side[0]] for side, at in sides.items()}
    return columns


def _known(instances: Instances) -> Columns:
    """What the model says of each object: its probability, and its class where there are several."""
    columns: Columns = {"label": np.arange(1, len(instances) + 1)}
    if instances.scores is not None:
        columns["probability"] = instances.scores
    if instances.classes is not None:
        names = np.array([*instances.class_names, ""], dtype=object)
        columns["class"] = names[instances.classes]
    return columns
