"""Star-convex polyhedra: the shapes that networks for volumes predict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from ..errors import ConfigError
from ..geometry.object_probability_3d import object_probability_3d
from ..geometry.rasterize_3d import paint_polyhedra
from ..geometry.rays import Rays3D
from ..geometry.star_distances_3d import star_distances_3d
from ..geometry.suppression_3d import suppress_3d
from ..geometry.suppression_blocks import suppress_in_blocks
from ..geometry.suppression_order import Reach, Region
from ..results import FloatArray, IntArray

__all__ = ["StarPolyhedra"]

# Directions that differ by less than this, in units of the longest extent, are one.
_SAME_RAY = 1e-4


@dataclass(frozen=True)
class StarPolyhedra:
    """Star-convex polyhedra with any rays; see `StarShapes`."""

    rays: Rays3D
    """Directions in voxels."""
    grid: tuple[int, int, int]
    """Voxels per prediction, along (z, y, x)."""
    anisotropy: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Size of a voxel along (z, y, x) over the smallest, for the object probability."""

    @property
    def n_rays(self) -> int:
        """Directions per object."""
        return len(self.rays)

    @property
    def extents(self) -> tuple[float, ...]:
        """Most voxels along each axis that a ray covers."""
        return tuple(np.abs(self.rays.vertices).max(axis=0).tolist())

    def probability(self, labels: npt.NDArray[Any]) -> FloatArray:
        """See `object_probability_3d`."""
        return object_probability_3d(labels, self.grid, self.anisotropy)

    def distances(self, labels: npt.NDArray[Any]) -> FloatArray:
        """See `star_distances_3d`."""
        return star_distances_3d(labels, self.rays, self.grid)

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
        """See `suppress_3d`; on as many threads as torch uses."""

        def suppress(points: FloatArray, distances: FloatArray, scores: FloatArray, **region: Any) -> Any:
            return suppress_3d(points, distances, scores, threshold, self.rays, **region)

        return suppress_in_blocks(
            suppress,
            points,
            distances,
            scores,
            extents=self.extents,
            threads=torch.get_num_threads(),
            known=known,
            reach=reach,
        )

    def paint(
        self, points: FloatArray, distances: FloatArray, shape: tuple[int, ...], scores: FloatArray
    ) -> IntArray:
        """See `paint_polyhedra`."""
        return paint_polyhedra(points, distances, self.rays, shape, scores=scores)

    def mirrored_rays(self, axes: tuple[int, ...]) -> npt.NDArray[np.int64]:
        """Indices of rays; see `StarShapes`. Few sets of rays look the same in a mirror; a golden spiral does not."""
        mirrored = self.rays.vertices.astype(np.float64)
        mirrored[:, list(axes)] *= -1
        far = np.abs(self.rays.vertices[:, np.newaxis] - mirrored).max(axis=2)
        if (far.min(axis=1) > _SAME_RAY * max(self.extents)).any():
            names = " and ".join("ZYX"[a] for a in axes)
            raise ConfigError(
                f"flips need rays that look the same in a mirror; those of this model do not along {names} (a golden "
                "spiral never does); predict without flips"
            )
        return np.asarray(far.argmin(axis=1), dtype=np.int64)
