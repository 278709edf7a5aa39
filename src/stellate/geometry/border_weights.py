"""How much each pixel counts where cells nearly touch: the weights of the U-Net paper."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt, find_objects

from .labels import relabel

__all__ = ["border_weights"]

# In units of sigma. Farther from a cell than this, a border weighs less than exp(-18) of what it can.
REACH = 6


def border_weights(
    labels: npt.NDArray[Any],
    *,
    w0: float = 10.0,
    sigma: float = 5.0,
    class_weights: tuple[float, float] = (1.0, 1.0),
) -> npt.NDArray[np.float32]:
    """Weights that make a network learn the narrow borders between cells.

    A background pixel at distances d1 and d2 from the nearest two cells counts
    ``w0 * exp(-(d1 + d2)**2 / (2 * sigma**2))`` more than other background. Between cells that touch there is no such
    pixel: labels are to have a gap where a border is to be learned.

    Parameters
    ----------
    labels
        Label image or volume, any integers; 0 is background, below 0 unknown.
    w0
        Most that a border can add.
    sigma
        Width of the borders, in pixels.
    class_weights
        Weight of background and of cells, as where they are not equally frequent.

    Returns
    -------
    ndarray
        float32, of the same shape; 0 where unknown.

    References
    ----------
    Ronneberger, Fischer, Brox: U-Net, MICCAI 2015, equation 2, with w0 = 10 and sigma = 5.

    Examples
    --------
    Two cells with a gap of 3 pixels, where d1 + d2 is 4:

    >>> border_weights(np.array([[1, 0, 0, 0, 2]])).astype(int).tolist()
    [[1, 8, 8, 8, 1]]
    """
    weights = np.where(labels > 0, np.float32(class_weights[1]), np.float32(class_weights[0]))
    nearest, second = _two_distances(np.maximum(relabel(labels)[0], 0), reach=int(np.ceil(REACH * sigma)))
    near = (labels == 0) & np.isfinite(second)
    total = nearest[near] + second[near]
    weights[near] += w0 * np.exp(-(total**2) / (2 * sigma**2))
    weights[labels < 0] = 0
    return weights


def _two_distances(
    labels: npt.NDArray[Any], *, reach: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Distances to the nearest and the second nearest object; inf where none is within `reach`."""
    nearest = np.full(labels.shape, np.inf, dtype=np.float32)
    second = nearest.copy()
    for k, box in enumerate(find_objects(labels), start=1):
        sides = zip(box, labels.shape, strict=True)
        window = tuple(slice(max(0, side.start - reach), min(n, side.stop + reach)) for side, n in sides)
        distance = distance_transform_edt(labels[window] != k).astype(np.float32)
        beyond = np.maximum(nearest[window], distance)
        np.minimum(second[window], beyond, out=second[window])
        np.minimum(nearest[window], distance, out=nearest[window])
    return nearest, second
