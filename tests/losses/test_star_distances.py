"""Losses of distances against plain NumPy on small arrays."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stellate.losses import star_distance_iou_loss, star_distance_l1_loss


def arrays(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    predicted = rng.normal(5, 3, (2, 8, 4, 5))
    target = rng.uniform(0.5, 12, (2, 8, 4, 5))
    weight = rng.uniform(0, 1, (2, 1, 4, 5))
    weight[0, 0, :2] = 0
    weight[1, 0, 3] = -1
    return predicted, target, weight


def test_distance_loss_is_the_one_of_stardist() -> None:
    predicted, target, weight = arrays()
    known = weight >= 0
    w = np.maximum(weight, 0)
    n = known.sum()
    error = (w * np.abs(predicted - target).mean(1, keepdims=True)).sum() / n
    background = (known * (1 - w) * np.abs(predicted).mean(1, keepdims=True)).sum() / n
    expected = error / (w.sum() / n + 1e-7) + 1e-4 * background
    loss = star_distance_l1_loss(*(torch.tensor(a) for a in (predicted, target, weight)))
    assert loss.item() == pytest.approx(expected)


def test_distance_loss_ignores_what_is_not_known() -> None:
    predicted, target, weight = arrays()
    changed = predicted.copy()
    changed[1, :, 3] += 100
    for loss in (star_distance_l1_loss, star_distance_iou_loss):
        values = [loss(*(torch.tensor(a) for a in (p, target, weight))).item() for p in (predicted, changed)]
        assert values[0] == values[1]


def test_overlap_loss_of_concentric_circles_is_their_overlap() -> None:
    inner, outer = torch.full((1, 32, 1, 1), 6.0), torch.full((1, 32, 1, 1), 8.0)
    expected = -np.log(36 / 64) + abs(6 - 8) / 8
    assert star_distance_iou_loss(inner, outer, torch.ones(1, 1, 1, 1)).item() == pytest.approx(
        expected, rel=1e-6
    )


def test_overlap_loss_of_concentric_balls_is_their_overlap() -> None:
    inner, outer = torch.full((1, 32, 1, 1, 1), 6.0), torch.full((1, 32, 1, 1, 1), 8.0)
    expected = -np.log(6**3 / 8**3) + abs(6 - 8) / 8
    loss = star_distance_iou_loss(inner, outer, torch.ones(1, 1, 1, 1, 1))
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_overlap_loss_does_not_depend_on_size() -> None:
    predicted, target, weight = (torch.tensor(a) for a in arrays())
    predicted = predicted.clamp(min=0.5)
    small = star_distance_iou_loss(predicted, target, weight)
    large = star_distance_iou_loss(10 * predicted, 10 * target, weight)
    # a background target narrower than a pixel counts as one pixel wide, hence not exactly
    assert large.item() == pytest.approx(small.item(), rel=1e-3)


def test_overlap_loss_pulls_negative_predictions_up() -> None:
    predicted = torch.full((1, 32, 1, 1), -4.0, requires_grad=True)
    star_distance_iou_loss(predicted, torch.full((1, 32, 1, 1), 5.0), torch.ones(1, 1, 1, 1)).backward()
    assert predicted.grad is not None
    assert (predicted.grad < 0).all()
