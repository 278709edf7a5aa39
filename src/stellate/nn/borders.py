"""What lies beyond the border of an image: its mirror image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["mirror"]


def mirror(image: Tensor, margins: Sequence[tuple[int, int]]) -> Tensor:
    """Continue a batch of images beyond their borders by reflection, without repeating the pixels at the border.

    Parameters
    ----------
    image
        ``(B, C, *spatial)``.
    margins
        Pixels to add before and after each spatial axis; any number of them: a mirror is seen in the opposite one.

    Returns
    -------
    Tensor
        ``(B, C, *larger)``.

    Examples
    --------
    >>> mirror(torch.tensor([[[1, 2, 3]]]), [(2, 4)]).tolist()
    [[[3, 2, 1, 2, 3, 2, 1, 2, 3]]]
    """
    for axis, (before, after) in enumerate(margins, start=2):
        if before or after:
            size = image.shape[axis]
            period = max(1, 2 * (size - 1))
            index = torch.arange(-before, size + after, device=image.device) % period
            image = image.index_select(axis, torch.minimum(index, period - index).clamp(max=size - 1))
    return image
