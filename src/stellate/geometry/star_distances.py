"""Training targets of star-convex models in 2D: how far each object reaches from each of its pixels."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from .arrays import for_reading
from .bits import BIT_OF, DE_BRUIJN
from .object_probability import checked_labels, object_probability

__all__ = ["object_probability", "star_distances"]

# Empty pixels around the bit mask of an object, so that rays may step out of it unchecked.
_MARGIN = 2

# Objects whose boxes together cover the image more often than this are cut into connected pieces first.
_MAX_BOX_AREA = 8


class _Rays(NamedTuple):
    """What happens at each step of each ray; arrays of shape (n_rays, n_steps)."""

    rows: npt.NDArray[np.float32]
    """Row offset in pixels."""
    cols: npt.NDArray[np.float32]
    """Column offset in pixels."""
    distances: npt.NDArray[np.float32]
    """Star distance of a pixel for which this step is the first one outside."""
    down: npt.NDArray[np.int64]
    """Row offset to the nearest pixel, in grid steps, rounded down."""
    right: npt.NDArray[np.int64]
    """Column offset to the nearest pixel, in grid steps, rounded down."""
    phase: npt.NDArray[np.int64]
    """What rounding left of both: rows times the grid step of columns, plus columns."""
    tied: npt.NDArray[np.bool_]
    """Whether which pixel is nearest depends on the start, because two are equally near."""


class _Box(NamedTuple):
    """Where an object lies; the corner is a pixel of the grid."""

    top: int
    left: int
    gy: int
    gx: int
    stride: int
    """Bits of a row in the object's mask."""


