"""A small model that StarDist trained, and an image in which it finds objects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from stellate.data.normalization import Normalization
from stellate.prediction.loading import load_predictor
from stellate.prediction.predictor import Predictor

FOLDER = Path(__file__).parents[1] / "fixtures" / "stardist" / "trained_grid22"


@dataclass(frozen=True)
class AsTrained(Normalization):
    """The model's own scaling, ``image / 64 - 1``."""

    def limits(self, array):
        super().limits(array)  # for its checks
        return np.repeat([[64.0, 128.0]], array.shape[0], axis=0)


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Threads cost more than they give for networks this small, above all on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def expected():
    """What StarDist itself gives for the image."""
    return np.load(FOLDER / "expected.npz")


@pytest.fixture(scope="session")
def cells(expected):
    """``(134, 150)`` uint8 with about 17 objects."""
    return expected["image"]


@pytest.fixture
def predictor() -> Predictor:
    model = load_predictor(FOLDER)
    model.normalization = AsTrained()
    return model
