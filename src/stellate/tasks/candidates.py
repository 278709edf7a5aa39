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
from ..geometry.labels import areas
from ..geometry.tiles import Tile
from ..results import FloatArray, Instances, IntArray

__all__ = ["MIN_DISTANCE", "Candidates", "about_border", "candidates", "instances_of", "joined", "take"]

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
    output: Mapping[str, Tensor],
    tile: Tile,
    *,
    grid: tuple[int, ...],
    stride: tuple[int, ...],
    threshold: float,
    border: int,
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
    stride
        To multiples of which the network's image is padded.
    threshold
        Candidates are more probable than this.
    border
        Grid cells along the border of the padded image in which there are none, as in StarDist.

    Raises
    ------
    InputError
        If a distance is NaN or infinite.
    """
    cells = tuple(
        _cells(own, read, size, step, border=border)
        for own, (read, _), size, step in zip(
            tile.owns, tile.read, _padded(tile.shape, stride), grid, strict=True
        )
    )
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


def _padded(shape: tuple[int, ...], stride: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(-(-size // step) * step for size, step in zip(shape, stride, strict=True))


def _cells(own: tuple[int, int], read: int, size: int, step: int, *, border: int) -> slice:
    """Cells of a tile's maps along an axis that are its own and not too near the border of the image.

    The tile owns the pixels `own` and begins at the pixel `read`; the image has `size` pixels.
    """
    first = max(-(-own[0] // step), border)
    last = max(first, min(-(-own[1] // step), size // step - border))
    return slice(first - read // step, last - read // step)


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


def instances_of(labels: IntArray, found: Candidates, class_names: tuple[str, ...]) -> Instances:
    """Rows for the objects that still have pixels, in order of their score."""
    visible = areas(labels, len(found.scores)) > 0
    found = take(found, visible)
    table = np.zeros(len(visible) + 1, dtype=np.int32)
    table[1:][visible] = np.arange(1, visible.sum() + 1)
    if not visible.all():
        for rows in np.array_split(
            labels, -(-labels.size // 2**22)
        ):  # in place: labels may be as large as memory
            rows[...] = table[rows]
    classes = None
    if found.class_scores is not None:
        classes = found.class_scores[:, 1:].argmax(axis=1).astype(np.int32)
    return Instances(
        labels=labels,
        scores=found.scores,
        classes=classes,
        class_names=class_names,
        centres=found.points,
        distances=found.distances,
    )


def about_border(
    shape: tuple[int, ...], *, grid: tuple[int, ...], stride: tuple[int, ...], border: int
) -> str:
    """What is to be said where the border leaves no cells for candidates; empty where it leaves some."""
    cells = [size // step for size, step in zip(_padded(shape, stride), grid, strict=True)]
    narrow = min(range(len(cells)), key=lambda axis: cells[axis])
    if cells[narrow] > 2 * border:
        return ""
    return (
        f"no object can be found: this model has none whose centre is within {border} grid cells of the border (its "
        f"setting border), and along {'ZYX'[narrow - len(cells)]} there are only {cells[narrow]} cells"
    )
