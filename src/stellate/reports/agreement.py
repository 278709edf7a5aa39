"""Where a prediction and an annotation of the same image agree, and where not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..metrics.overlap import match
from .backdrop import backdrop, reduce_labels
from .outlines import outline_pixels
from .projection import seen_plane

__all__ = ["AGREEMENT_COLOURS", "draw_agreement"]

Picture = npt.NDArray[np.uint8]

AGREEMENT_COLOURS: Mapping[str, tuple[int, int, int]] = {
    "matched": (40, 170, 255),
    "missed": (255, 176, 0),
    "false": (255, 80, 200),
}
"""Light blue, amber and pink: told apart with any kind of colour vision, and by their hatching besides."""

_HATCH_PERIOD = 6


def draw_agreement(
    image: Image | npt.NDArray[Any],
    truth: npt.NDArray[Any],
    predicted: npt.NDArray[Any],
    *,
    threshold: float = 0.5,
    max_side: int = 768,
) -> tuple[Picture, Picture]:
    r"""Draw what was annotated and what was found, marked by whether the two match.

    Parameters
    ----------
    image
        The image, as `backdrop` takes it, or a volume, which is seen along its depth.
    truth, predicted
        Label images of the image's spatial shape. Of the objects of a volume that lie above one another, those
        without a match hide the others, then the brighter ones.
    threshold
        Least IoU of a match.
    max_side
        Longest side of the pictures; small images are enlarged by a whole factor towards it.

    Returns
    -------
    truth_picture, predicted_picture : (h, w, 3) uint8
        Matched objects are outlined. Missed ones are hatched like ``/`` in the first picture, falsely found
        ones like ``\`` in the second.

    Raises
    ------
    InputError
        If the shapes differ.
    """
    matching = match(truth, predicted)
    ids, _ = matching.assign(threshold)
    plane, truth = seen_plane(image, truth, in_front=np.setdiff1d(matching.true_ids, ids[:, 0]))
    _, predicted = seen_plane(image, predicted, in_front=np.setdiff1d(matching.predicted_ids, ids[:, 1]))
    picture, step = backdrop(plane, max_side=max_side)
    zoom = max(1, max_side // max(picture.shape))
    pictures = []
    for labels, matched, otherwise, slope in (
        (truth, ids[:, 0], "missed", 1),
        (predicted, ids[:, 1], "false", -1),
    ):
        shown = reduce_labels(labels, step)
        large, ground = (a.repeat(zoom, axis=0).repeat(zoom, axis=1) for a in (shown, picture))
        _mark(ground, large, np.isin(large, matched), (otherwise, slope))
        pictures.append(ground)
    return pictures[0], pictures[1]


def _mark(
    picture: Picture, labels: npt.NDArray[Any], matched: npt.NDArray[np.bool_], otherwise: tuple[str, int]
) -> None:
    """Outline objects in place; those that are not matched in a thick line, and hatched."""
    name, slope = otherwise
    rows, columns = np.ogrid[: labels.shape[0], : labels.shape[1]]
    alone = (labels > 0) & ~matched
    edge = outline_pixels(labels)
    picture[alone & ((columns + slope * rows) % _HATCH_PERIOD == 0)] = AGREEMENT_COLOURS[name]
    picture[alone & (edge | outline_pixels(np.where(edge, 0, labels)))] = AGREEMENT_COLOURS[name]
    picture[edge & matched] = AGREEMENT_COLOURS["matched"]
