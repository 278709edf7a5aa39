"""Losses of boxes that are given as fractions of the image."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F
from torchvision.ops import box_convert, generalized_box_iou_loss

from ..errors import ConfigError

__all__ = ["BOX_LOSSES", "box_loss"]

BOX_LOSSES = ("l2", "smooth-l1", "giou")

SMOOTH_BELOW = 0.1
"""Errors below this, as fractions of the image, count by their square. Of errors that are at most 1 hardly any is above
1, where torch's own default begins to count them by themselves."""


def box_loss(name: str, predicted: Tensor, true: Tensor) -> Tensor:
    """Loss of boxes, the mean over the batch.

    Parameters
    ----------
    name
        ``"l2"``: half the sum of the squared differences of the four numbers; ``"smooth-l1"``: the sum of the
        differences, squared below `SMOOTH_BELOW` (Girshick, Fast R-CNN, ICCV 2015); ``"giou"``: 1 - GIoU (Rezatofighi
        et al., CVPR 2019).
    predicted, true
        ``(B, 4)``: centre x, centre y, width and height as fractions of the image.

    Returns
    -------
    Tensor
        Scalar.

    Raises
    ------
    ConfigError
        If there is no such loss.

    Examples
    --------
    >>> import torch
    >>> one, other = torch.tensor([[0.5, 0.5, 0.2, 0.2]]), torch.tensor([[0.5, 0.7, 0.2, 0.4]])
    >>> round(float(box_loss("l2", one, other)), 3)
    0.04
    """
    if name == "l2":
        return 0.5 * (predicted - true).square().sum(dim=1).mean()
    if name == "smooth-l1":
        return F.smooth_l1_loss(predicted, true, beta=SMOOTH_BELOW, reduction="none").sum(dim=1).mean()
    if name == "giou":
        corners = (box_convert(boxes, "cxcywh", "xyxy") for boxes in (predicted, true))
        mean: Tensor = generalized_box_iou_loss(*corners, reduction="mean")
        return mean
    raise ConfigError(f"box_loss {name!r}: there are {', '.join(BOX_LOSSES)}")
