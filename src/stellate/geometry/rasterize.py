"""Painting polygons into label images (provisional: skimage's polygon; to be replaced by the fast kernel)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.draw import polygon

from .polygons import star_vertices

__all__ = ["paint_polygons"]


def paint_polygons(
    points: npt.NDArray[Any],
    distances: npt.NDArray[Any],
    shape: tuple[int, ...],
    *,
    scores: npt.NDArray[Any] | None = None,
    labels: npt.NDArray[Any] | None = None,
) -> npt.NDArray[np.int32]:
    """Paint star-convex polygons, the best last."""
    out = np.zeros(shape, np.int32)
    if not len(points):
        return out
    vertices = star_vertices(points, distances)
    order = np.arange(len(points)) if scores is None else np.argsort(scores, kind="stable")
    for i in order:
        out[polygon(vertices[i, :, 0], vertices[i, :, 1], shape)] = i + 1 if labels is None else labels[i]
    return out
