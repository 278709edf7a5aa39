"""Wavefront OBJ: text that every 3D program reads.

The format knows no units; they stand in a comment. Colours stand behind the coordinates of each vertex, which
Blender, MeshLab and others read and the rest pass over.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .meshes import Meshes

__all__ = ["write"]


def write(file: IO[bytes], meshes: Meshes) -> None:
    """Write objects as groups named ``o NAME``, with vertices ``v x y z r g b`` and triangles ``f a b c``."""
    file.write(
        f"# {len(meshes)} surfaces by stellate\n# x y z in {meshes.unit}s from the centre of the first voxel; "
        "y points down in the image, z along the stack\n".encode()
    )
    rays = meshes.vertices.shape[1]
    triangles = "f %d %d %d\n" * len(meshes.faces)
    first = meshes.faces.reshape(-1) + 1  # vertices are counted from 1, through the whole file
    for part, corners in meshes.blocks():
        text = []
        for k, vertices in enumerate(corners.astype(np.float64), start=part.start):
            r, g, b = (meshes.colours[k] / 255).tolist()
            line = f"v %.7g %.7g %.7g {r:.4g} {g:.4g} {b:.4g}\n"
            text.append(f"o {_one_word(meshes.names[k])}\n")
            text.append(line * rays % tuple(vertices.reshape(-1).tolist()))
            text.append(triangles % tuple((first + k * rays).tolist()))
        file.write("".join(text).encode())


def _one_word(name: str) -> str:
    """A name ends at a space in many programs."""
    return "_".join(str(name).split()) or "_"
