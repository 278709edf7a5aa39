"""A volume as one plane: the brightest along its depth, and the objects that are seen there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..geometry.projection import add_values, project_labels

__all__ = ["maximum_projection"]


def maximum_projection(
    image: Image, labels: npt.NDArray[Any] | None = None
) -> tuple[Image, npt.NDArray[np.int32] | None]:
    """Project an image along ``Z``.

    Parameters
    ----------
    image
        Axes ``ZYX``, or these and ``C``, in any order. It may be lazy: it is read plane by plane.
    labels
        ``(planes, rows, columns)``, integer, of the same spatial shape; or None.

    Returns
    -------
    image
        The highest value at each place, NaN left out, with the same axes less ``Z``.
    labels
        ``(rows, columns)`` int32: of the objects above one another, the one that is brighter in the mean, since
        that is the one that is seen in the projection. None if there were none.
    """
    highest = int(labels.max(initial=0)) if labels is not None else 0
    sums, counts = np.zeros(highest + 1), np.zeros(highest + 1, dtype=np.int64)
    top = np.array(image.select("Z", 0).array)
    higher = np.fmax if top.dtype.kind == "f" else np.maximum  # many times faster, where nothing is NaN
    for z in range(image.sizes["Z"]):
        plane = image.select("Z", z)
        values = np.asarray(plane.array)
        higher(top, values, out=top)
        if labels is not None:
            add_values(
                np.ascontiguousarray(labels[z], dtype=np.int32), _brightness(plane, values), sums, counts
            )
    projected = replace(image.select("Z", 0), array=top)
    if labels is None:
        return projected, None
    return projected, project_labels(labels, np.nan_to_num(sums / np.maximum(counts, 1)))


def _brightness(plane: Image, values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Sum of the channels at each pixel, ``(rows, columns)``."""
    channels = replace(plane, array=values).to_axes("CYX")
    total = channels[0] if len(channels) == 1 else channels.sum(axis=0, dtype=np.float32)
    return np.ascontiguousarray(total, dtype=np.float32)
