"""Losses of class maps against NumPy by the formulas of the papers; what is not annotated has no part in them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from stellate.errors import InputError
from stellate.losses.class_maps import against_the_rest, class_map_losses
from stellate.losses.terms import OPTIONS, parse_losses

SHAPES = [(5, 6), (3, 4, 5)]
NAMES = list(OPTIONS)
WEIGHTS = (0.5, 2.0, 1.5)


def batch(shape: tuple[int, ...], n: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = rng.integers(-1, n, (2, *shape))
    target[1][target[1] == n - 1] = 0
    return rng.normal(0, 2, (2, n, *shape)), target


def loss(text: str, logits: np.ndarray, target: np.ndarray, weights: tuple | None = None) -> float:
    values = class_map_losses(
        parse_losses(text),
        torch.tensor(logits, dtype=torch.float32),
        torch.tensor(target),
        None if weights is None else torch.tensor(weights),
    )
    return sum(v.item() for v in values.values())


def by_formula(name: str, logits: np.ndarray, target: np.ndarray, weights: tuple | None) -> float:
    """Over lists of known pixels: probabilities ``(m, n)`` and classes ``(m,)``."""
    n = logits.shape[1]
    known = target >= 0
    z, t = np.moveaxis(logits, 1, -1)[known], target[known]
    p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    y = np.eye(n)[t]
    w = np.ones(n) if weights is None else np.array(weights)
    right = p[np.arange(len(t)), t]
    tp, fp, fn = (p * y).sum(0), (p * (1 - y)).sum(0), ((1 - p) * y).sum(0)
    each = y * np.log(p) + (1 - y) * np.log(1 - p)
    return {
        "cross-entropy": -(w[t] * np.log(right)).mean(),
        "binary-cross-entropy": -(each @ w).sum() / (w.sum() * len(t)),
        "dice": ((1 - 2 * tp / (2 * tp + fp + fn)) * w).sum() / w.sum(),
        "tversky": ((1 - tp / (tp + 0.3 * fp + 0.7 * fn)) * w).sum() / w.sum(),
        "focal": -(w[t] * (1 - right) ** 2 * np.log(right)).mean(),
    }[name]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("shape", SHAPES)
def test_each_is_what_its_formula_says(name, weights, shape):
    logits, target = batch(shape)
    assert loss(name, logits, target, weights) == pytest.approx(
        by_formula(name, logits, target, weights), rel=1e-5
    )


def test_worked_example():
    """One pixel of either class, found with the probabilities 3/4 and 1/4."""
    logits = np.log(np.array([[[[3.0, 3.0]], [[1.0, 1.0]]]]))
    target = np.array([[[0, 1]]])
    assert loss("cross-entropy", logits, target) == pytest.approx(-(math.log(0.75) + math.log(0.25)) / 2)
    assert loss("dice", logits, target) == pytest.approx(1 - (1.5 / 2.5 + 0.5 / 1.5) / 2, rel=1e-4)
    expected = 1 - (0.75 / (0.75 + 0.25 * 0.75 + 0.25) + 0.25 / (0.25 + 0.25 * 0.25 + 0.75)) / 2
    assert loss("tversky(alpha=0.25, beta=1)", logits, target) == pytest.approx(expected, rel=1e-4)
    expected = -(0.25**3 * math.log(0.75) + 0.75**3 * math.log(0.25)) / 2
    assert loss("focal(gamma=3)", logits, target) == pytest.approx(expected)


def test_relatives():
    logits, target = batch((5, 6))
    entropy = loss("cross-entropy", logits, target, WEIGHTS)
    assert loss("focal(gamma=0)", logits, target, WEIGHTS) == pytest.approx(entropy)
    dice = loss("dice", logits, target, WEIGHTS)
    assert loss("tversky(alpha=0.5, beta=0.5)", logits, target, WEIGHTS) == pytest.approx(dice, rel=1e-4)
    logits, target = batch((5, 6), n=2)
    assert loss("binary-cross-entropy", logits, target) == pytest.approx(
        loss("cross-entropy", logits, target)
    )


@pytest.mark.parametrize("shape", SHAPES)
def test_a_sum_is_the_sum_of_its_parts(shape):
    logits, target = batch(shape)
    terms = parse_losses("+".join(f"{k + 0.5}*{name}" for k, name in enumerate(NAMES)))
    parts = class_map_losses(terms, torch.tensor(logits), torch.tensor(target))
    assert list(parts) == NAMES
    for k, name in enumerate(NAMES):
        assert parts[name].shape == ()
        assert parts[name].item() == pytest.approx((k + 0.5) * loss(name, logits, target))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", SHAPES)
def test_pixels_that_nobody_annotated_have_no_part(name, shape):
    logits, target = batch(shape)
    other = logits + (target[:, None] < 0) * np.random.default_rng(1).normal(0, 5, logits.shape)
    values, slopes = [], []
    for z in (logits, other):
        scores = torch.tensor(z, dtype=torch.float32, requires_grad=True)
        (value,) = class_map_losses(parse_losses(name), scores, torch.tensor(target)).values()
        value.backward()
        values.append(value.item())
        slopes.append(scores.grad.numpy())
    assert values[0] == values[1]
    assert np.array_equal(slopes[0], slopes[1])
    unknown = np.broadcast_to(target[:, None] < 0, logits.shape)
    assert not slopes[0][unknown].any()
    assert (slopes[0][~unknown] != 0).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0.0, 90.0, -90.0])
def test_nothing_annotated_is_no_loss(name, value):
    scores = torch.full((1, 3, 2, 2), value, requires_grad=True)
    (of,) = class_map_losses(parse_losses(name), scores, torch.full((1, 2, 2), -1)).values()
    of.backward()
    assert of.item() == 0
    assert not scores.grad.any()


@pytest.mark.parametrize("name", NAMES)
def test_descent_finds_the_annotation(name):
    _, target = batch((5, 6), seed=3)
    truth = torch.tensor(target)
    scores = torch.zeros((2, 3, 5, 6), requires_grad=True)
    optimiser = torch.optim.Adam([scores], lr=0.3)
    first = None
    for _ in range(60):
        (value,) = class_map_losses(parse_losses(name), scores, truth).values()
        first = value.item() if first is None else first
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
    assert value.item() < 0.05 * first
    assert torch.equal(scores.argmax(1)[truth >= 0], truth[truth >= 0])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_far_off_scores_have_finite_losses_and_slopes(name, dtype):
    scores = torch.tensor([[200.0, -200.0, 0.0], [-200.0, 200.0, 0.0]], dtype=dtype).reshape(2, 3, 1, 1)
    scores = scores.expand(2, 3, 100, 100).clone().requires_grad_()
    target = torch.tensor([1, 1]).reshape(2, 1, 1).expand(2, 100, 100)
    (value,) = class_map_losses(parse_losses(name), scores, target).values()
    value.backward()
    assert value.dtype == torch.float32
    assert math.isfinite(value.item())
    assert torch.isfinite(scores.grad).all()


@pytest.mark.parametrize("n", [2, 3, 7])
def test_scores_against_the_rest_have_the_probabilities_of_softmax(n):
    rng = np.random.default_rng(n)
    logits = torch.tensor(rng.normal(0, 3, (2, n, 4, 3)), requires_grad=True)
    got = against_the_rest(logits)
    assert torch.allclose(got.sigmoid(), logits.softmax(1), atol=1e-12)
    others = [torch.cat([logits[:, :c], logits[:, c + 1 :]], 1).logsumexp(1) for c in range(n)]
    expected = logits - torch.stack(others, 1)
    probe = torch.tensor(rng.normal(size=logits.shape))
    slopes = [torch.autograd.grad((scores * probe).sum(), logits)[0] for scores in (got, expected)]
    assert torch.allclose(got, expected, atol=1e-12)
    assert torch.allclose(*slopes, atol=1e-12)


def test_shapes_that_do_not_fit_are_refused():
    terms = parse_losses("dice")
    with pytest.raises(InputError, match=r"got \(1, 1, 2, 2\) and \(1, 2, 2\)"):
        class_map_losses(terms, torch.zeros(1, 1, 2, 2), torch.zeros(1, 2, 2))
    with pytest.raises(InputError, match=r"got \(1, 2, 2, 2\) and \(1, 2, 3\)"):
        class_map_losses(terms, torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 3))
    with pytest.raises(InputError, match="3 class weights for 2 classes; give one for each"):
        class_map_losses(terms, torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2), torch.ones(3))


def test_pixel_weights_of_another_shape_are_refused() -> None:
    logits, target = torch.zeros(1, 2, 4, 4), torch.zeros(1, 4, 4, dtype=torch.long)
    with pytest.raises(InputError, match="give one for each pixel"):
        class_map_losses(parse_losses("cross-entropy"), logits, target, pixel_weights=torch.ones(1, 4, 5))


def test_equal_pixel_weights_change_nothing() -> None:
    torch.manual_seed(0)
    logits, target = torch.randn(2, 3, 5, 5), torch.randint(-1, 3, (2, 5, 5))
    terms, classes = parse_losses("cross-entropy+dice"), torch.tensor([1.0, 2.0, 0.5])
    plain = class_map_losses(terms, logits, target, classes)
    weighted = class_map_losses(terms, logits, target, classes, pixel_weights=torch.full((2, 5, 5), 4.0))
    for name, loss in plain.items():
        torch.testing.assert_close(weighted[name], loss)
