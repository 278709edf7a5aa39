"""Thresholds found on annotated volumes; on images see tests/test_api_training.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stellate.axes import Image
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


def test_the_middle_of_large_images_and_volumes_is_used() -> None:
    def sides(shape: tuple[int, ...], size: int) -> list[tuple[int, int]]:
        return [(part.start, part.stop) for part in tuning._middle(shape, size)]

    assert sides((100, 700), 768**2) == [(0, 100), (0, 700)]
    assert sides((800, 900), 768**2) == [(16, 784), (66, 834)]
    assert sides((30, 40, 50), 2**20) == [(0, 30), (0, 40), (0, 50)]
    # 2 ** 20 voxels: 16 planes of 256 x 256
    assert sides((16, 1000, 300), 2**20) == [(0, 16), (372, 628), (22, 278)]
