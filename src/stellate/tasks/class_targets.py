"""Classes of objects in training: what a network is to say at each grid point."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..results import Instances

__all__ = ["class_target"]


def class_target(instances: Instances, grid: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Class of each grid point, 0 for background, -1 where it is not known."""
    cells = instances.labels[tuple(slice(None, None, g) for g in grid)]
    # without classes nothing is known, of the background neither: it alone would be learned
    classes, ground = instances.classes, 0
    if classes is None:
        classes, ground = np.full(len(instances), -1), -1
    table = np.concatenate([[ground], np.where(classes < 0, -1, classes + 1)])
    return np.where(cells < 0, -1, table[np.maximum(cells, 0)]).astype(np.int64)
