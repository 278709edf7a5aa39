"""Class maps of real networks, whole and in tiles."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from stellate.models import build
from stellate.models.file import ModelInfo
from stellate.prediction import tiling
from stellate.prediction.engine import Engine
from stellate.prediction.predictor import Predictor
from stellate.prediction.tiling import Layout

NETWORKS = {
    "unet": ("unet", {"depth": 2, "base_channels": 4}),
    "unet, as in the paper": ("unet", {"depth": 2, "base_channels": 4, "padding": "valid"}),
    "encoder-decoder": ("encoder-decoder", {"depth": 2, "base_channels": 4}),
    "segnet": ("segnet", {"base_channels": 2}),
    "fully-convolutional": ("fully-convolutional", {"channels": 4, "n_layers": 3}),
    "sliding-window": (
        "sliding-window",
        {"patch_size": 8, "depth": 1, "base_channels": 2, "hidden_channels": 4},
    ),
}


def predictor_of(name: str, **settings) -> Predictor:
    torch.manual_seed(0)
    model, config = NETWORKS[name]
    config = {**config, **settings, "n_classes": 3}
    network = build(model, config)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d | torch.nn.BatchNorm3d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return Predictor(network, ModelInfo(name, model, "segmentation", config, class_names=("a", "b", "c")))


def picture(shape):
    return ndimage.gaussian_filter(np.random.default_rng(0).random(shape), 1.5).astype(np.float32)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    "options", [{}, {"rescale": 0.7}, {"flips": True}], ids=["as it is", "rescaled", "flips"]
)
def test_tiles_give_what_the_whole_gives(name, options):
    """Of images of odd sizes; also where only one side is longer than a tile."""
    predictor = predictor_of(name)
    config = predictor.network.config
    side = Layout((1, 1), config).least_side + 2 * max(config.stride) + 12
    scale = options.get("rescale", 1)
    for shape in ((side + 23, side + 40), (side // 2, 3 * side + 1)):
        image = picture([round(n / scale) for n in shape])
        whole = predictor.predict(image, probabilities=True, **options)
        tiled = predictor.predict(image, probabilities=True, tile=side, **options)
        count = int(next(note for note in tiled.notes if "tiles" in note).split()[1])
        assert count > 1
        assert not any("tiles" in note for note in whole.notes)
        np.testing.assert_allclose(tiled.probabilities, whole.probabilities, atol=2e-5)
        assert (tiled.classes == whole.classes).mean() > 0.9999  # but for ties within rounding
        np.testing.assert_array_equal(predictor.predict(image, tile=side, **options).classes, tiled.classes)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (5, 3)])
def test_images_smaller_than_a_stride(name, shape):
    found = predictor_of(name).predict(picture(shape), probabilities=True, instances=True)
    assert found.classes.shape == shape
    np.testing.assert_allclose(found.probabilities.sum(axis=0), 1, atol=1e-5)
    assert found.labels.shape == shape


def test_tiles_that_are_chosen_by_memory_bound_it(monkeypatch):
    """However large the image is, no tile is larger than what the memory is for."""
    predictor = predictor_of("unet")
    monkeypatch.setattr(tiling, "_CPU_BYTES", {2: 4e6})
    seen = []
    run = Engine.__call__

    def noted(engine, pixels, *given):
        seen.append(pixels.shape[1:])
        return run(engine, pixels, *given)

    monkeypatch.setattr(Engine, "__call__", noted)
    predictor.predict(picture((400, 500)), device="cpu")
    values = tiling.values_per_pixel(predictor.network, torch.device("cpu"))
    assert max(4 * values * high * wide for high, wide in seen) <= 4e6
    assert len(seen) > 4
