"""Training targets of star-convex models in 3D: how far each object reaches from each of its voxels."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from .arrays import for_reading
from .bits import BIT_OF, DE_BRUIJN
from .object_probability import checked_labels
from .rays import Rays3D

__all__ = ["star_distances_3d"]

# Objects whose boxes together fill the volume more often than this are cut into connected pieces first.
_MAX_BOX_VOLUME = 8


class _Steps(NamedTuple):
    """What happens at each step of each ray; arrays of shape (n_rays, n_steps), or with an axis of (z, y, x) more."""

    offsets: npt.NDArray[np.float32]
    """Offset from the start, in voxels."""
    distances: npt.NDArray[np.float32]
    """Star distance of a voxel for which this step is the first one outside."""
    cells: npt.NDArray[np.int64]
    """Offset to the nearest voxel, in grid steps, rounded down."""
    phase: npt.NDArray[np.int64]
    """What rounding left of it, as the index of a line of bits."""
    tied: npt.NDArray[np.bool_]
    """Whether which voxel is nearest depends on the start, because two are equally near."""


class _Box(NamedTuple):
    """Where an object lies, and how its bits do; the corner is a voxel of the grid."""

    z: int
    y: int
    x: int
    gz: int
    gy: int
    gx: int
    row: int
    """Bits from a row to the next."""
    plane: int
    """Bits from a plane to the next."""
    first: int
    """Bit of the corner, after enough empty ones to step out of the box anywhere, in whole words."""


def star_distances_3d(
    labels: npt.NDArray[Any], rays: Rays3D, grid: tuple[int, int, int] = (1, 1, 1)
) -> npt.NDArray[np.float32]:
    """Distance from each voxel to the border of its own object along rays.

    A ray walks in steps of its vector until the nearest voxel has another label or lies outside the volume. The
    distance is the length of the whole offset that is nearest to the ray there.

    Parameters
    ----------
    labels
        ``(Z, Y, X)``, any integer dtype. Values of 0 and below are not objects.
    rays
        Directions in voxels.
    grid
        Distance between the voxels that are evaluated: ``labels[::gz, ::gy, ::gx]``. Rays run on the full-size labels.

    Returns
    -------
    ndarray
        ``(ceil(Z / gz), ceil(Y / gy), ceil(X / gx), n_rays)`` float32, in voxels of `labels`; 0 where there
        is no object.

    Raises
    ------
    ValueError
        If `labels` is not a 3D integer array, or a grid step is below 1.

    References
    ----------
    Weigert et al., Star-convex Polyhedra for 3D Object Detection and Segmentation in Microscopy, WACV 2020. The
    arithmetic (float32 steps) is that of StarDist's own targets, so that both give the same numbers.
    """
    labels = checked_labels(labels, grid, 3)
    shape = tuple(-(-n // g) for n, g in zip(labels.shape, grid, strict=True))
    out = np.zeros((*shape, len(rays)), dtype=np.float32)
    if not out.size or labels.max() <= 0:
        return out
    boxes = _object_boxes(labels, int(labels.max()))
    longest_step = float(np.abs(rays.vertices).max())
    if _volume(boxes) > _MAX_BOX_VOLUME * labels.size and longest_step <= 1:
        labels = _connected_pieces(labels)
        boxes = _object_boxes(labels, int(labels.max()))
    sides = (boxes[:, 3:] - boxes[:, :3] + 1).max(axis=0)
    n_steps = int(np.linalg.norm(sides) / np.linalg.norm(rays.vertices, axis=1).min()) + 3
    steps = _ray_steps(rays, n_steps, max(labels.shape), grid)
    _march(labels, boxes, steps, np.array(grid), math.ceil(longest_step) + 1, out)
    return out


def _connected_pieces(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """A label for each 26-connected piece: a ray never leaves its piece, as its steps touch one another."""
    from skimage.measure import label  # slow to import, and hardly ever needed

    return for_reading(np.asarray(label(np.maximum(labels, 0), connectivity=3), dtype=np.int32))


def _volume(boxes: npt.NDArray[np.int64]) -> int:
    """Sum of the volumes of boxes (first z, y, x, last z, y, x); empty ones have none."""
    return int(np.prod(np.maximum(boxes[:, 3:] - boxes[:, :3] + 1, 0), axis=1).sum())


def _ray_steps(rays: Rays3D, n_steps: int, side: int, grid: tuple[int, int, int]) -> _Steps:
    """Tabulate rays of a number of steps, in a volume whose longest side is `side`."""
    # accumulate, not multiply: the rounding of each float32 step decides which voxel is nearest
    offsets = np.cumsum(np.repeat(rays.vertices[:, None], n_steps, axis=1), axis=1, dtype=np.float32)
    nearest = np.rint(offsets).astype(np.int64)
    # adding the start to an offset rounds again, by at most half the spacing of the largest sum
    blur = np.spacing(np.float32(2 * side))
    phases = nearest % grid
    return _Steps(
        offsets=offsets,
        distances=np.sqrt((nearest**2).sum(axis=2).astype(np.float64)).astype(np.float32),
        cells=nearest // grid,
        phase=(phases[..., 0] * grid[1] + phases[..., 1]) * grid[2] + phases[..., 2],
        tied=(np.abs(offsets % 1 - 0.5) <= blur).any(axis=2),
    )


@njit(nogil=True, cache=True)
def _object_boxes(labels: Any, largest: int) -> Any:
    """First and last (z, y, x) of each label; empty for 0 and absent ones."""
    boxes = np.empty((largest + 1, 6), dtype=np.int64)
    boxes[:, :3] = max(labels.shape)
    boxes[:, 3:] = -1
    depth, height, width = labels.shape
    for z in range(depth):
        for y in range(height):
            x = 0
            while x < width:
                value, start = labels[z, y, x], x
                x += 1
                while x < width and labels[z, y, x] == value:
                    x += 1
                if value > 0:
                    box = boxes[value]
                    box[0], box[3] = min(box[0], z), z
                    box[1], box[4] = min(box[1], y), max(box[4], y)
                    box[2], box[5] = min(box[2], start), max(box[5], x - 1)
    return boxes


@njit(nogil=True, cache=True)
def _march(labels: Any, boxes: Any, steps: Any, grid: Any, margin: int, out: Any) -> None:
    """Follow every ray of every evaluated voxel, one object after another."""
    gz, gy, gx = grid
    flat = out.reshape(-1, out.shape[3])
    for value in range(1, len(boxes)):
        z, y, x, last_z, last_y, last_x = boxes[value]
        if last_z < 0:
            continue
        z, y, x = z - z % gz, y - y % gy, x - x % gx
        row = (last_x - x) // gx + 1 + margin
        plane = row * ((last_y - y) // gy + 1 + margin)
        first = (margin * (plane + row + 1)) // 64 * 64 + 128
        box = _Box(z, y, x, gz, gy, gx, row, plane, first)
        mask = _object_mask(labels[z : last_z + 1, y : last_y + 1, x : last_x + 1], value, box, margin)
        offsets = steps.cells[..., 0] * plane + steps.cells[..., 1] * row + steps.cells[..., 2]
        for word in range(mask.shape[1]):
            if mask[0, word]:
                _march_word(mask, word, box, offsets, steps, out.shape, flat)


@njit(nogil=True, cache=True)
def _object_mask(labels: Any, value: int, box: Any, margin: int) -> Any:
    """Where the labels are `value`: one line of bits for each phase of the grid.

    Bit 64 w + b of a line is bit b of its word w. There are empty bits between rows and between planes.
    """
    depth, height, width = labels.shape
    words = (box.first + (depth // box.gz + 2 + margin) * box.plane) // 64 + 2
    mask = np.zeros((box.gz * box.gy * box.gx, words), dtype=np.uint64)
    for i in range(depth):
        for j in range(height):
            start = box.first + i // box.gz * box.plane + j // box.gy * box.row
            line = (i % box.gz * box.gy + j % box.gy) * box.gx
            for k in range(width):
                if labels[i, j, k] == value:
                    at = start + k // box.gx
                    mask[line + k % box.gx, at >> 6] |= np.uint64(1) << np.uint64(at & 63)
    return mask


@njit(nogil=True, cache=True)
def _march_word(mask: Any, word: int, box: Any, offsets: Any, steps: Any, shape: Any, flat: Any) -> None:
    """Follow the rays of 64 voxels at once: a shift and an "and" per step tell which are still inside."""
    targets = np.empty(64, dtype=np.int64)
    for b in range(64):
        z, y, x = _cell(64 * word + b, box)
        targets[b] = ((box.z // box.gz + z) * shape[1] + box.y // box.gy + y) * shape[2] + box.x // box.gx + x
    for k in range(flat.shape[1]):
        inside = mask[0, word]
        t = 0
        while inside:
            if steps.tied[k, t]:
                stay = _tied_step(mask, inside, word, box, steps.offsets[k, t])
            else:
                offset, phase = offsets[k, t], steps.phase[k, t]
                at, shift = word + (offset >> 6), np.uint64(offset & 63)
                # two shifts, as a shift by 64 is undefined
                high = (mask[phase, at + 1] << np.uint64(1)) << (np.uint64(63) - shift)
                stay = inside & ((mask[phase, at] >> shift) | high)
            leave = inside ^ stay
            while leave:
                lowest = leave & (~leave + np.uint64(1))
                flat[targets[BIT_OF[(lowest * DE_BRUIJN) >> np.uint64(58)]], k] = steps.distances[k, t]
                leave ^= lowest
            inside = stay
            t += 1


@njit(nogil=True, cache=True)
def _cell(bit: int, box: Any) -> tuple[int, int, int]:
    """Cell of the grid, from the corner of the box, that a bit stands for."""
    z, rest = divmod(bit - box.first, box.plane)
    y, x = divmod(rest, box.row)
    return z, y, x


@njit(nogil=True, cache=True)
def _tied_step(mask: Any, inside: Any, word: int, box: Any, offset: Any) -> Any:
    """Which of the voxels of a word are inside after a step that is rounded from each start by itself."""
    stay = np.uint64(0)
    for b in range(64):
        bit = np.uint64(1) << np.uint64(b)
        if inside & bit:
            z, y, x = _cell(64 * word + b, box)
            # the nearest voxel, relative to the corner of the box
            i = int(np.rint(np.float32(box.z + z * box.gz) + offset[0])) - box.z
            j = int(np.rint(np.float32(box.y + y * box.gy) + offset[1])) - box.y
            k = int(np.rint(np.float32(box.x + x * box.gx) + offset[2])) - box.x
            at = box.first + i // box.gz * box.plane + j // box.gy * box.row + k // box.gx
            line = (i % box.gz * box.gy + j % box.gy) * box.gx + k % box.gx
            if (mask[line, at >> 6] >> np.uint64(at & 63)) & np.uint64(1):
                stay |= bit
    return stay
