"""Classes of objects in training: what a network is to say at each grid point, and how much each class counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError
from ..results import Instances

__all__ = ["checked_weights", "class_target"]


def class_target(instances: Instances, grid: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Class of each grid point, 0 for background, -1 where it is not known."""
    cells = instances.labels[tuple(slice(None, None, g) for g in grid)]
    # without classes nothing is known, of the background neither: it alone would be learned
    classes, ground = instances.classes, 0
    if classes is None:
        classes, ground = np.full(len(instances), -1), -1
    table = np.concatenate([[ground], np.where(classes < 0, -1, classes + 1)])
    return np.where(cells < 0, -1, table[np.maximum(cells, 0)]).astype(np.int64)


def checked_weights(weights: Any, n_classes: int) -> tuple[float, ...]:
    """Weights of the background and each class; none where every pixel counts the same.

    Raises
    ------
    ConfigError
        If they are no numbers from 0 on, or not one for each.
    """
    if not isinstance(weights, list | tuple) or any(
        isinstance(w, bool) or not isinstance(w, int | float) or not 0 <= w < 1e6 for w in weights
    ):
        raise ConfigError(f"class_weights {weights!r}: expected numbers, not negative")
    if weights and len(weights) != n_classes + 1:
        raise ConfigError(
            f"class_weights {weights!r}: expected {n_classes + 1} numbers, for the background and each class"
        )
    return tuple(float(w) for w in weights)
