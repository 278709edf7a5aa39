"""Star-convex polygons: the shapes that networks for images predict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError
from ..geometry.object_probability import object_probability
from ..geometry.rasterize import paint_polygons
from ..geometry.star_distances import star_distances
from ..geometry.suppression import suppress
from ..geometry.suppression_order import Reach, Region
from ..results import FloatArray, IntArray

__all__ = ["StarPolygons"]


@dataclass(frozen=True)
class StarPolygons:
    """Star-convex polygons with evenly spaced rays; see `StarShapes`."""

    n_rays: int
    """Directions per object."""
    grid: tuple[int, int]
    """Pixels per prediction, along rows and columns."""
    extents: tuple[float, ...] = (1.0, 1.0)

    def probability(self, labels: npt.NDArray[Any]) -> FloatArray:
        """See `object_probability`."""
        return object_probability(labels, self.grid)

    def distances(self, labels: npt.NDArray[Any]) -> FloatArray:
        """See `star_distances`."""
        return star_distances(labels, self.n_rays, self.grid)

    def suppress(
        self,
        points: FloatArray,
        distances: FloatArray,
        scores: FloatArray,
        threshold: float,
        *,
        known: Region | None = None,
        reach: Reach | None = None,
    ) -> npt.NDArray[np.int8]:
        """See `stellate.geometry.suppression.suppress`."""
        return suppress(points, distances, scores, threshold, known=known, reach=reach)

    def paint(
        self, points: FloatArray, distances: FloatArray, shape: tuple[int, ...], scores: FloatArray
    ) -> IntArray:
        """See `paint_polygons`."""
        return paint_polygons(points, distances, shape, scores=scores)

    def mirrored_rays(self, axes: tuple[int, ...]) -> npt.NDArray[np.int64]:
        """Indices of rays; see `StarShapes`. Mirroring columns needs an even number of rays."""
        ray = np.arange(self.n_rays)
        if 0 in axes:
            ray = -ray % self.n_rays
        if 1 in axes:
            if self.n_rays % 2:
                raise ConfigError(f"flips need an even number of rays; this model has {self.n_rays}")
            ray = (self.n_rays // 2 - ray) % self.n_rays
        return ray
