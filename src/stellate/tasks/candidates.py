"""Star-convex shapes on their way from the network to objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..geometry.tiles import Tile
from ..results import FloatArray

__all__ = ["Candidates", "joined", "take"]


@dataclass(frozen=True, eq=False)
class Candidates:
    """Star-convex shapes found in one tile, in pixels of the image that the user gave.

    Attributes
    ----------
    tile
        Where they were found.
    points
        ``(n, 2)`` float32 centres (row, col).
    distances
        ``(n, n_rays)`` float32.
    scores
        ``(n,)`` float32 object probabilities.
    class_scores
        ``(n, n_classes + 1)`` float32, background first; or None.
    foreground
        Probability times 255 of the pixels that the tile owns, uint8, in pixels of the network's image; or None.
    """

    tile: Tile
    points: FloatArray
    distances: FloatArray
    scores: FloatArray
    class_scores: FloatArray | None = None
    foreground: npt.NDArray[np.uint8] | None = None


def take(found: Candidates, which: npt.NDArray[Any]) -> Candidates:
    """Some of the candidates: a mask ``(n,)`` bool, or indices ``(m,)`` in the wanted order."""
    classes = None if found.class_scores is None else found.class_scores[which]
    return replace(
        found,
        points=found.points[which],
        distances=found.distances[which],
        scores=found.scores[which],
        class_scores=classes,
    )


def joined(parts: Sequence[Candidates]) -> Candidates:
    """The candidates of several tiles of one image, one after another, with the tile of the first."""
    first = parts[0]
    if len(parts) == 1:
        return first
    classes = None
    if first.class_scores is not None:
        classes = np.concatenate([p.class_scores for p in parts if p.class_scores is not None])
    return replace(
        first,
        points=np.concatenate([p.points for p in parts]),
        distances=np.concatenate([p.distances for p in parts]),
        scores=np.concatenate([p.scores for p in parts]),
        class_scores=classes,
    )
