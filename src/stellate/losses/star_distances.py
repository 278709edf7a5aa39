"""Losses of the distances along rays, for star-convex polygons and polyhedra."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["star_distance_iou_loss", "star_distance_l1_loss"]


def star_distance_l1_loss(
    predicted: Tensor, target: Tensor, weight: Tensor, *, background: float = 1e-4
) -> Tensor:
    """StarDist's distance loss: mean absolute error weighted by object probability.

    Parameters
    ----------
    predicted, target
        ``(B, n_rays, *grid)`` in pixels.
    weight
        ``(B, 1, *grid)`` object probability in 0..1, negative where not known.
    background
        Weight of the pull of background distances towards 0.

    References
    ----------
    Schmidt et al. 2018, equation 2; regularisation of the background as in the StarDist package.
    """
    known = (weight >= 0).to(predicted.dtype)
    weight = weight.clamp(min=0)
    count = known.sum().clamp(min=1)
    error = (weight * (predicted - target).abs().mean(1, keepdim=True)).sum() / count
    pull = (known * (1 - weight) * predicted.abs().mean(1, keepdim=True)).sum() / count
    return error / (weight.sum() / count + 1e-7) + background * pull


def star_distance_iou_loss(predicted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """How badly two star-convex shapes with a common centre overlap, whatever their size.

    The area of a star-convex polygon of evenly spaced rays goes with the sum of its squared distances, so that
    the ratio of sum(min(d, d')^2) to sum(max(d, d')^2) is close to the IoU; its negative logarithm is the loss. For
    the volume of a polyhedron it is the sum of cubes. The relative error sum|d - d'| / sum(d') is added: it has a
    gradient also where a prediction is not above zero.

    Parameters
    ----------
    predicted, target
        ``(B, n_rays, *grid)`` in pixels; `grid` has two axes, or three for volumes.
    weight
        ``(B, 1, *grid)`` object probability in 0..1, negative where not known.

    References
    ----------
    Xie et al., PolarMask, CVPR 2020, equation 5 (there without the squares).
    """
    weight = weight.clamp(min=0)
    n_axes = predicted.ndim - 2
    inside = torch.minimum(predicted, target).clamp(min=1e-3).pow(n_axes).sum(1, keepdim=True)
    around = torch.maximum(predicted, target).clamp(min=1e-3).pow(n_axes).sum(1, keepdim=True)
    relative = (predicted - target).abs().sum(1, keepdim=True) / target.sum(1, keepdim=True).clamp(min=1)
    loss = (around / inside).log() + relative
    return (weight * loss).sum() / weight.sum().clamp(min=1e-7)
