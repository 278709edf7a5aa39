"""Losses of class maps: how far the class scores of pixels are from the classes that are annotated.

All of them see the same probabilities, the softmax of the network's outputs over the classes, which are also those that
prediction gives; so any sum of them pulls one way. Pixels that are not annotated have no part in them. The sums run
over all images of a batch together. Images and volumes are treated alike.

==========================  ====================================================================================
``cross-entropy``           Mean over the pixels of -log p of the annotated class.
``binary-cross-entropy``    The same of each class against all others, averaged over the classes; with two classes
                            it is the cross-entropy.
``dice``                    1 - 2 TP / (2 TP + FP + FN) of each class, averaged over the classes, where a pixel counts
                            with its probability (Milletari et al., V-Net, 3DV 2016, with sums in place of sums of
                            squares).
``tversky``                 1 - TP / (TP + alpha FP + beta FN), likewise (Salehi et al., MLMI 2017).
``focal``                   Cross-entropy times (1 - p)^gamma, which leaves out what is right already (Lin et al., ICCV
                            2017, for several classes).
==========================  ====================================================================================

With class weights, pixels count by the weight of their class (in cross-entropy and focal loss), or classes by their
weight in the average (in the others).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from ..errors import InputError
from .cross_entropy import masked_binary_cross_entropy, weighted_cross_entropy
from .terms import LossTerm

__all__ = ["PIXEL_WEIGHTED", "against_the_rest", "class_map_losses"]

IGNORED = -1

PIXEL_WEIGHTED = ("cross-entropy",)
"""The losses in which each pixel may have a weight of its own."""


def class_map_losses(
    terms: Sequence[LossTerm],
    logits: Tensor,
    target: Tensor,
    class_weights: Tensor | None = None,
    *,
    pixel_weights: Tensor | None = None,
) -> dict[str, Tensor]:
    """Losses of a batch by name, each times its weight; their sum is what training makes small.

    Parameters
    ----------
    terms
        From `stellate.losses.terms.parse_losses`.
    logits
        ``(B, n_classes, *spatial)``, any floating dtype; computed with in float32.
    target
        ``(B, *spatial)`` integers: class of each pixel, -1 where not annotated.
    class_weights
        ``(n_classes,)``, 0 or more, not all 0; None if classes count alike.
    pixel_weights
        ``(B, *spatial)``, 0 or more: how much each pixel counts in the losses `PIXEL_WEIGHTED`; None if all count
        alike.

    Returns
    -------
    dict
        Scalar float32 tensors; all 0 where nothing is annotated.

    Raises
    ------
    InputError
        If there are fewer than two classes, or the shapes do not fit.
    """
    n_classes = logits.shape[1]
    if n_classes < 2 or logits.shape[:1] + logits.shape[2:] != target.shape:
        raise InputError(
            "expected scores (B, 2 or more classes, *spatial) and classes (B, *spatial), got "
            f"{tuple(logits.shape)} and {tuple(target.shape)}"
        )
    if class_weights is not None and class_weights.shape != (n_classes,):
        raise InputError(f"{class_weights.numel()} class weights for {n_classes} classes; give one for each")
    if pixel_weights is not None and pixel_weights.shape != target.shape:
        raise InputError(
            f"pixel weights {tuple(pixel_weights.shape)} for classes {tuple(target.shape)}; give one for each pixel"
        )
    weights = None if class_weights is None else class_weights.to(logits.device, torch.float32)
    scores, classes = logits.float(), target.long()
    losses = {}
    for term in terms:
        if pixel_weights is not None and term.name in PIXEL_WEIGHTED:
            loss = weighted_cross_entropy(scores, classes, weights, pixel_weights)
        else:
            loss = _LOSSES[term.name](scores, classes, weights, term.options)
        losses[term.name] = term.weight * loss
    return losses


def against_the_rest(logits: Tensor) -> Tensor:
    """Scores of each class against all others together: the sigmoid of these is the softmax of the logits.

    Parameters
    ----------
    logits
        ``(B, n_classes, *spatial)``, two or more classes.

    Returns
    -------
    Tensor
        Same shape: z_c - log sum over k != c of exp z_k.
    """
    # The others are the total less oneself: log(1 - p) more. For a class with most of the total that difference may
    # round to nothing, so there the others are added up.
    total = logits.logsumexp(1, keepdim=True)
    p = (logits - total).exp()
    most = p > 0.75
    others_of_most = logits.masked_fill(most, -torch.inf).logsumexp(1, keepdim=True)
    others = torch.where(most, others_of_most, total + (-p.masked_fill(most, 0)).log1p())
    return logits - others


Options = Mapping[str, float]


def _cross_entropy(logits: Tensor, target: Tensor, weights: Tensor | None, options: Options) -> Tensor:
    return weighted_cross_entropy(logits, target, weights)


def _binary_cross_entropy(logits: Tensor, target: Tensor, weights: Tensor | None, options: Options) -> Tensor:
    classes = torch.arange(logits.shape[1], device=logits.device).view(-1, *[1] * (target.ndim - 1))
    is_it = (target[:, None] == classes).float()
    is_it = is_it.masked_fill(target[:, None] < 0, -1)
    by_class = None if weights is None else weights.view(classes.shape)
    return masked_binary_cross_entropy(against_the_rest(logits), is_it, by_class)


def _dice(logits: Tensor, target: Tensor, weights: Tensor | None, options: Options) -> Tensor:
    from monai.losses import DiceLoss  # takes seconds to import

    loss = DiceLoss(to_onehot_y=True, softmax=True, batch=True, reduction="none", ignore_index=IGNORED)
    return _class_mean(loss(logits, target[:, None]), weights)


def _tversky(logits: Tensor, target: Tensor, weights: Tensor | None, options: Options) -> Tensor:
    from monai.losses import TverskyLoss

    loss = TverskyLoss(
        to_onehot_y=True,
        softmax=True,
        batch=True,
        reduction="none",
        ignore_index=IGNORED,
        alpha=options["alpha"],
        beta=options["beta"],
    )
    return _class_mean(loss(logits, target[:, None]), weights)


def _focal(logits: Tensor, target: Tensor, weights: Tensor | None, options: Options) -> Tensor:
    from monai.losses import FocalLoss

    loss = FocalLoss(
        to_onehot_y=True, use_softmax=True, gamma=options["gamma"], weight=weights, ignore_index=IGNORED
    )
    mean: Tensor = loss(logits, target[:, None])
    return mean


def _class_mean(by_class: Tensor, weights: Tensor | None) -> Tensor:
    values = by_class.flatten()
    return values.mean() if weights is None else (values * weights).sum() / weights.sum()


_LOSSES: Mapping[str, Callable[[Tensor, Tensor, Tensor | None, Options], Tensor]] = {
    "cross-entropy": _cross_entropy,
    "binary-cross-entropy": _binary_cross_entropy,
    "dice": _dice,
    "tversky": _tversky,
    "focal": _focal,
}
