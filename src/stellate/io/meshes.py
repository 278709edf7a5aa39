"""Surfaces of star-convex objects as triangles, for 3D viewers: OBJ, PLY and glTF."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from . import gltf, obj, ply
from .atomic import atomic

__all__ = ["MESH_SUFFIXES", "Meshes", "outward", "write_meshes"]

_WRITERS = {".obj": obj.write, ".ply": ply.write, ".glb": gltf.write}
MESH_SUFFIXES = tuple(_WRITERS)

# Told apart by colour-blind readers too (Okabe and Ito, 2008).
_COLOURS = np.array(
    [
        (230, 159, 0),
        (86, 180, 233),
        (0, 158, 115),
        (240, 228, 66),
        (0, 114, 178),
        (213, 94, 0),
        (204, 121, 167),
    ],
    dtype=np.uint8,
)
_SAMPLE = 100  # objects that are asked which way faces look; the first may have no volume
_BLOCK = 512  # objects that are converted at a time


@dataclass(frozen=True, eq=False)
class Meshes:
    """Objects of the same faces, as the writers take them.

    Attributes
    ----------
    vertices
        ``(n, n_rays, 3)``, as z, y, x in voxels.
    faces
        ``(m, 3)`` int64, counterclockwise seen from outside, in coordinates x, y, z.
    names
        ``n`` names.
    colours
        ``(n, 3)`` uint8.
    scale
        By what z, y, x are multiplied.
    unit
        What the coordinates then are in.
    """

    vertices: npt.NDArray[Any]
    faces: npt.NDArray[np.int64]
    names: Sequence[str]
    colours: npt.NDArray[np.uint8]
    scale: tuple[float, float, float]
    unit: str

    def __len__(self) -> int:
        return len(self.vertices)

    def blocks(self) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
        """Some objects at a time, and their vertices ``(k, n_rays, 3)`` float32 as x, y, z."""
        scale = np.array(self.scale[::-1])
        for start in range(0, len(self), _BLOCK):
            part = slice(start, min(start + _BLOCK, len(self)))
            yield part, (self.vertices[part, :, ::-1] * scale).astype(np.float32)


def write_meshes(
    path: str | os.PathLike[str],
    vertices: npt.NDArray[Any],
    faces: npt.NDArray[Any],
    *,
    spacing_um: Mapping[str, float] | None = None,
    names: Sequence[str] | None = None,
    colours: npt.NDArray[np.uint8] | None = None,
) -> None:
    """Write the surfaces of objects, each under its name and in its colour.

    Coordinates are x, y, z, in micrometres where the size of a voxel is known and in voxels else; the origin is the
    centre of the first voxel. As in images, y points down and z away from who looks; this is a right-handed system,
    so that nothing is mirrored, though a viewer may show it upside down.

    Parameters
    ----------
    path
        ``.obj`` (text, colours at the vertices), ``.ply`` (binary; an object is told by the number ``object`` of
        its vertices and faces, that counts names from 0) or ``.glb`` (glTF 2.0, a node for each object). The folder
        is made where it is missing.
    vertices
        ``(n, n_rays, 3)``, z, y, x in voxels, as `stellate.geometry.polyhedra` has them.
    faces
        ``(m, 3)`` integers: the vertices of the triangles, which close the surface. Their sense does not matter:
        they are turned so that they face outwards.
    spacing_um
        Voxel size in micrometres by axis letter.
    names
        A name for each object; if None its label, from 1.
    colours
        ``(n, 3)`` uint8; if None, colours that neighbours in the list do not share.

    Raises
    ------
    InputError
        If the shapes, numbers or suffix are not as above.
    OutputError
        If the disk is full or does not permit it.
    """
    file = Path(path)
    writer = _WRITERS.get(file.suffix.lower())
    if writer is None:
        raise InputError(f"{file}: meshes are written as one of {', '.join(MESH_SUFFIXES)}")
    meshes = _checked(vertices, faces, spacing_um or {}, names, colours)
    with atomic(file) as draft, draft.open("wb") as stream:
        writer(stream, meshes)


def outward(vertices: npt.NDArray[Any], faces: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Turn triangles so that all are counterclockwise seen from outside, in coordinates x, y, z.

    Parameters
    ----------
    vertices
        ``(n, n_rays, 3)`` as z, y, x; of all objects, which have the same faces.
    faces
        ``(m, 3)``, in any sense. Triangles that share an edge pass it in opposite senses in the result.
    """
    turned = _alike(faces)
    # Six times the enclosed volume, by the theorem of Gauss; an order of z, y, x mirrors it.
    corners = vertices[:_SAMPLE, :, ::-1].astype(np.float64)
    corners = corners - corners.mean(axis=1, keepdims=True)
    a, b, c = (corners[:, turned[:, k]] for k in range(3))
    return turned[:, ::-1] if np.sum(a * np.cross(b, c)) < 0 else turned