def star_distances(
    labels: npt.NDArray[Any], n_rays: int, grid: tuple[int, int] = (1, 1)
) -> npt.NDArray[np.float32]:
    """Distance from each pixel to the border of its own object along evenly spaced rays.

    A ray walks in unit steps of ``(sin, cos)(2 pi k / n_rays)`` until the nearest pixel has another label
    or lies outside the image. The last step is then taken back and replaced by one of half a pixel along
    the axis in which the ray runs faster.

    Parameters
    ----------
    labels
        ``(H, W)``, any integer dtype. Values of 0 and below are not objects.
    n_rays
        Number of rays, at least 3.
    grid
        Distance between the pixels that are evaluated: ``labels[::gy, ::gx]``. Rays run on the full-size
        labels.

    Returns
    -------
    ndarray
        ``(ceil(H / gy), ceil(W / gx), n_rays)`` float32, in pixels of `labels`; 0 where there is no object.

    Raises
    ------
    ValueError
        If `labels` is not a 2D integer array, `n_rays` is below 3, or a grid step is below 1.

    References
    ----------
    Schmidt et al., Cell Detection with Star-convex Polygons, MICCAI 2018. The arithmetic (float32 steps) is
    that of StarDist's own targets, so that both give the same numbers.

    Examples
    --------
    >>> star_distances(np.ones((1, 3), dtype=np.uint8), 4)[0, 0].tolist()
    [2.5, 0.5, 0.5, 0.5]
    """
    labels = checked_labels(labels, grid)
    if n_rays < 3:
        raise ValueError(f"a polygon needs at least 3 rays, got {n_rays}")
    gy, gx = grid
    out = np.zeros((-(-labels.shape[0] // gy), -(-labels.shape[1] // gx), n_rays), dtype=np.float32)
    if not out.size or labels.max() <= 0:
        return out
    boxes = _object_boxes(labels, int(labels.max()))
    if _area(boxes) > _MAX_BOX_AREA * labels.size:
        labels = _connected_pieces(labels)
        boxes = _object_boxes(labels, int(labels.max()))
    longest = int(np.hypot(*(boxes[:, 2:] - boxes[:, :2] + 1).max(axis=0)))
    _march(labels, boxes, _ray_steps(n_rays, longest + 3, max(labels.shape), grid), gy, gx, out)
    return out


def _connected_pieces(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """A label for each 8-connected piece: a ray never leaves its piece, as its steps touch one another."""
    from skimage.measure import label  # slow to import, and hardly ever needed

    return for_reading(np.asarray(label(np.maximum(labels, 0), connectivity=2), dtype=np.int32))


def _area(boxes: npt.NDArray[np.int64]) -> int:
    """Sum of the areas of boxes (first row, first column, last row, last column); empty ones have none."""
    return int(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2] + 1, 0), axis=1).sum())


def _ray_steps(n_rays: int, n_steps: int, side: int, grid: tuple[int, int]) -> _Rays:
    """Tabulate rays of a number of steps, in an image whose longer side is `side`."""
    angles = np.arange(n_rays, dtype=np.float32) * np.float32(2 * np.pi / n_rays)
    # rounded from float64, so that no platform's float32 sine is off in the last bit
    sines = np.sin(angles.astype(np.float64)).astype(np.float32)
    cosines = np.cos(angles.astype(np.float64)).astype(np.float32)
    # accumulate, not multiply: the rounding of each float32 step decides which pixel is nearest
    steps = np.ones((n_rays, n_steps), dtype=np.float32)
    rows = np.cumsum(steps * sines[:, None], axis=1, dtype=np.float32)
    cols = np.cumsum(steps * cosines[:, None], axis=1, dtype=np.float32)
    back = np.float32(0.5) / np.maximum(np.abs(sines), np.abs(cosines)) - np.float32(1)
    end_rows = rows + (back * sines)[:, None]
    end_cols = cols + (back * cosines)[:, None]
    # adding the start to an offset rounds again, by at most half the spacing of the largest sum
    blur = np.spacing(np.float32(2 * side))
    tied = (np.abs(rows % 1 - 0.5) <= blur) | (np.abs(cols % 1 - 0.5) <= blur)
    nearest_rows, nearest_cols = np.rint(rows).astype(np.int64), np.rint(cols).astype(np.int64)
    return _Rays(
        rows=rows,
        cols=cols,
        distances=np.sqrt(end_rows * end_rows + end_cols * end_cols),
        down=nearest_rows // grid[0],
        right=nearest_cols // grid[1],
        phase=nearest_rows % grid[0] * grid[1] + nearest_cols % grid[1],
        tied=tied,
    )


@njit(nogil=True, cache=True)
def _object_boxes(labels, largest):  # type: ignore[no-untyped-def]
    """First row, first column, last row, last column of each label; empty for 0 and absent ones."""
    height, width = labels.shape
    boxes = np.empty((largest + 1, 4), dtype=np.int64)
    boxes[:, :2] = max(height, width)
    boxes[:, 2:] = -1
    for i in range(height):
        for j in range(width):
            value = labels[i, j]
            if value > 0:
                boxes[value, 0] = min(boxes[value, 0], i)
                boxes[value, 1] = min(boxes[value, 1], j)
                boxes[value, 2] = max(boxes[value, 2], i)
                boxes[value, 3] = max(boxes[value, 3], j)
    return boxes


@njit(nogil=True, cache=True)
def _march(labels, boxes, rays, gy, gx, out):  # type: ignore[no-untyped-def]
    """Follow every ray of every evaluated pixel, one object after another."""
    width = out.shape[1]
    flat = out.reshape(-1, out.shape[2])
    for value in range(1, len(boxes)):
        top, left, bottom, right = boxes[value]
        if bottom < 0:
            continue
        top, left = top - top % gy, left - left % gx
        box = _Box(top, left, gy, gx, (right - left) // gx + 1 + _MARGIN)
        mask = _object_mask(labels[top : bottom + 1, left : right + 1], value, box)
        for word in range(mask.shape[1]):
            if mask[0, word]:
                _march_word(mask, word, box, rays, width, flat)


@njit(nogil=True, cache=True)
def _object_mask(labels, value, box):  # type: ignore[no-untyped-def]
    """Where the labels are `value`: one line of bits for each phase of the grid, row after row.

    Bit 64 w + b of a line is bit b of its word w. Rows are `box.stride` bits apart, with empty ones between.
    """
    height, width = labels.shape
    gy, gx, stride = box.gy, box.gx, box.stride
    start = _first_bit(stride)
    words = (start + (height // gy + 2 + _MARGIN) * stride) // 64 + 2
    mask = np.zeros((gy * gx, words), dtype=np.uint64)
    for i in range(height):
        for p in range(gx):
            first = start + i // gy * stride
            line = i % gy * gx + p
            for c in range((width - p + gx - 1) // gx):
                if labels[i, p + c * gx] == value:
                    mask[line, (first + c) >> 6] |= np.uint64(1) << np.uint64((first + c) & 63)
    return mask


@njit(nogil=True, cache=True)
def _first_bit(stride):  # type: ignore[no-untyped-def]
    # a word more than the margin, so that a whole word can be shifted from it
    return (_MARGIN * (stride + 1)) // 64 * 64 + 128


@njit(nogil=True, cache=True)
def _march_word(mask, word, box, rays, width, flat):  # type: ignore[no-untyped-def]
    """Follow the rays of 64 pixels at once: a shift and an "and" per step tell which are still inside."""
    targets = np.empty(64, dtype=np.int64)
    for b in range(64):
        row, col = divmod(64 * word + b - _first_bit(box.stride), box.stride)
        targets[b] = (box.top // box.gy + row) * width + box.left // box.gx + col
    for k in range(flat.shape[1]):
        inside = mask[0, word]
        t = 0
        while inside:
            if rays.tied[k, t]:
                stay = _tied_step(mask, inside, word, box, rays.rows[k, t], rays.cols[k, t])
            else:
                offset = rays.down[k, t] * box.stride + rays.right[k, t]
                at, shift = word + (offset >> 6), np.uint64(offset & 63)
                # two shifts, as a shift by 64 is undefined
                high = (mask[rays.phase[k, t], at + 1] << np.uint64(1)) << (np.uint64(63) - shift)
                stay = inside & ((mask[rays.phase[k, t], at] >> shift) | high)
            leave = inside ^ stay
            while leave:
                lowest = leave & (~leave + np.uint64(1))
                flat[targets[BIT_OF[(lowest * DE_BRUIJN) >> np.uint64(58)]], k] = rays.distances[k, t]
                leave ^= lowest
            inside = stay
            t += 1


@njit(nogil=True, cache=True)
def _tied_step(mask, inside, word, box, row, col):  # type: ignore[no-untyped-def]
    """Which of the pixels of a word are inside after a step that is rounded from each start by itself."""
    stay = np.uint64(0)
    for b in range(64):
        bit = np.uint64(1) << np.uint64(b)
        if inside & bit:
            y, x = divmod(64 * word + b - _first_bit(box.stride), box.stride)
            # the nearest pixel, relative to the corner of the box
            i = int(np.rint(np.float32(box.top + y * box.gy) + row)) - box.top
            j = int(np.rint(np.float32(box.left + x * box.gx) + col)) - box.left
            at = _first_bit(box.stride) + i // box.gy * box.stride + j // box.gx
            if (mask[i % box.gy * box.gx + j % box.gx, at >> 6] >> np.uint64(at & 63)) & np.uint64(1):
                stay |= bit
    return stay
