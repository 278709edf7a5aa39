"""What the task of finding objects needs to know of star-convex shapes, in images or in volumes."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..geometry.suppression_order import Reach, Region
from ..results import FloatArray, IntArray

__all__ = ["StarShapes"]


class StarShapes(Protocol):
    """Star-convex shapes of one kind of network: `StarPolygons` or `StarPolyhedra`."""

    @property
    def n_rays(self) -> int:
        """Directions per object."""

    @property
    def extents(self) -> tuple[float, ...]:
        """Most pixels from the centre to the outline along each axis, for a distance of 1."""

    def probability(self, labels: npt.NDArray[Any]) -> FloatArray:
        """Object probability of a label image, at every grid point; below 0 where nothing is known."""

    def distances(self, labels: npt.NDArray[Any]) -> FloatArray:
        """Star distances of a label image, ``(*grid points, n_rays)``."""

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
        """Which candidates are kept; see `stellate.geometry.suppression.suppress`."""

    def paint(
        self, points: FloatArray, distances: FloatArray, shape: tuple[int, ...], scores: FloatArray
    ) -> IntArray:
        """A label image in which shape k has label k + 1."""

    def mirrored_rays(self, axes: tuple[int, ...]) -> npt.NDArray[np.int64]:
        """For each ray, that which a mirror along these axes turns into it.

        Raises
        ------
        ConfigError
            If no ray points where the mirror image of another does.
        """
