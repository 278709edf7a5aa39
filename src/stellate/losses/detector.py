"""Losses of a detector whose cells learn what `stellate.losses.assignment` gives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import complete_box_iou_loss

from .assignment import Assignment, assign_by_task
from .distances import distribution_focal_loss

__all__ = ["CellPredictions", "detector_losses"]


class CellPredictions(NamedTuple):
    """What the cells of a batch say.

    Attributes
    ----------
    classes
        ``(B, N, K)`` logits.
    sides
        ``(B, N, 4, bins)`` logits of the distances of left, top, right and bottom, in cells.
    boxes_xyxy
        ``(B, N, 4)``, the boxes that follow from them, in pixels.
    points_xy
        ``(N, 2)``, middles of the cells in pixels.
    sizes
        ``(N,)``, pixels per cell.
    """

    classes: Tensor
    sides: Tensor
    boxes_xyxy: Tensor
    points_xy: Tensor
    sizes: Tensor


def detector_losses(
    said: CellPredictions, true_xyxy: Sequence[Tensor], true_classes: Sequence[Tensor]
) -> dict[str, Tensor]:
    """The losses of a batch by name, not yet weighted.

    Parameters
    ----------
    said
        What the cells say.
    true_xyxy, true_classes
        Of each image the boxes of its objects ``(G, 4)`` in pixels, of an area above 0, and their classes ``(G,)``
        int64. G may be 0.

    Returns
    -------
    dict
        ``class``: binary cross-entropy of every class at every cell; what a cell is taught is how well it does at its
        object (Feng et al., ICCV 2021). ``box``: 1 - CIoU (Zheng et al., AAAI 2020), and ``sides``: the focal loss of
        the distributions (Li et al., NeurIPS 2020), both weighed by the same. Each is a sum over the batch, over the
        sum of these weights.
    """
    taught = torch.zeros_like(said.classes, dtype=torch.float32)
    of_box, of_sides = [], []
    total = said.classes.new_zeros((), dtype=torch.float32)
    for k, (boxes, classes) in enumerate(zip(true_xyxy, true_classes, strict=True)):
        found = _assigned(said, k, boxes, classes)
        cells = (found.objects >= 0).nonzero()[:, 0]
        weights = found.weights[cells]
        taught[k, cells, classes[found.objects[cells]]] = weights
        total = total + weights.sum()
        own = boxes[found.objects[cells]]
        of_box.append((complete_box_iou_loss(said.boxes_xyxy[k, cells].float(), own) * weights).sum())
        of_sides.append((_of_sides(said, k, cells, own) * weights).sum())
    share = 1 / total.clamp_min(1.0)
    of_classes = F.binary_cross_entropy_with_logits(said.classes.float(), taught, reduction="sum")
    return {
        "class": of_classes * share,
        "box": torch.stack(of_box).sum() * share,
        "sides": torch.stack(of_sides).sum() * share,
    }


def _assigned(said: CellPredictions, k: int, boxes: Tensor, classes: Tensor) -> Assignment:
    scores = said.classes[k].detach().float().sigmoid()
    return assign_by_task(scores, said.boxes_xyxy[k].detach().float(), said.points_xy, boxes, classes)


def _of_sides(said: CellPredictions, k: int, cells: Tensor, own: Tensor) -> Tensor:
    """Loss of the distributions of some cells, ``(n,)``, the mean over the four sides."""
    points, sizes = said.points_xy[cells], said.sizes[cells, None]
    distances = torch.cat([points - own[:, :2], own[:, 2:] - points], dim=1) / sizes
    return distribution_focal_loss(said.sides[k, cells].float(), distances).mean(dim=1)
