"""Cross-entropy where some of the elements are not known, so that they must not count."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

__all__ = ["masked_binary_cross_entropy", "weighted_cross_entropy"]


def masked_binary_cross_entropy(logits: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean binary cross-entropy where the target is known.

    Parameters
    ----------
    logits
        Any shape.
    target
        Same shape, in 0..1; negative where not known.
    weight
        Same shape, or None: how much each element counts.
    """
    known = (target >= 0).to(logits.dtype)
    loss = F.binary_cross_entropy_with_logits(logits, target.clamp(min=0), reduction="none")
    counted = known if weight is None else known * weight
    return (loss * counted).sum() / counted.sum().clamp(min=1)


def weighted_cross_entropy(
    logits: Tensor,
    target: Tensor,
    class_weights: Tensor | None = None,
    pixel_weights: Tensor | None = None,
) -> Tensor:
    """Mean cross-entropy over the known elements.

    Parameters
    ----------
    logits
        ``(B, n_classes, *spatial)``.
    target
        ``(B, *spatial)`` class ids; negative where not known.
    class_weights
        ``(n_classes,)`` or None.
    pixel_weights
        ``(B, *spatial)``, or None: the mean becomes the weighted mean, so that the loss keeps its range.
    """
    known = target >= 0
    if pixel_weights is None:
        loss = F.cross_entropy(logits, target.long(), weight=class_weights, ignore_index=-1, reduction="sum")
        return loss / known.sum().clamp(min=1)
    each = F.cross_entropy(logits, target.long(), weight=class_weights, ignore_index=-1, reduction="none")
    counted = pixel_weights * known
    return (each * counted).sum() / counted.sum().clamp(min=1e-6)
