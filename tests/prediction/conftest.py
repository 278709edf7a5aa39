"""A small model that StarDist trained, models for classes of pixels, and images in which they find something."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from stellate.data.normalization import Normalization
from stellate.geometry.components import REGION_NAMES
from stellate.models.file import ModelInfo
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


class ByBrightness(torch.nn.Module):
    """Tells three classes apart by how bright a pixel is: below 1, below 2, and above."""

    def __init__(self, stride: tuple[int, ...] = (4, 4)) -> None:
        super().__init__()
        self.edges = torch.nn.Parameter(torch.tensor([0.5, 1.5, 2.5]))
        ones = (1,) * len(stride)
        self.config = SimpleNamespace(in_channels=1, n_classes=3, stride=stride, grid=ones, halo=ones)

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        edges = self.edges.reshape(1, -1, *(1,) * (image.ndim - 2))
        return {"classes": -4 * (image - edges).abs()}


@dataclass(frozen=True)
class AsItIs(Normalization):
    """Values are not changed."""

    def limits(self, array):
        super().limits(array)
        return np.repeat([[0.0, 1.0]], array.shape[0], axis=0)


def mask_predictor_of(names, **info) -> Predictor:
    volumes = info.pop("volumes", False)
    known = ModelInfo("bright", "unet", "segmentation", {}, class_names=names, **info)
    predictor = Predictor(ByBrightness((2, 4, 4) if volumes else (4, 4)), known)
    predictor.normalization = AsItIs()
    return predictor


@pytest.fixture
def mask_predictor() -> Predictor:
    """Finds what pixels are by their values: 0 ground, 1 cell, 2 nucleus."""
    return mask_predictor_of(("ground", "cell", "nucleus"))


@pytest.fixture
def volume_mask_predictor() -> Predictor:
    return mask_predictor_of(("ground", "cell", "nucleus"), volumes=True)


@pytest.fixture
def region_predictor() -> Predictor:
    """The same for a model that was trained on objects: 0 background, 1 foreground, 2 border."""
    return mask_predictor_of(REGION_NAMES, masks={"kind": "instances"}, settings={"border_width": 1})


@pytest.fixture
def blobs() -> np.ndarray:
    """``(60, 75)`` float32 of 0.5, 1.5 and 2.5: two cells with a nucleus each, and one without."""
    classes = np.zeros((60, 75), np.float32)
    classes[5:25, 5:30], classes[10:18, 10:20] = 1, 2
    classes[35:55, 8:28], classes[40:50, 12:20] = 1, 2
    classes[20:50, 45:70] = 1
    return classes + 0.5
