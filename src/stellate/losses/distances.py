"""Distances that a network says as distributions: how likely each of 0, 1, 2, ... is (Li et al., NeurIPS 2020)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["distribution_focal_loss", "expected_distances"]


def expected_distances(logits: Tensor) -> Tensor:
    """Means of distributions over 0, 1, 2, ...

    Parameters
    ----------
    logits
        ``(..., bins)``.

    Returns
    -------
    Tensor
        ``(...)``.

    Examples
    --------
    >>> expected_distances(torch.tensor([0.0, 0.0, 0.0]))
    tensor(1.)
    """
    bins = torch.arange(logits.shape[-1], dtype=logits.dtype, device=logits.device)
    return (logits.softmax(dim=-1) * bins).sum(dim=-1)


def distribution_focal_loss(logits: Tensor, distances: Tensor) -> Tensor:
    """Cross-entropy against the two whole numbers on both sides of a distance, each weighed by how near it is.

    Parameters
    ----------
    logits
        ``(..., bins)``.
    distances
        ``(...)``, from 0; those beyond the last bin count as nearly that.

    Returns
    -------
    Tensor
        ``(...)``.
    """
    last = logits.shape[-1] - 1
    inside = distances.clamp(0, last - 0.01)
    below = inside.long()
    share = inside - below
    each = F.log_softmax(logits, dim=-1)
    lower = each.gather(-1, below[..., None])[..., 0]
    upper = each.gather(-1, below[..., None] + 1)[..., 0]
    return -(lower * (1 - share) + upper * share)
