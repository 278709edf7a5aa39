"""Binary glTF 2.0 (``.glb``): a node for each object, which viewers in browsers and presentations show.

All objects share one list of triangles, so that the file is the smallest of the formats. glTF takes its numbers for
metres: what they are in stands in the extras of the scene.

References
----------
Khronos Group, glTF 2.0 Specification, sections 3.6 (buffers and accessors) and 4 (GLB).
"""

from __future__ import annotations

import json
import struct
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError

if TYPE_CHECKING:
    from .meshes import Meshes

__all__ = ["write"]

_FLOAT, _UNSIGNED_SHORT, _UNSIGNED_INT = 5126, 5123, 5125
_VERTICES, _INDICES = 34962, 34963
_LIMIT = 2**32 - 1


def write(file: IO[bytes], meshes: Meshes) -> None:
    """Write a header, the description in JSON, and the numbers.

    Raises
    ------
    InputError
        If the file would be larger than the 4 GiB that its format allows.
    """
    indices = _indices(meshes)
    chunk = _vertex_bytes(meshes) + indices.nbytes
    chunk += -chunk % 4
    _check_size(chunk)
    text = json.dumps(_description(meshes, indices), separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 4)
    total = 12 + 8 + len(text) + (8 + chunk if chunk else 0)
    _check_size(total)
    file.write(struct.pack("<4sII", b"glTF", 2, total))
    file.write(struct.pack("<I4s", len(text), b"JSON") + text)
    if not chunk:
        return
    file.write(struct.pack("<I4s", chunk, b"BIN\0"))
    for _, corners in meshes.blocks():
        file.write(corners.astype("<f4").tobytes())
    file.write(indices.tobytes().ljust(chunk - _vertex_bytes(meshes), b"\0"))


def _check_size(size: int) -> None:
    if size > _LIMIT:
        raise InputError(f"a glTF file ends at 4 GiB, this one would have {size:,} bytes; write PLY")


def _vertex_bytes(meshes: Meshes) -> int:
    return 12 * int(np.prod(meshes.vertices.shape[:2], dtype=np.int64))


def _indices(meshes: Meshes) -> npt.NDArray[Any]:
    """Triangles of one object; the largest number of a type is not allowed, since it ends a strip."""
    wide = meshes.vertices.shape[1] >= 2**16
    faces = meshes.faces if len(meshes) else meshes.faces[:0]
    return faces.reshape(-1).astype("<u4" if wide else "<u2")


def _description(meshes: Meshes, indices: npt.NDArray[Any]) -> dict[str, Any]:
    scene = {
        "nodes": list(range(len(meshes))),
        "extras": {
            "unit": meshes.unit,
            "origin": "centre of the first voxel",
            "axes": "y down, z along the stack",
        },
    }
    content: dict[str, Any] = {"asset": {"version": "2.0", "generator": "stellate"}, "scene": 0}
    if not len(meshes) or not indices.size:  # what is empty must not be named
        del scene["nodes"]
        return content | {"scenes": [scene]}
    palette, material = np.unique(meshes.colours, axis=0, return_inverse=True)
    content |= {
        "scenes": [scene],
        "nodes": [{"name": str(name), "mesh": k} for k, name in enumerate(meshes.names)],
        "meshes": [
            {
                "name": str(name),
                "primitives": [{"attributes": {"POSITION": k + 1}, "indices": 0, "material": int(m)}],
            }
            for k, (name, m) in enumerate(zip(meshes.names, material.reshape(-1), strict=True))
        ],
        "materials": [_material(colour) for colour in palette],
    }
    return content | _storage(meshes, indices)


def _storage(meshes: Meshes, indices: npt.NDArray[Any]) -> dict[str, Any]:
    rays, start = meshes.vertices.shape[1], _vertex_bytes(meshes)
    kind = _UNSIGNED_INT if indices.itemsize == 4 else _UNSIGNED_SHORT
    accessors: list[dict[str, Any]] = [
        {"bufferView": 1, "componentType": kind, "count": indices.size, "type": "SCALAR"}
    ]
    for part, corners in meshes.blocks():
        low, high = (limit.astype(float).tolist() for limit in (corners.min(axis=1), corners.max(axis=1)))
        accessors += [
            {
                "bufferView": 0,
                "byteOffset": 12 * rays * k,
                "componentType": _FLOAT,
                "count": rays,
                "type": "VEC3",
                "min": low[k - part.start],
                "max": high[k - part.start],
            }
            for k in range(part.start, part.stop)
        ]
    length = start + indices.nbytes
    return {
        "accessors": accessors,
        "bufferViews": [
            {"buffer": 0, "byteLength": start, "byteStride": 12, "target": _VERTICES},
            {"buffer": 0, "byteOffset": start, "byteLength": indices.nbytes, "target": _INDICES},
        ],
        "buffers": [{"byteLength": length + -length % 4}],
    }


def _material(colour: npt.NDArray[np.uint8]) -> dict[str, Any]:
    """A matt colour; glTF has its colours linear in light, pictures theirs as in sRGB."""
    share = colour / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    factor = [*(round(v, 6) for v in linear.tolist()), 1.0]
    return {
        "pbrMetallicRoughness": {"baseColorFactor": factor, "metallicFactor": 0.0, "roughnessFactor": 0.8}
    }
