"""A volume as one plane: the brightest along its depth, and the objects that are seen there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..geometry.projection import project_labels

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
    sums = np.zeros((2, highest + 1))
    top = np.array(image.select("Z", 0).array)
    for z in range(image.sizes["Z"]):
        plane = image.select("Z", z)
        values = np.asarray(plane.array)
        np.fmax(top, values, out=top)
        if labels is not None:
            at = np.maximum(labels[z], 0).reshape(-1)
            sums[0] += np.bincount(at, weights=_brightness(plane, values), minlength=highest + 1)
            sums[1] += np.bincount(at, minlength=highest + 1)
    projected = replace(image.select("Z", 0), array=top)
    if labels is None:
        return projected, None
    return projected, project_labels(labels, np.nan_to_num(sums[0] / np.maximum(sums[1], 1)))


def _brightness(plane: Image, values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Sum of the channels at each pixel, rows in order."""
    if "C" in plane.axes:
        values = values.sum(axis=plane.axes.index("C"), dtype=np.float64)
    return np.nan_to_num(values.reshape(-1).astype(np.float64))
