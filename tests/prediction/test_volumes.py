"""Predicting volumes: what StarDist finds with its weights, whole and in tiles, and input that is not what it should."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from stellate.axes import Image
from stellate.errors import ConfigError, InputError
from stellate.models.file import ModelInfo
from stellate.models.stardist import StarDist, StarDistConfig
from stellate.prediction.loading import load_predictor
from stellate.prediction.predictor import Predictor
from stellate.prediction.tiling import Layout

from .conftest import AsTrained

FOLDERS = sorted((Path(__file__).parents[1] / "fixtures" / "stardist_3d").iterdir())
OCTAHEDRON = {
    "n_rays": 6,
    "ray_vertices": ((1, 0, 0), (0, 1, 0), (0, 0, 1), (-1, 0, 0), (0, -1, 0), (0, 0, -1)),
    "ray_faces": ((0, 1, 2), (0, 2, 4), (0, 4, 5), (0, 5, 1), (3, 2, 1), (3, 4, 2), (3, 5, 4), (3, 1, 5)),
}


def stardists(folder: Path) -> tuple[Predictor, dict[str, np.ndarray]]:
    """A model that StarDist made, and what it finds in an image."""
    model = load_predictor(folder)
    model.normalization = AsTrained()
    return model, dict(np.load(folder / "expected.npz"))


def volume_model(prob: float = 9.0, distance: float = 3.0, **config: Any) -> Predictor:
    """A network that says the same of every voxel, or what its random weights say where `prob` is 0."""
    torch.manual_seed(0)
    small = {"base_channels": 2, "depth": 1, "head_channels": 4, "n_rays": 16, "grid": (1, 2, 2)}
    network = StarDist(StarDistConfig(**{**small, **config}))
    if prob:
        with torch.no_grad():
            for head, bias in ((network.prob, prob), (network.distances, distance)):
                head.weight.zero_()
                head.bias.fill_(bias)
    settings = {"prob_threshold": 0.5, "nms_threshold": 0.4, "border": 0}
    return Predictor(network, ModelInfo("model", "stardist", "instances", {}, settings))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_the_objects_are_those_that_stardist_finds(folder: Path) -> None:
    model, expected = stardists(folder)
    image = expected["image"]
    prediction = model.predict(Image(image, "ZYX" if image.ndim == 3 else "ZYXC"))
    np.testing.assert_array_equal(prediction.labels, expected["labels"])
    np.testing.assert_array_equal(prediction.result.centres, expected["points"])
    np.testing.assert_allclose(prediction.result.scores, expected["kept_prob"], atol=1e-4)
    np.testing.assert_allclose(prediction.rays.vertices, expected["vertices"], atol=1e-6)
    assert prediction.along == ""
    if "class_id" in expected:  # StarDist may call an object background
        named = expected["class_id"] > 0
        np.testing.assert_array_equal(prediction.result.classes[named] + 1, expected["class_id"][named])
        assert named.any()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_tiles_give_what_the_whole_volume_gives(folder: Path) -> None:
    model, expected = stardists(folder)
    image = expected["image"] if expected["image"].ndim == 4 else expected["image"][..., np.newaxis]
    image = np.tile(image, (4, 3, 4, 1))[:-5, :-3, :-1]
    noise = np.random.default_rng(0).normal(0, 0.5, image.shape)  # no two objects equal
    volume = Image((image + noise).astype(np.float32), "ZYXC")
    side = Layout(image.shape[:3], model.network.config).least_side + 4
    whole, tiled = model.predict(volume, tile=1000), model.predict(volume, tile=side)
    assert whole.notes == ()
    assert int(tiled.notes[0].split()[1]) >= 4
    assert len(whole) > 20
    np.testing.assert_array_equal(tiled.labels, whole.labels)
    np.testing.assert_array_equal(tiled.result.centres, whole.result.centres)
    np.testing.assert_allclose(tiled.result.scores, whole.result.scores, atol=1e-6)
