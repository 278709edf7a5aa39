"""Voxels of polyhedra as bits, and counting those that another polyhedron has in common with them.

The voxels of a polyhedron are kept as rows of 64-bit words along x, of which the first begins at the first voxel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

__all__ = ["common_voxels", "common_voxels_exactly", "n_words", "pack_bits"]


@njit(nogil=True, cache=True)
def n_words(box: Any) -> int:
    """Words that the bits of a box (start, stop, start, stop, start, stop) take."""
    return int((box[1] - box[0]) * (box[3] - box[2]) * ((box[5] - box[4] + 63) >> 6))


@njit(nogil=True, cache=True)
def pack_bits(mask: Any, words: Any) -> None:
    """Write the bits of a mask (uint8, 0 or 1) to ``(n_words, 1)`` uint64 words."""
    per_row = (mask.shape[2] + 63) >> 6
    for z in range(mask.shape[0]):
        for y in range(mask.shape[1]):
            row = (z * mask.shape[1] + y) * per_row
            for w in range(row, row + per_row):
                words[w, 0] = 0
            for x in range(mask.shape[2]):
                words[row + (x >> 6), 0] |= np.uint64(mask[z, y, x]) << np.uint64(x & 63)


@njit(nogil=True, cache=True)
def common_voxels_exactly(mask: Any, box: Any, other: Any, words: Any) -> int:
    """Count the voxels of a mask over a box that are set in the words of another box."""
    per_row, count = (other[5] - other[4] + 63) >> 6, 0
    for z in range(max(box[0], other[0]), min(box[1], other[1])):
        for y in range(max(box[2], other[2]), min(box[3], other[3])):
            row = ((z - other[0]) * (other[3] - other[2]) + y - other[2]) * per_row
            for x in range(max(box[4], other[4]), min(box[5], other[5])):
                k = x - other[4]
                bit = words[row + (k >> 6), 0] >> np.uint64(k & 63) & np.uint64(1)
                count += np.int64(bit) * mask[z - box[0], y - box[2], x - box[4]]
    return count


@njit(nogil=True, cache=True)
def common_voxels(
    table: Any, polyhedron: Any, box: Any, other: Any, words: Any, enough: Any
) -> tuple[int, int]:
    """Count the voxels of a polyhedron that are set in the words of another box.

    Parameters
    ----------
    table
        Face of each whole offset; `stellate.geometry.polyhedron_masks.is_tabulated` must be true of the box.
    polyhedron
        As `stellate.geometry.polyhedron_masks.place` fills it.
    box, other
        Start, stop, start, stop, start, stop of the voxels of the polyhedron, and of those that words stand for.
    words
        ``(n, 1)`` uint64 from `pack_bits`.
    enough
        When more voxels than this are certain, counting ends.

    Returns
    -------
    int
        Voxels that are certainly inside the polyhedron.
    int
        Voxels where rounding decides.
    """
    center, planes, bounds = polyhedron.center, polyhedron.planes, polyhedron.bounds
    normals_z, normals_y, normals_x, offsets = planes[0], planes[1], planes[2], planes[3]
    cz, cy, cx = int(center[0]), int(center[1]), int(center[2])
    i, j, k = table.shape[0] // 2 - cz, table.shape[1] // 2 - cy, table.shape[2] // 2 - cx
    z_start, z_stop = max(box[0], other[0]), min(box[1], other[1])
    x_start, x_stop = max(box[4], other[4]), min(box[5], other[5])
    per_row = (other[5] - other[4] + 63) >> 6
    count = doubts = 0
    # planes near the centre first: they hold the most voxels
    for step in range(2 * max(z_stop - cz, cz - z_start) + 1):
        z = cz + ((step + 1) >> 1) * (1 - 2 * (step & 1))
        if z < z_start or z >= z_stop:
            continue
        dz = np.float32(z - cz)
        for y in range(max(box[2], other[2]), min(box[3], other[3])):
            dy = np.float32(y - cy)
            rest = bounds[3] - bounds[0] * dz * dz - bounds[1] * dy * dy
            if rest < 0:
                continue
            reach = int(np.sqrt(rest * bounds[2]))
            start, stop = max(x_start, cx - reach), min(x_stop, cx + reach + 1)
            row, word = ((z - other[0]) * (other[3] - other[2]) + y - other[2]) * per_row, np.uint64(0)
            for x in range(start, stop):
                at = x - other[4]
                if x == start or at & 63 == 0:
                    word = words[row + (at >> 6), 0] >> np.uint64(at & 63)
                if word & np.uint64(1):
                    face, dx = table[z + i, y + j, x + k], np.float32(x - cx)
                    height = (
                        normals_z[face] * dz + normals_y[face] * dy + normals_x[face] * dx - offsets[face]
                    )
                    count += height < np.float32(-1)
                    doubts += abs(height) <= np.float32(1)
                word >>= np.uint64(1)
        if count > enough:
            break
    return count, doubts
