"""Classification: targets, losses and what comes out of a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from stellate.data.samples import Sample
from stellate.errors import ConfigError
from stellate.geometry.tiles import Tile
from stellate.results import Scores
from stellate.tasks.classification import ClassificationTask

NAMES = ("round", "long", "other")


@dataclass(frozen=True)
class Config:
    n_classes: int = 3


class Says(nn.Module):
    """A network that always says the same."""

    def __init__(self, **output: Tensor) -> None:
        super().__init__()
        self.output = output

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return self.output


def task(names: tuple[str, ...] = NAMES, **settings: Any) -> ClassificationTask:
    return ClassificationTask.for_network(Config(), settings, names)


def cross_entropy(logits: Any, true: Any, smoothing: float = 0.0, weights: Any = (1, 1, 1)) -> float:
    """By its definition: what is held for true, times the logarithms of the probabilities, weighted by class."""
    logits, weights = np.asarray(logits, float), np.asarray(weights, float)
    log = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    held = np.eye(logits.shape[1])[true] * (1 - smoothing) + smoothing / logits.shape[1]
    return float(-(held * weights * log).sum() / weights[true].sum())


LOGITS = [[2.0, 0.5, -1.0], [0.1, 0.2, 3.0], [0.0, 0.0, 0.0], [-1.0, 4.0, 0.5]]
TRUE = [0, 2, 1, 0]


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("weights", [(), (1.0, 2.0, 0.5)])
def test_loss_is_cross_entropy_by_its_definition(smoothing: float, weights: tuple[float, ...]) -> None:
    of = task(label_smoothing=smoothing, class_weights=weights)
    batch = {"image": torch.zeros(4, 1, 2, 2), "class": torch.tensor(TRUE)}
    losses = of.loss(Says(classes=torch.tensor(LOGITS)), batch)
    assert list(losses) == ["class"]
    assert losses["class"].item() == pytest.approx(
        cross_entropy(LOGITS, TRUE, smoothing, weights or (1, 1, 1))
    )


def test_small_classifiers_on_the_way_are_added_with_their_weight() -> None:
    of = task(label_smoothing=0.0, auxiliary_weight=0.3)
    batch = {"image": torch.zeros(4, 1, 2, 2), "class": torch.tensor(TRUE)}
    others = [[row[::-1] for row in LOGITS], [[0.0, 1.0, 2.0]] * 4]
    auxiliary = torch.tensor(others).transpose(0, 1)  # (B, n, n_classes)
    losses = of.loss(Says(classes=torch.tensor(LOGITS), auxiliary=auxiliary), batch)
    expected = 0.3 * sum(cross_entropy(logits, TRUE) for logits in others)
    assert losses["auxiliary"].item() == pytest.approx(expected)
    assert losses["class"].item() == pytest.approx(cross_entropy(LOGITS, TRUE))


@pytest.mark.parametrize("k", range(3))
def test_the_class_comes_back_under_its_name(k: int) -> None:
    of = task()
    sample = Sample(np.zeros((1, 2, 2), np.float32), Scores(np.eye(3, dtype=np.float32)[k], NAMES))
    target: Any = of.target(sample)["class"]
    assert target.shape == ()
    assert target.dtype == np.int64
    logits = torch.full((3,), -5.0)
    logits[int(target)] = 5.0
    result = of.merge([of.decode({"classes": logits}, Tile.whole((2, 2)))])
    assert result.class_names[int(result.probabilities.argmax())] == NAMES[k]
    assert result.probabilities.dtype == np.float32


def test_probabilities_are_those_of_the_logits_even_if_these_are_large() -> None:
    of = task()
    found = of.merge([of.decode({"classes": torch.tensor([1000.0, 999.0, -1000.0])}, Tile.whole((2, 2)))])
    np.testing.assert_allclose(found.probabilities, [1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1)), 0], rtol=1e-6)


def test_scores_count_what_is_right() -> None:
    truths = [Scores(np.eye(3, dtype=np.float32)[k], NAMES) for k in (0, 1, 2, 2)]
    found = [Scores(np.eye(3, dtype=np.float32)[k], NAMES) for k in (0, 1, 2, 1)]
    assert task().score(found, truths).accuracy == 0.75


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"label_smothing": 0.1}, r"no setting 'label_smothing'; did you mean 'label_smoothing'"),
        ({"class_names": ("a",)}, r"no setting 'class_names'"),
        ({"label_smoothing": 1}, r"label_smoothing 1: expected a number from 0 to 0.99"),
        ({"label_smoothing": True}, r"label_smoothing True: expected a number"),
        ({"auxiliary_weight": float("nan")}, r"auxiliary_weight nan: expected a number"),
        ({"class_weights": (1, 2)}, r"class_weights \(1, 2\): expected 3 numbers.*round, long, other"),
        ({"class_weights": "balanced"}, r"class_weights 'balanced': expected 3 numbers"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        task(**settings)


def test_there_is_a_name_for_each_class() -> None:
    assert task(()).class_names == ("class 0", "class 1", "class 2")
    with pytest.raises(ConfigError, match=r"2 names of classes for a network of 3; give one for each"):
        task(("a", "b"))
