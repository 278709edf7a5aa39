"""Localization: a box goes to the network's fractions and comes back in the pixels of the user's image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from stellate.data.fitting import Fit
from stellate.data.samples import Sample
from stellate.errors import ConfigError, InputError
from stellate.geometry.tiles import Tile
from stellate.losses.boxes import box_loss
from stellate.results import Boxes
from stellate.tasks.localization import LocalizationTask

NAMES = ("round", "long")


@dataclass(frozen=True)
class Config:
    n_classes: int = 2


class Says(nn.Module):
    """A network that always says the same."""

    def __init__(self, **output: Tensor) -> None:
        super().__init__()
        self.output = output

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        return self.output


def task(names: tuple[str, ...] = NAMES, **settings: Any) -> LocalizationTask:
    return LocalizationTask.for_network(Config(len(names)), settings, names)


def sample(box: Any, size: tuple[int, int], class_id: int = 0, names: tuple[str, ...] = NAMES) -> Sample:
    boxes = np.array(box, np.float32).reshape(-1, 4)
    annotation = Boxes(boxes, np.full(len(boxes), class_id, np.int32), names)
    return Sample(np.zeros((1, *size), np.float32), annotation)


def test_target_is_in_fractions_of_what_the_network_sees() -> None:
    target: Any = task().target(sample([10, 20, 30, 30], (40, 80), 1))
    np.testing.assert_allclose(target["box"], [20 / 80, 25 / 40, 20 / 80, 10 / 40])
    assert target["box"].dtype == np.float32
    assert (target["class"], target["class"].dtype) == (1, np.int64)


@given(
    shape=st.tuples(st.integers(2, 3000), st.integers(2, 3000)),
    size=st.sampled_from([(64, 64), (224, 96), (32, 160)]),
    share=st.tuples(*[st.floats(0, 1)] * 4),
    class_id=st.integers(0, 1),
)
def test_a_box_comes_back_through_scale_and_padding(
    shape: tuple[int, int], size: tuple[int, int], share: tuple[float, ...], class_id: int
) -> None:
    rows, columns = shape
    x1, y1 = share[0] * (columns - 1), share[1] * (rows - 1)
    box = np.array([x1, y1, x1 + 1 + share[2] * (columns - 1 - x1), y1 + 1 + share[3] * (rows - 1 - y1)])
    fit = Fit(shape, size)
    target: Any = task().target(sample(box * fit.scale, size, class_id))
    logits = torch.zeros(2)
    logits[int(target["class"])] = 3.0
    output = {"box": torch.from_numpy(target["box"]), "classes": logits}
    result = task().merge([task().decode(output, fit.tile)])
    np.testing.assert_allclose(result.boxes_xyxy[0], box, atol=1e-3 * max(shape))
    assert result.boxes_xyxy.dtype == np.float32
    assert result.classes.tolist() == [class_id]
    assert result.class_names == NAMES
    assert result.scores is not None
    assert result.scores.tolist() == pytest.approx([1 / (1 + np.exp(-3))])


def test_a_box_that_reaches_beyond_the_image_ends_there() -> None:
    """The image is twice as wide as high, so that half of what the network sees is filled up."""
    fit = Fit((50, 100), (64, 64))
    output = {"box": torch.tensor([0.9, 0.6, 0.4, 0.4]), "classes": torch.zeros(2)}
    found = task().merge([task().decode(output, fit.tile)])
    np.testing.assert_allclose(found.boxes_xyxy, [[70, 40, 100, 50]], atol=1e-3)


@pytest.mark.parametrize("boxes", [[], [[1, 1, 2, 2], [3, 3, 4, 4]]])
def test_exactly_one_box_is_learned(boxes: list[list[float]]) -> None:
    with pytest.raises(InputError, match=rf"{len(boxes)} boxes in an image of which exactly one"):
        task().target(sample(boxes, (8, 8)))


BOXES = torch.tensor([[0.5, 0.5, 0.2, 0.2], [0.3, 0.4, 0.1, 0.3]])
TRUE_BOXES = torch.tensor([[0.5, 0.6, 0.2, 0.4], [0.3, 0.5, 0.2, 0.3]])


def batch(classes: list[int]) -> dict[str, Tensor]:
    return {"image": torch.zeros(2, 1, 4, 4), "class": torch.tensor(classes), "box": TRUE_BOXES}


@pytest.mark.parametrize("name", ["l2", "smooth-l1", "giou"])
def test_loss_of_the_box_has_its_weight(name: str) -> None:
    network = Says(classes=torch.zeros(2, 2), box=BOXES)
    losses = task(box_loss=name, box_weight=7.0).loss(network, batch([0, 1]))
    assert losses["box"].item() == pytest.approx(7 * box_loss(name, BOXES, TRUE_BOXES).item())
    assert losses["class"].item() == pytest.approx(np.log(2))
    assert task(box_weight=0).loss(network, batch([0, 1]))["box"].item() == 0


def test_loss_of_the_class_with_smoothing_and_weights() -> None:
    logits = np.array([[1.0, -1.0], [0.5, 2.0]])
    log = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    held, weights = np.array([[0.9, 0.1], [0.1, 0.9]]), np.array([1.0, 4.0])
    expected = -(held * weights * log).sum() / weights.sum()
    network = Says(classes=torch.from_numpy(logits), box=BOXES)
    losses = task(label_smoothing=0.2, class_weights=(1, 4)).loss(network, batch([0, 1]))
    assert losses["class"].item() == pytest.approx(expected)


def test_one_class_has_binary_cross_entropy_and_its_own_probability() -> None:
    logits = torch.tensor([[2.0], [-1.0]])
    one = task(("cell",))
    losses = one.loss(Says(classes=logits, box=BOXES), batch([0, 0]))
    assert losses["class"].item() == pytest.approx(np.mean([np.log1p(np.exp(-2)), np.log1p(np.exp(1))]))
    found = one.merge([one.decode({"box": BOXES[0], "classes": logits[0]}, Tile.whole((8, 8)))])
    assert (found.classes.tolist(), found.class_names) == ([0], ("cell",))
    assert found.scores is not None
    assert found.scores.tolist() == pytest.approx([1 / (1 + np.exp(-2))])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"box_los": "l2"}, r"no setting 'box_los'; did you mean 'box_loss'"),
        ({"box_loss": "l1"}, r"box_loss 'l1': there are l2, smooth-l1, giou"),
        ({"box_loss": ["l2"]}, r"box_loss \['l2'\]: there are"),
        ({"box_weight": -1}, r"box_weight -1: expected a number from 0 to 1e\+06"),
        ({"box_weight": "much"}, r"box_weight 'much': expected a number"),
        ({"class_weights": (1, 2, 3)}, r"class_weights \(1, 2, 3\): expected 2 numbers"),
        ({"auxiliary_weight": 1}, r"no setting 'auxiliary_weight'"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        task(**settings)
