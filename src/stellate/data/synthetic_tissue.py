"""How synthetic nuclei gather in volumes: in layers, balls and hollow balls, pressed flat where they meet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from .synthetic_layout import Canvas, PlacedObject

if TYPE_CHECKING:
    from .synthetic_volumes import VolumeConfig

__all__ = ["TISSUES", "Tissue", "TissueCanvas"]

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

TISSUES = ("everywhere", "layers", "ball", "shell")
CENTRES_TRIED = 200
SMALLEST = 4
"""Voxels that an object needs to count as one."""


@dataclass(frozen=True)
class Tissue:
    """Where centres of nuclei may lie. Lengths are in pixels of a row.

    Attributes
    ----------
    kind
        One of `TISSUES`.
    origin
        Point on a layer, or centre of the ball, ``(z, y, x)``.
    normal
        Direction across the layers, of length 1.
    size
        Distance of layers, or radius of the ball.
    thickness
        Thickness of a layer or of the shell, measured between centres.
    waves
        Wave vectors of the bends of layers and of dents of balls, ``(n, 3)``.
    swing
        Height of those bends.
    """

    kind: str
    origin: npt.NDArray[np.float64]
    normal: npt.NDArray[np.float64]
    size: float
    thickness: float
    waves: npt.NDArray[np.float64]
    swing: float

    @classmethod
    def draw(cls, config: VolumeConfig, rng: np.random.Generator) -> Tissue:
        """Draw the tissue of a volume."""
        extent = np.array(config.shape) / np.array(config.scale)
        diameter = config.mean_diameter
        normal = rng.standard_normal(3)
        layers = config.tissue == "layers"
        size = diameter * rng.uniform(1.6, 4.0) if layers else rng.uniform(0.3, 0.6) * extent[1:].mean()
        return cls(
            config.tissue,
            origin=rng.uniform(0.3, 0.7, 3) * extent,
            normal=normal / np.linalg.norm(normal),
            size=float(size),
            thickness=diameter * rng.uniform(0.1, 0.6) * (1 if layers else 2),
            waves=rng.standard_normal((3, 3)) / (4 * diameter),
            swing=diameter * rng.uniform(0.0, 0.5),
        )

    def contains(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Whether nuclei may have their centres at some points.

        Parameters
        ----------
        points
            ``(n, 3)``, pixels of a row.

        Returns
        -------
        ndarray
            ``(n,)`` bool.
        """
        if self.kind == "everywhere":
            return np.ones(len(points), bool)
        offsets = points - self.origin
        bends = self.swing * np.sin(offsets @ self.waves.T).mean(axis=1)
        if self.kind == "layers":
            height = offsets @ self.normal + bends
            return np.abs(height - self.size * np.rint(height / self.size)) < self.thickness / 2
        depth = self.size + bends - np.linalg.norm(offsets, axis=1)
        return (depth > 0) & (depth < (self.thickness if self.kind == "shell" else np.inf))


class TissueCanvas(Canvas):
    """A canvas whose nuclei gather in a tissue and press each other flat where they meet.

    A voxel belongs to the nucleus in which it lies deepest, so that faces lie half-way between neighbours,
    as between balls that are pressed together.
    """

    def __init__(self, config: VolumeConfig, rng: np.random.Generator) -> None:
        super().__init__(config, rng)
        self._tissue = Tissue.draw(config, rng)
        self._scale = np.array(config.scale)
        self._depth = np.ones(config.shape, np.float32)
        self._most_lost = config.squeeze
        self._sizes: list[int] = []
        self._lost: list[int] = []

    def free_centre(self, rng: np.random.Generator) -> IntArray:
        """A centre in the tissue; or anywhere, should the volume hold next to none of it."""
        for _ in range(CENTRES_TRIED):
            centre = super().free_centre(rng)
            if self._tissue_holds(centre):
                break
        return centre

    def put(self, level: FloatArray, centre: IntArray, *, radius: float, condensed: bool) -> bool:
        """Lay an object unless its neighbours, or what it takes from them, leave too little of either."""
        if self._most_lost == 0:
            return self._tissue_holds(centre) and super().put(
                level, centre, radius=radius, condensed=condensed
            )
        cut = self._cut(level, centre) if self._tissue_holds(centre) else None
        if cut is None:
            return False
        window, part = cut
        inside = part < self._depth[window]
        n_wanted, n_inside = int(np.count_nonzero(part < 1)), int(np.count_nonzero(inside))
        if n_inside < SMALLEST or n_inside < (1 - self._most_lost) * n_wanted:
            return False
        losers, losses = np.unique(self.labels[window][inside], return_counts=True)
        taken = {int(k) - 1: int(n) for k, n in zip(losers, losses, strict=True) if k}
        if any(self._lost[k] + n > self._most_lost * self._sizes[k] for k, n in taken.items()):
            return False
        for k, n in taken.items():
            self._lost[k] += n
        self.covered -= sum(taken.values())
        self._sizes.append(n_wanted)
        self._lost.append(n_wanted - n_inside)
        self._depth[window][inside] = part[inside]
        self._add(PlacedObject(window, inside, part, centre, radius, condensed))
        return True

    def finish(self) -> tuple[npt.NDArray[np.int32], list[PlacedObject]]:
        """What neighbours left of each object: its largest piece, darker where it is pressed."""
        if self._most_lost == 0:
            return super().finish()
        faces = _faces(self.labels)
        labels = np.zeros_like(self.labels)
        objects: list[PlacedObject] = []
        for k, item in enumerate(self.objects):
            inside = _largest_piece(self.labels[item.window] == k + 1)
            if np.count_nonzero(inside) < SMALLEST:
                continue
            level = np.where(faces[item.window], np.maximum(item.level, np.float32(0.97)), item.level)
            objects.append(replace(item, inside=inside, level=level))
            labels[item.window][inside] = len(objects)
        return labels, objects

    def _tissue_holds(self, centre: IntArray) -> bool:
        return bool(self._tissue.contains(centre[None] / self._scale)[0])


def _faces(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Voxels that meet another object along an axis."""
    faces = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim):
        a, b = np.moveaxis(labels, axis, 0)[:-1], np.moveaxis(labels, axis, 0)[1:]
        meet = (a != b) & (a > 0) & (b > 0)
        np.moveaxis(faces, axis, 0)[:-1] |= meet
        np.moveaxis(faces, axis, 0)[1:] |= meet
    return faces


def _largest_piece(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    pieces, n = ndimage.label(inside)
    if n < 2:
        return inside
    return np.asarray(pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:]))
