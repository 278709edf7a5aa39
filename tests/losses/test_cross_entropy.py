"""Cross-entropy of what is known, against plain NumPy on small arrays."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stellate.losses import masked_binary_cross_entropy, weighted_cross_entropy


def test_cross_entropy_is_the_mean_over_known_elements() -> None:
    rng = np.random.default_rng(0)
    logits, target = rng.normal(size=(3, 7)), rng.uniform(size=(3, 7))
    target[0, :4] = -1
    p = 1 / (1 + np.exp(-logits))
    each = -(target * np.log(p) + (1 - target) * np.log(1 - p))
    loss = masked_binary_cross_entropy(torch.tensor(logits), torch.tensor(target))
    assert loss.item() == pytest.approx(each[target >= 0].mean())


def test_cross_entropy_of_nothing_known_is_zero() -> None:
    assert masked_binary_cross_entropy(torch.zeros(3, 3), torch.full((3, 3), -1.0)).item() == 0


def test_class_loss_counts_known_pixels_only() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(2, 3, 4, 4))
    target = rng.integers(-1, 3, (2, 4, 4))
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    picked = np.take_along_axis(log_p, np.maximum(target, 0)[:, None], 1)[:, 0]
    expected = -picked[target >= 0].mean()
    assert weighted_cross_entropy(torch.tensor(logits), torch.tensor(target)).item() == pytest.approx(
        expected
    )
