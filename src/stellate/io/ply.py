"""PLY, binary and little-endian: the smallest of the formats to read all objects at once.

The format knows neither units, which stand in a comment, nor named objects, which a number at each vertex and each
triangle tells apart; comments say which name belongs to which number.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    from .meshes import Meshes

__all__ = ["write"]

_VERTEX = np.dtype([("xyz", "<f4", 3), ("rgb", "u1", 3), ("object", "<i4")])
_FACE = np.dtype([("count", "u1"), ("corners", "<i4", 3), ("object", "<i4")])


def write(file: IO[bytes], meshes: Meshes) -> None:
    """Write the vertices of all objects, then all triangles.

    Raises
    ------
    InputError
        If there are more vertices than 31 bits count.
    """
    n, rays = meshes.vertices.shape[:2]
    if n * rays >= 2**31:
        raise InputError(
            f"PLY counts its vertices with 31 bits, got {n * rays:,}; write fewer objects to a file"
        )
    file.write(_header(meshes))
    for part, corners in meshes.blocks():
        rows = np.empty(corners.shape[:2], dtype=_VERTEX)
        rows["xyz"] = corners
        rows["rgb"] = meshes.colours[part, np.newaxis]
        rows["object"] = np.arange(part.start, part.stop)[:, np.newaxis]
        file.write(rows.tobytes())
    for part, corners in meshes.blocks():
        triangles = np.empty((len(corners), len(meshes.faces)), dtype=_FACE)
        numbers = np.arange(part.start, part.stop)[:, np.newaxis]
        triangles["count"] = 3
        triangles["corners"] = meshes.faces + rays * numbers[..., np.newaxis]
        triangles["object"] = numbers
        file.write(triangles.tobytes())


def _header(meshes: Meshes) -> bytes:
    n, rays = meshes.vertices.shape[:2]
    lines = [
        "ply",
        "format binary_little_endian 1.0",
        f"comment {n} surfaces by stellate",
        f"comment x y z in {meshes.unit}s from the centre of the first voxel; y points down, z along the stack",
        *(f"comment object {k} {' '.join(str(name).split())}" for k, name in enumerate(meshes.names)),
        f"element vertex {n * rays}",
        *(f"property float {axis}" for axis in "xyz"),
        *(f"property uchar {colour}" for colour in ("red", "green", "blue")),
        "property int object",
        f"element face {n * len(meshes.faces)}",
        "property list uchar int vertex_indices",
        "property int object",
        "end_header",
    ]
    return "".join(f"{line}\n" for line in lines).encode()
