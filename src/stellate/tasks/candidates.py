"""Star-convex shapes on their way from the network to objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..errors import InputError
from ..geometry.tiles import Tile
from ..results import FloatArray

__all__ = ["MIN_DISTANCE", "Candidates", "candidates", "joined", "take"]

MIN_DISTANCE = 1e-3
"""No object is narrower than this, in pixels for the network, so that it always has an area."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Star-convex shapes found in one tile, in pixels of the image that the user gave.

    Attributes
    ----------
    tile
        Where they were found.
    points
        ``(n, ndim)`` float32 centres, (row, col) or (z, y, x).
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


def candidates(
    output: Mapping[str, Tensor], tile: Tile, *, grid: tuple[int, ...], threshold: float, border: int
) -> Candidates:
    """What a network found in a tile.

    Parameters
    ----------
    output
        ``prob``, ``distances`` and perhaps ``class_prob``, as `stellate.models.stardist.StarDist` has them, without
        batch axis.
    tile
        What was read; the network may have seen padding beyond its end.
    grid
        Pixels per prediction.
    threshold
        Candidates are more probable than this.
    border
        Grid cells along the border of the image in which there are none.

    Raises
    ------
    InputError
        If a distance is NaN or infinite.
    """
    cells = _cells(output["prob"].shape[1:], tile, grid, border)
    # in double: in single precision the last bit depends on where in a vector of the processor a value lies, and
    # with it on the tile
    prob = output["prob"][0][cells].double().sigmoid().float().numpy()
    inside = np.nonzero(prob > threshold)
    at = tuple(index + part.start for index, part in zip(inside, cells, strict=True))
    points = tile.to_target(tile.origin + np.stack(at, axis=1) * np.array(grid))
    return Candidates(
        tile=tile,
        points=points.astype(np.float32),
        distances=(_distances(output, at) / tile.scale).astype(np.float32),
        scores=prob[inside],
        class_scores=_class_scores(output, at),
    )


def _cells(shape: Sequence[int], tile: Tile, grid: tuple[int, ...], border: int) -> tuple[slice, ...]:
    """Grid points of a tile's maps that are its own and not too near the border of the image."""
    cells = []
    for size, step, (read, read_stop), (start, stop), whole in zip(
        shape, grid, tile.read, tile.owns, tile.shape, strict=True
    ):
        first, last = max(-(-start // step), border), -(-stop // step)
        if read_stop == whole:
            # the border is that of what the network saw: the image padded to its stride, as in StarDist
            last = min(last, read // step + size - border)
        cells.append(slice(first - read // step, max(first, last) - read // step))
    return tuple(cells)


def _distances(output: Mapping[str, Tensor], at: tuple[npt.NDArray[Any], ...]) -> FloatArray:
    """Star distances ``(n, n_rays)`` at cells of the network's grid, in pixels for the network."""
    distances = _at(output["distances"], at).numpy()
    if not np.isfinite(distances).all():
        raise InputError(
            "the network predicts distances that are no finite numbers: its weights are damaged, or the image or the "
            "precision (float16 ends at 65504) is not one that it was trained for"
        )
    return np.asarray(np.maximum(distances, MIN_DISTANCE), dtype=np.float32)


def _class_scores(output: Mapping[str, Tensor], at: tuple[npt.NDArray[Any], ...]) -> FloatArray | None:
    if "class_prob" not in output:
        return None
    return _at(output["class_prob"], at).softmax(1).numpy()


def _at(maps: Tensor, cells: tuple[npt.NDArray[Any], ...]) -> Tensor:
    """Values ``(n, K)`` of maps ``(K, *spatial)`` at cells."""
    every: tuple[Any, ...] = (slice(None), *map(torch.from_numpy, cells))
    return maps[every].float().T


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