def _alike(faces: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Turn triangles to the sense of the first, going from each to those beyond its edges."""
    turned = faces.copy()
    at_edge: dict[frozenset[int], list[int]] = {}
    for k, (a, b, c) in enumerate(faces.tolist()):
        for edge in ((a, b), (b, c), (c, a)):
            at_edge.setdefault(frozenset(edge), []).append(k)
    seen = np.zeros(len(faces), dtype=bool)
    for first in range(len(faces)):
        waiting = [] if seen[first] else [first]
        seen[first] = True
        while waiting:
            a, b, c = turned[waiting.pop()].tolist()
            for edge in ((a, b), (b, c), (c, a)):
                for other in at_edge[frozenset(edge)]:
                    if seen[other]:
                        continue
                    p, q, r = turned[other].tolist()
                    if edge in ((p, q), (q, r), (r, p)):
                        turned[other] = r, q, p
                    seen[other] = True
                    waiting.append(other)
    return turned


def _checked(
    vertices: npt.NDArray[Any],
    faces: npt.NDArray[Any],
    spacing: Mapping[str, float],
    names: Sequence[str] | None,
    colours: npt.NDArray[np.uint8] | None,
) -> Meshes:
    vertices, faces = np.asarray(vertices), np.asarray(faces)
    if vertices.ndim != 3 or vertices.shape[2] != 3 or vertices.dtype.kind not in "iuf":
        raise InputError(f"expected vertices (objects, rays, 3), got {vertices.dtype} {vertices.shape}")
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.dtype.kind not in "iu":
        raise InputError(f"expected whole-number faces (m, 3), got {faces.dtype} {faces.shape}")
    n, rays = vertices.shape[:2]
    if faces.size and not 0 <= faces.min() <= faces.max() < rays:
        raise InputError(f"faces name the vertices {faces.min()} to {faces.max()}, but an object has {rays}")
    broken = np.flatnonzero(~np.isfinite(vertices).all(axis=(1, 2)))
    if len(broken):
        raise InputError(
            f"object {broken[0] + 1} has vertices that are infinite or no numbers "
            f"({len(broken)} such objects); leave out objects without a surface"
        )
    names = [str(k) for k in range(1, n + 1)] if names is None else names
    colours = _COLOURS[np.arange(n) % len(_COLOURS)] if colours is None else np.asarray(colours)
    if len(names) != n or colours.shape != (n, 3) or colours.dtype != np.uint8:
        raise InputError(
            f"{n} objects, but {len(names)} names and colours of shape {colours.shape} and dtype {colours.dtype}; "
            "expected a name and three uint8 for each"
        )
    known = {"Z", "Y", "X"} <= spacing.keys()
    scale = (spacing["Z"], spacing["Y"], spacing["X"]) if known else (1.0, 1.0, 1.0)
    faces = faces.astype(np.int64)
    return Meshes(
        vertices, outward(vertices, faces), names, colours, scale, "micrometre" if known else "voxel"
    )
