"""From a class of every pixel to objects: the connected pieces of each class."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..geometry.components import FOREGROUND, REGION_NAMES, instances_of_regions, label_components
from ..results import Instances, Mask

__all__ = ["pieces_of"]

# Pixels at a time; what is made of them has 64 bits.
_COUNTED = 1 << 20


def pieces_of(mask: Mask, *, border_width: int = 1) -> Instances:
    """Make an object of each connected piece of a class; the first class is the ground between them.

    Pixels that have a corner in common are connected. Where the classes are `REGION_NAMES` (background, foreground,
    border), as of a model that was trained on objects, these are the pieces of the foreground, each grown into the
    border next to it; see `stellate.geometry.components.instances_of_regions`.

    Parameters
    ----------
    mask
        Of an image or a volume.
    border_width
        Width of the border that such a model was trained with.

    Returns
    -------
    Instances
        Their classes are those of the mask less the first; none where only one is left. Where the mask has
        probabilities, the score of an object is the mean probability of its class over its pixels. Labels are -1 where
        the class is not known, as in annotations.
    """
    if mask.class_names == REGION_NAMES:
        labels = instances_of_regions(mask.classes, width=border_width)
        of = np.full(int(labels.max(initial=0)), FOREGROUND, dtype=np.int32)
        names: tuple[str, ...] = ()
    else:
        labels, of = label_components(mask.classes, background=(0,))
        names = mask.class_names[1:] if len(mask.class_names) > 2 else ()
    scores = None if mask.probabilities is None else _mean_probabilities(labels, of, mask.probabilities)
    return Instances(labels, scores, of - 1 if names else None, names)


def _mean_probabilities(
    labels: npt.NDArray[np.int32], of: npt.NDArray[np.int32], probabilities: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Of each object the mean of the map of its class, over its pixels of that class and of its border."""
    total, pixels = np.zeros(len(of) + 1), np.zeros(len(of) + 1, dtype=np.int64)
    # what belongs to no object is added up as well, and left out at the end
    class_of = np.concatenate([of[:1], of])
    rows = max(1, _COUNTED * len(labels) // max(1, labels.size))
    for start in range(0, len(labels) if len(of) else 0, rows):
        block = slice(start, start + rows)
        owners = np.maximum(labels[block], 0)
        own = np.take_along_axis(probabilities[:, block], class_of[owners][None], axis=0)
        total += np.bincount(owners.ravel(), own.ravel(), len(total))
        pixels += np.bincount(owners.ravel(), minlength=len(total))
    return (total[1:] / np.maximum(pixels[1:], 1)).astype(np.float32)
