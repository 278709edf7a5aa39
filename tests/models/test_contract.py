from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stellate.data.samples import Sample
from stellate.data.synthetic import FieldConfig, generate_field
from stellate.errors import ConfigError
from stellate.models import MODELS, build, entry
from stellate.results import Boxes, Instances, Scores

spec = importlib.util.spec_from_file_location("contract", Path(__file__).with_name("contract.py"))
assert spec is not None
assert spec.loader is not None
contract = importlib.util.module_from_spec(spec)
spec.loader.exec_module(contract)

SMALL: dict[str, list[dict[str, Any]]] = {
    "classifier": [
        {"backbone": "shufflenet_v2_x0_5", "input_size": (64, 96), "in_channels": 3, "n_classes": 2},
        {"backbone": "squeezenet1_1", "input_size": (64, 64), "in_channels": 1, "n_classes": 2},
        {"backbone": "googlenet", "input_size": (64, 64), "in_channels": 2, "n_classes": 2},
    ],
    "localizer": [
        {"backbone": "shufflenet_v2_x0_5", "input_size": (64, 64), "in_channels": 1, "n_classes": 2},
        {"backbone": "squeezenet1_1", "input_size": (96, 64), "in_channels": 3, "n_classes": 1, "hidden": 32},
    ],
    "sliding-window": [
        {"patch_size": 12, "depth": 1, "base_channels": 4, "step": 4},
        {"patch_size": 12, "depth": 1, "base_channels": 4, "convolutional": True, "n_classes": 3},
    ],
    "fully-convolutional": [{"channels": 8, "n_layers": 3, "n_classes": 3}],
    "encoder-decoder": [
        {"base_channels": 8, "depth": 2, "upscaling": way, "n_classes": 3}
        for way in ("nearest", "bilinear", "bed-of-nails", "max-unpooling", "transposed")
    ],
    "segnet": [
        {"base_channels": 4, "n_classes": 3},
        {"base_channels": 8, "variant": "basic", "n_classes": 3},
    ],
    "unet": [
        {"base_channels": 4, "depth": 2, "n_classes": 3, "in_channels": 3},
        {"base_channels": 4, "depth": 1, "padding": "valid", "n_classes": 2},
    ],
    "yolo": [
        {"width": 8, "n_classes": 2, "in_channels": 1},
        {"width": 8, "depth": 2, "bins": 8, "in_channels": 3},
    ],
    "stardist": [
        {"base_channels": 4, "depth": 2, "n_rays": 8, "head_channels": 8},
        {"base_channels": 4, "depth": 1, "n_rays": 7, "batch_norm": True, "n_classes": 2, "foreground": True},
        {"base_channels": 4, "depth": 1, "grid": (1, 4), "in_channels": 3, "activation": "elu"},
    ],
}

SMALL_3D: dict[str, list[dict[str, Any]]] = {
    "unet": [{"base_channels": 4, "depth": 1, "grid": (1, 1, 1), "n_classes": 3}],
    "stardist": [
        {"base_channels": 4, "depth": 1, "n_rays": 8, "head_channels": 8, "grid": (1, 2, 2), "n_classes": 2},
        {"base_channels": 4, "n_rays": 7, "n_blocks": 2, "grid": (1, 2, 2), "backbone": "resnet"},
    ],
}


@pytest.mark.parametrize(
    ("name", "small"),
    [(name, small) for of in (SMALL, SMALL_3D) for name, sizes in of.items() for small in sizes],
)
def test_contract(name: str, small: dict[str, Any], tmp_path: Path) -> None:
    contract.check_model(entry(name), small, tmp_path)


@pytest.mark.parametrize(
    ("name", "small"), [(name, small) for name, sizes in SMALL.items() for small in sizes]
)
def test_contract_with_the_task(name: str, small: dict[str, Any]) -> None:
    if entry(name).task == "instances":
        small = {**small, "base_channels": 16}
    config = entry(name).config(**small)
    if hasattr(config, "input_size"):
        sample = whole_sample(entry(name).task, config)
        settings = {"label_smoothing": 0.0}  # with it, losses do not go down to 0
        names = sample.annotation.class_names
        contract.check_task(entry(name), small, sample, names, settings=settings, rate=3e-4)
        return
    image, truth = generate_field(FieldConfig(shape=(64, 64), diameter=(14.0, 22.0), density=0.25), seed=1)
    pixels = (image.array / image.array.max()).astype(np.float32)
    if entry(name).task == "segmentation":
        sample = Sample(np.stack([pixels] * config.in_channels), truth)
        settings = {"border_width": 1 if config.n_classes == 3 else 0}
        contract.check_task(entry(name), small, sample, settings=settings)
        return
    if entry(name).task == "detection":
        sample = Sample(np.stack([pixels] * config.in_channels), boxes_of(truth, config.n_classes))
        contract.check_task(entry(name), small, sample, sample.annotation.class_names)
        return
    classes = np.arange(len(truth)) % 2 if config.n_classes else None
    annotation = Instances(truth.labels, classes=classes, class_names=("a", "b") if config.n_classes else ())
    sample = Sample(np.stack([pixels] * config.in_channels), annotation)
    contract.check_task(entry(name), small, sample, annotation.class_names)


def boxes_of(truth: Instances, n_classes: int) -> Boxes:
    """A box around each object."""
    found = []
    for label in range(1, len(truth) + 1):
        (y1, x1), (y2, x2) = (f(np.argwhere(truth.labels == label), axis=0) for f in (np.min, np.max))
        found.append((x1, y1, x2 + 1, y2 + 1))
    classes = np.arange(len(found), dtype=np.int32) % n_classes
    return Boxes(np.array(found, dtype=np.float32), classes, ("a", "b")[:n_classes])


def whole_sample(task: str, config: Any) -> Sample:
    """A bright rectangle, as the one object of an image, or what the image is of."""
    pixels = np.random.default_rng(0).normal(0, 0.1, (config.in_channels, *config.input_size))
    pixels[:, 10:30, 20:60] += 1
    names = ("a", "b")[: config.n_classes]
    last = config.n_classes - 1
    if task == "classification":
        annotation: Any = Scores(np.eye(len(names), dtype=np.float32)[last], names)
    else:
        box = np.array([[20, 10, 60, 30]], dtype=np.float32)
        annotation = Boxes(box, np.array([last], dtype=np.int32), names)
    return Sample(pixels.astype(np.float32), annotation)


def test_every_model_is_tested() -> None:
    assert {m.name for m in MODELS} == set(SMALL)


def test_slips_of_the_keyboard_are_named() -> None:
    with pytest.raises(ConfigError, match=r"did you mean .stardist."):
        entry("stardis")
    with pytest.raises(ConfigError, match=r"did you mean .n_rays."):
        build("stardist", {"nrays": 3})
