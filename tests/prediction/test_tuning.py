"""Thresholds found on annotated volumes; on images see tests/test_api_training.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stellate.axes import Image
from stellate.geometry.tiles import Tile
from stellate.metrics.instances import score_instances
from stellate.prediction import tuning
from stellate.prediction.loading import load_predictor
from stellate.prediction.predictor import Predictor
from stellate.results import Instances

from .conftest import AsTrained

VOLUMES = Path(__file__).parents[1] / "fixtures" / "stardist_3d" / "trained_unet_grid122"


class Pairs:
    """Images, annotated with what the model finds at thresholds of its own."""

    def __init__(self, model: Predictor, images: list[Image], **thresholds: float) -> None:
        self.images = images
        self.truths = [Instances(model.predict(image, **thresholds).labels) for image in images]

    def __len__(self) -> int:
        return len(self.images)

    def pair(self, index: int) -> tuple[Image, Instances]:
        return self.images[index], self.truths[index]


def test_the_thresholds_of_annotated_volumes_are_found() -> None:
    """Where the less probable half of what the model finds is not annotated, thresholds become stricter."""
    model = load_predictor(VOLUMES)
    model.normalization = AsTrained()
    cells = np.tile(np.load(VOLUMES / "expected.npz")["image"], (1, 2, 2))
    noise = np.random.default_rng(0).normal(0, 2, (2, *cells.shape))
    images = [Image(cells + one, "ZYX") for one in noise]
    scores = np.concatenate([model.predict(image).result.scores for image in images])
    pairs = Pairs(model, images, prob_threshold=float(np.median(scores)))
    assert 8 < sum(len(truth) for truth in pairs.truths) < 0.6 * len(scores)
    found, score = tuning.tune_thresholds(model, pairs, device="cpu")
    assert score > 0.8  # half of that with the thresholds of the model
    assert found["prob_threshold"] == pytest.approx(np.median(scores), abs=0.05)


def observed(count: int) -> tuple[Any, list[tuple[Any, Tile]], list[Instances]]:
    """A task, what a network says of one volume, and so many of its objects as the truth."""
    model = load_predictor(VOLUMES)
    model.normalization = AsTrained()
    cells = np.load(VOLUMES / "expected.npz")["image"]
    pairs = Pairs(model, [Image(cells, "ZYX")])
    outputs, truths = tuning._observe(model, pairs, "cpu")
    labels = truths[0].labels
    return model.task(), outputs, [Instances(np.where(labels <= count, labels, 0))]


@pytest.mark.parametrize("count", [1, 2])
def test_only_the_hopeless_is_not_computed(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Against the accuracy of all that is found: equal, or below a third where it is given up."""
    monkeypatch.setattr(tuning, "HOPELESS", 3)
    task, [(output, tile)], truths = observed(count)
    # objects so small that hardly any suppress one another
    outputs = [({**output, "distances": 0.2 * output["distances"]}, tile)]
    scores = tuning._Scores(task, outputs, truths)
    given_up = 0
    for prob in np.linspace(0.01, 0.95, 25):
        found = [replace(task, prob_threshold=prob).decode(*outputs[0])]
        pooled = score_instances([task.merge(found)], truths, tuning.IOUS).pooled
        many = pooled[0].true_positives + pooled[0].false_positives > 3 * count
        score = scores(prob)
        if score < 0:
            assert score == pytest.approx(prob - 1)
            assert many
            given_up += 1
        else:
            assert score == pytest.approx(np.mean([s.accuracy for s in pooled]))
    assert 0 < given_up < 25


def test_a_network_that_has_learned_nothing_takes_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than twice ten times as many candidates are looked at as there are objects, whatever is asked for."""
    task, outputs, truths = observed(1)
    output, tile = outputs[0]
    rng = np.random.default_rng(0)
    logits = np.full(output["prob"].shape, -9, dtype=np.float32)  # there are no objects at the border anyway
    inner = logits[:, 2:-2, 2:-2, 2:-2]
    inner[...] = rng.normal(0, 0.1, inner.shape)
    ragged = {
        "prob": torch.from_numpy(logits),
        "distances": torch.from_numpy(rng.exponential(1.0, output["distances"].shape).astype(np.float32)),
    }
    decode, counts = type(task).decode, []

    def counted(self: Any, output: Any, tile: Tile) -> Any:
        found = decode(self, output, tile)
        counts.append(len(found.scores))
        return found

    monkeypatch.setattr(type(task), "decode", counted)
    scores = tuning._Scores(task, [(ragged, tile)], truths)
    assert scores(0.1) == pytest.approx(-0.9)
    assert scores(0.2) == pytest.approx(-0.8)
    assert len(counts) == 1
    assert counts[0] < 20


def test_the_middle_of_large_images_and_volumes_is_used() -> None:
    def sides(shape: tuple[int, ...], size: int) -> list[tuple[int, int]]:
        return [(part.start, part.stop) for part in tuning._middle(shape, size)]

    assert sides((100, 700), 768**2) == [(0, 100), (0, 700)]
    assert sides((800, 900), 768**2) == [(16, 784), (66, 834)]
    assert sides((30, 40, 50), 2**20) == [(0, 30), (0, 40), (0, 50)]
    # 2 ** 20 voxels: 16 planes of 256 x 256
    assert sides((16, 1000, 300), 2**20) == [(0, 16), (372, 628), (22, 278)]
