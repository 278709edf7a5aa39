"""Which object each cell of a detector learns: those that the network itself does best at, class and box together.

Feng et al.: TOOD, Task-aligned One-stage Object Detection, ICCV 2021, sections 3.2 and 3.3.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.ops import box_iou

__all__ = ["Assignment", "assign_by_task"]


class Assignment(NamedTuple):
    """What the cells of an image learn.

    Attributes
    ----------
    objects
        ``(N,)`` int64, the object of each cell, -1 for none.
    weights
        ``(N,)`` from 0 to 1: how well the cell does at its object, over how well the best cell does, times the best IoU
        for the object; 0 for none. It is what the class is taught to be, and how much the box counts.
    """

    objects: Tensor
    weights: Tensor


def assign_by_task(
    scores: Tensor,
    boxes_xyxy: Tensor,
    points_xy: Tensor,
    true_xyxy: Tensor,
    true_classes: Tensor,
    *,
    most: int = 13,
    score_power: float = 1.0,
    iou_power: float = 6.0,
) -> Assignment:
    """Assign objects to the cells of an image.

    How well a cell does at an object is ``score ** score_power * iou ** iou_power``. Of the cells whose middle is
    inside an object's box, the `most` that do best are given the object; a cell that several would have gets the one
    that its box overlaps most. An object in which no middle lies is given to the nearest cell, so that none is lost.

    Parameters
    ----------
    scores
        ``(N, K)``, probability of each class at each cell.
    boxes_xyxy
        ``(N, 4)``, the box that each cell says, in pixels.
    points_xy
        ``(N, 2)``, middle of each cell in pixels at their edges.
    true_xyxy
        ``(G, 4)``, boxes of the objects, of an area above 0.
    true_classes
        ``(G,)`` int64.
    most
        Cells that are given an object at most; the paper's.
    score_power, iou_power
        The paper's.

    Returns
    -------
    Assignment
        Without gradients.
    """
    with torch.no_grad():
        n_cells, n_objects = len(points_xy), len(true_xyxy)
        nobody = torch.full((n_cells,), -1, dtype=torch.int64, device=scores.device)
        if not n_objects:
            return Assignment(nobody, scores.new_zeros(n_cells))
        ious = box_iou(true_xyxy, boxes_xyxy)  # (G, N)
        quality = scores[:, true_classes].T ** score_power * ious**iou_power
        candidates = _candidates(points_xy, true_xyxy)
        given = _best(quality, candidates, most)
        # of several objects, the one that the cell's box overlaps most
        objects = torch.where(given, ious, -1.0).argmax(dim=0)
        given &= torch.arange(n_objects, device=scores.device)[:, None] == objects
        quality = torch.where(given, quality, 0.0)
        best_quality, best_iou = quality.amax(dim=1), torch.where(given, ious, 0.0).amax(dim=1)
        scaled = (
            quality / best_quality.clamp_min(torch.finfo(quality.dtype).tiny)[:, None] * best_iou[:, None]
        )
        return Assignment(torch.where(given.any(dim=0), objects, nobody), scaled.amax(dim=0))


def _candidates(points_xy: Tensor, true_xyxy: Tensor) -> Tensor:
    """``(G, N)``: whether the middle of a cell is inside a box, or nearest to it where none is."""
    x, y = points_xy.T
    x1, y1, x2, y2 = (side[:, None] for side in true_xyxy.T)
    inside = (x > x1) & (x < x2) & (y > y1) & (y < y2)
    lost = ~inside.any(dim=1)
    if lost.any():
        middles = (true_xyxy[lost, :2] + true_xyxy[lost, 2:]) / 2
        nearest = torch.cdist(middles, points_xy).argmin(dim=1)
        inside[lost.nonzero()[:, 0], nearest] = True
    return inside


def _best(quality: Tensor, candidates: Tensor, most: int) -> Tensor:
    """``(G, N)``: the candidates that do best at each object, `most` of them or all there are."""
    among = torch.where(candidates, quality, -1.0)
    values, places = among.topk(min(most, among.shape[1]), dim=1)
    chosen = torch.zeros_like(candidates)
    chosen.scatter_(1, places, values >= 0)
    return chosen
