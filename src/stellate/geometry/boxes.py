"""Axis-aligned boxes, as (x1, y1, x2, y2) at pixel edges: x2 - x1 is the width of the covered pixels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["box_areas", "box_iou"]

FloatArray = npt.NDArray[np.float64]


def box_areas(boxes_xyxy: npt.ArrayLike) -> FloatArray:
    """Areas in pixels.

    Parameters
    ----------
    boxes_xyxy
        ``(n, 4)``. A box whose sides are not above 0 has none.

    Returns
    -------
    (n,) float64
    """
    boxes = _as_boxes(boxes_xyxy)
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1], dtype=np.float64)


def box_iou(a: npt.ArrayLike, b: npt.ArrayLike) -> FloatArray:
    """Intersection over union of each box with each other one.

    Parameters
    ----------
    a, b
        ``(n, 4)`` and ``(m, 4)``.

    Returns
    -------
    (n, m) float64
        From 0 to 1; 0 where neither of both has an area.

    Examples
    --------
    >>> box_iou([(0, 0, 4, 2)], [(0, 0, 4, 2), (2, 0, 6, 2), (4, 0, 8, 2)]).round(3).tolist()
    [[1.0, 0.333, 0.0]]
    """
    ones, others = _as_boxes(a), _as_boxes(b)
    start = np.maximum(ones[:, np.newaxis, :2], others[np.newaxis, :, :2])
    stop = np.minimum(ones[:, np.newaxis, 2:], others[np.newaxis, :, 2:])
    sides = np.maximum(stop - start, 0)
    shared = sides[..., 0] * sides[..., 1]
    union = box_areas(ones)[:, np.newaxis] + box_areas(others) - shared
    iou: FloatArray = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return iou


def _as_boxes(values: npt.ArrayLike) -> FloatArray:
    # float32 would lose pixels of boxes far from the origin
    return np.asarray(values, dtype=np.float64).reshape(-1, 4)
