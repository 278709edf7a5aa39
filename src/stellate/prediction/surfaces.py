"""The surfaces of the objects that a model found in a volume: those of their polyhedra."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import io
from ..geometry.polyhedra import polyhedron_vertices
from ..geometry.rays import Rays3D
from ..io.class_colours import class_colour
from ..results import Instances

__all__ = ["MOST_AS_TEXT", "Surfaces", "surfaces_of"]

MOST_AS_TEXT = 20_000
"""Surfaces that are written as text at most; with 96 rays these are some 200 MB."""

_UNKNOWN = (160, 160, 160)
_LARGEST_COORDINATE = 2**21  # far beyond any volume; polyhedra are refused beyond twice of it


@dataclass(frozen=True, eq=False)
class Surfaces:
    """Polyhedra of objects, all of the same faces.

    Attributes
    ----------
    rows
        ``(m,)`` int64: which objects they belong to, from 0.
    vertices
        ``(m, n_rays, 3)`` float32 (z, y, x), in voxels.
    faces
        ``(n_faces, 3)`` int32: vertices of the triangles.
    colours
        ``(m, 3)`` uint8 where objects are told apart by class, else None.
    """

    rows: npt.NDArray[np.int64]
    vertices: npt.NDArray[np.float32]
    faces: npt.NDArray[np.int32]
    colours: npt.NDArray[np.uint8] | None

    def __len__(self) -> int:
        return len(self.rows)

    def write(self, path: Path, spacing_um: Mapping[str, float]) -> None:
        """Write them, each under its label; see `stellate.io.meshes.write_meshes`.

        Raises
        ------
        InputError
            If the file would be larger than its format allows.
        OutputError
            If the disk is full or does not permit it.
        """
        names = (self.rows + 1).astype(str).tolist()
        io.write_meshes(
            path, self.vertices, self.faces, spacing_um=spacing_um, names=names, colours=self.colours
        )


def surfaces_of(instances: Instances, rays: Rays3D | None) -> Surfaces | None:
    """The polyhedra of all objects that have one: finite centres, and finite distances above 0.

    Parameters
    ----------
    instances
        Objects of a volume.
    rays
        Directions of their distances.

    Returns
    -------
    Surfaces or None
        None if the objects have no distances, or `rays` is None.
    """
    if rays is None or instances.centres is None or instances.distances is None:
        return None
    centres, distances = instances.centres, instances.distances
    with np.errstate(invalid="ignore"):
        proper = (distances > 0).all(axis=1) & (distances < _LARGEST_COORDINATE).all(axis=1)
        proper &= (np.abs(centres) < _LARGEST_COORDINATE).all(axis=1)
    rows = np.flatnonzero(proper)
    vertices = polyhedron_vertices(centres[rows], distances[rows], rays)
    return Surfaces(rows, vertices, rays.faces, _colours(instances, rows))


def _colours(instances: Instances, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8] | None:
    if instances.classes is None:
        return None
    classes: Any = instances.classes[rows].tolist()
    colours = [class_colour(c) if c >= 0 else _UNKNOWN for c in classes]
    return np.array(colours, dtype=np.uint8).reshape(-1, 3)
