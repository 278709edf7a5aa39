from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from stellate.losses.distances import distribution_focal_loss, expected_distances


def test_a_distance_between_two_bins_is_shared_by_them() -> None:
    logits = torch.log(torch.tensor([0.1, 0.2, 0.3, 0.4]))
    found = distribution_focal_loss(logits, torch.tensor(1.25))
    assert float(found) == pytest.approx(-(0.75 * math.log(0.2) + 0.25 * math.log(0.3)))
    assert float(distribution_focal_loss(logits, torch.tensor(2.0))) == pytest.approx(-math.log(0.3))


def test_distances_beyond_the_last_bin_count_as_nearly_that() -> None:
    logits = torch.log(torch.tensor([0.1, 0.2, 0.7]))
    far = distribution_focal_loss(logits.expand(3, -1), torch.tensor([2.0, 50.0, -3.0]))
    last = -(0.01 * math.log(0.2) + 0.99 * math.log(0.7))
    assert far.tolist() == pytest.approx([last, last, -math.log(0.1)], abs=1e-4)


def test_expected_distances_are_means() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 3, 5)).astype(np.float32)
    shares = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    expected = (shares * np.arange(5)).sum(axis=-1)
    assert expected_distances(torch.from_numpy(logits)).numpy() == pytest.approx(expected, abs=1e-5)


def test_the_loss_leads_to_the_distance() -> None:
    logits = torch.zeros(8, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.2)
    for _ in range(300):
        loss = distribution_focal_loss(logits, torch.tensor(4.3))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(expected_distances(logits.detach())) == pytest.approx(4.3, abs=0.05)
