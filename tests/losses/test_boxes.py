"""Losses of boxes against worked examples, and against plain NumPy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

from stellate.errors import ConfigError
from stellate.losses.boxes import BOX_LOSSES, SMOOTH_BELOW, box_loss

FloatArray = npt.NDArray[np.float64]


def l2(one: FloatArray, other: FloatArray) -> float:
    return float(0.5 * ((one - other) ** 2).sum())


def smooth_l1(one: FloatArray, other: FloatArray) -> float:
    far = np.abs(one - other)
    return float(np.where(far < SMOOTH_BELOW, 0.5 * far**2 / SMOOTH_BELOW, far - 0.5 * SMOOTH_BELOW).sum())


def giou(one: FloatArray, other: FloatArray) -> float:
    (x1, y1, w1, h1), (x2, y2, w2, h2) = one, other
    wide = max(0.0, min(x1 + w1 / 2, x2 + w2 / 2) - max(x1 - w1 / 2, x2 - w2 / 2))
    high = max(0.0, min(y1 + h1 / 2, y2 + h2 / 2) - max(y1 - h1 / 2, y2 - h2 / 2))
    union = w1 * h1 + w2 * h2 - wide * high
    around = (max(x1 + w1 / 2, x2 + w2 / 2) - min(x1 - w1 / 2, x2 - w2 / 2)) * (
        max(y1 + h1 / 2, y2 + h2 / 2) - min(y1 - h1 / 2, y2 - h2 / 2)
    )
    return 1 - (wide * high / union - (around - union) / around)


PLAIN = {"l2": l2, "smooth-l1": smooth_l1, "giou": giou}


@pytest.mark.parametrize("name", BOX_LOSSES)
def test_mean_over_the_batch_of_what_plain_numpy_gives(name: str) -> None:
    rng = np.random.default_rng(0)
    one, other = (
        np.column_stack([rng.uniform(0.2, 0.8, (20, 2)), rng.uniform(0.02, 0.5, (20, 2))]) for _ in "ab"
    )
    other[:5, :2] = one[:5, :2]  # some one inside the other
    found = box_loss(name, torch.from_numpy(one), torch.from_numpy(other))
    expected = np.mean([PLAIN[name](a, b) for a, b in zip(one, other, strict=True)])
    assert found.item() == pytest.approx(expected, rel=1e-5)
    assert box_loss(name, torch.from_numpy(one), torch.from_numpy(one)).item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "expected"),
    # side by side, a gap between them of their own width, in a box of 0.3 x 0.1 around both
    [("l2", 0.5 * 0.2**2), ("smooth-l1", 0.2 - 0.05), ("giou", 1 + 1 / 3)],
)
def test_two_boxes_with_a_gap(name: str, expected: float) -> None:
    one, other = torch.tensor([[0.2, 0.5, 0.1, 0.1]]), torch.tensor([[0.4, 0.5, 0.1, 0.1]])
    assert box_loss(name, one, other).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", BOX_LOSSES)
def test_going_down_it_leads_to_the_box_from_afar(name: str) -> None:
    box = torch.tensor([[0.2, 0.2, 0.1, 0.1]], dtype=torch.float64, requires_grad=True)
    true = torch.tensor([[0.7, 0.6, 0.2, 0.3]], dtype=torch.float64)
    optimizer = torch.optim.Adam([box], lr=0.01)
    for _ in range(400):
        optimizer.zero_grad()
        box_loss(name, box, true).backward()
        assert box.grad is not None
        assert box.grad.isfinite().all()
        optimizer.step()
    torch.testing.assert_close(box.detach(), true, atol=0.03, rtol=0)


def test_other_losses_are_not_known() -> None:
    with pytest.raises(ConfigError, match=r"box_loss 'l1': there are l2, smooth-l1, giou"):
        box_loss("l1", torch.zeros(1, 4), torch.zeros(1, 4))
