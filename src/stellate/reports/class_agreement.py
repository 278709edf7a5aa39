"""Where the classes of pixels that were found are those that were annotated, and where not."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..errors import InputError
from ..io.class_colours import mask_colours
from .backdrop import backdrop, reduce_labels, show_plane
from .painting import tint

__all__ = ["ERROR_COLOUR", "UNKNOWN_COLOUR", "draw_class_agreement"]

Picture = npt.NDArray[np.uint8]
Classes = npt.NDArray[np.int32]

ERROR_COLOUR = (255, 80, 200)
"""Of pixels with another class than the annotated one."""
UNKNOWN_COLOUR = (60, 80, 140)
"""Of pixels that nobody annotated; no grey, which the image has."""

_DIMMED = np.float32(0.5)


def draw_class_agreement(
    image: Image | npt.NDArray[Any], truth: Classes, found: Classes, n_classes: int, *, max_side: int = 512
) -> tuple[Picture, Picture, Picture, Picture]:
    """Draw what was annotated and what was found in an image, the image, and where these differ.

    Parameters
    ----------
    image
        The image, as `backdrop` takes it, or a volume, of which the plane with most errors is shown.
    truth, found
        Class ids of the image's spatial shape, of one numbering; -1 where not annotated, or where no class was found.
    n_classes
        Number of classes.
    max_side
        Longest side of the pictures; small images are enlarged by a whole factor towards it.

    Returns
    -------
    truth, found, image, errors : (h, w, 3) uint8
        The last is the image in grey and dim, with the wrong pixels in `ERROR_COLOUR`; in it and in the first, pixels
        that nobody annotated are of `UNKNOWN_COLOUR`.

    Raises
    ------
    InputError
        If the shapes differ.
    """
    plane, truth, found = _seen(image, truth, found)
    picture, step = backdrop(plane, max_side=max_side)
    zoom = max(1, max_side // max(picture.shape))
    ground, true, said = (
        a.repeat(zoom, axis=0).repeat(zoom, axis=1)
        for a in (picture, reduce_labels(truth, step), reduce_labels(found, step))
    )
    colours = mask_colours(n_classes)
    annotated, predicted, errors = ground.copy(), ground.copy(), _dimmed(ground)
    tint(annotated, true, colours)
    tint(predicted, said, colours)
    errors[(true >= 0) & (true != said)] = ERROR_COLOUR
    annotated[true < 0] = errors[true < 0] = UNKNOWN_COLOUR
    return annotated, predicted, ground, errors


def _seen(image: Image | npt.NDArray[Any], truth: Classes, found: Classes) -> tuple[Image, Classes, Classes]:
    """The plane that is drawn, and the classes in it."""
    if isinstance(image, Image) and "Z" in image.axes and truth.ndim == 3:
        wrong = ((truth >= 0) & (truth != found)).sum(axis=(1, 2))
        z = int(wrong.argmax())
        image, truth, found = image.select("Z", z), truth[z], found[z]
    plane = show_plane(image)
    shape = (plane.sizes["Y"], plane.sizes["X"])
    if not truth.shape == found.shape == shape:
        raise InputError(
            f"{plane.name}: the annotation has shape {truth.shape}, the prediction {found.shape}, the image {shape}; "
            "all must cover the same pixels"
        )
    return plane, truth, found


def _dimmed(picture: Picture) -> Picture:
    grey = np.rint(picture.mean(axis=-1, keepdims=True) * _DIMMED).astype(np.uint8)
    return np.repeat(grey, 3, axis=-1)
