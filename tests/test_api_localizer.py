"""From images with one object each to measured models that tell where it is, and what."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile
from skimage.io import imread

import stellate
from stellate.data.label_options import LabelOptions
from stellate.errors import ConfigError, DataError
from stellate.experiments.sweep import check_sweep, parse_sweep
from stellate.io.box_table import read_box_table
from stellate.prediction.options import PredictOptions
from stellate.training.settings import TrainSettings

Writer = Callable[..., Path]

SETTINGS: dict[str, Any] = {
    "backbone": "timm/test_resnet",
    "weights": "none",
    "epochs": 8,
    "steps_per_epoch": 10,
    "batch_size": 8,
    "warmup_steps": 10,
    "learning_rate": 5e-3,
    "ema_decay": 0.9,
    "scale": (0.9, 1.1),
    "intensity": 0.3,
    "validation": 0.3,
    "precision": "float32",
    "device": "cpu",
}
BRIEF: dict[str, Any] = {**SETTINGS, "epochs": 1, "steps_per_epoch": 1, "batch_size": 4, "warmup_steps": 0}


@pytest.fixture(scope="module")
def data(shapes: Writer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shapes(tmp_path_factory.mktemp("shapes"), boxes=True)


@pytest.fixture(scope="module")
def few(shapes: Writer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shapes(tmp_path_factory.mktemp("few"), count=8, boxes=True)


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "first"
    stellate.train("localizer", data, out, settings=SETTINGS)
    return out


def iou(one: Any, other: Any) -> float:
    (x1, y1), (x2, y2) = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    common = max(0, x2 - x1) * max(0, y2 - y1)
    return common / (sum((b[2] - b[0]) * (b[3] - b[1]) for b in (one, other)) - common)


def test_it_learns_place_and_class(run: Path, data: Path) -> None:
    model = stellate.load(run)
    assert model.info.class_names == ("cross", "disc")
    scores = model.info.metrics["validation"]
    assert scores["mean_iou"] > 0.5
    assert scores["class_accuracy"] > 0.9
    overlaps = []
    for annotated in read_box_table(data / "boxes.csv"):
        found = model.predict(data / "images" / annotated.file).boxes[0]
        overlaps.append(iou(found.boxes_xyxy[0], annotated.boxes_xyxy[0]))
    assert np.mean(overlaps) > 0.5
    header = (run / "history.csv").read_text(encoding="utf-8").splitlines()[0]
    assert {"train_class", "train_box", "val_box"} <= set(header.split(","))


def test_boxes_are_in_the_pixels_of_the_image_whatever_its_size(run: Path, data: Path) -> None:
    model = stellate.load(run)
    image = imread(data / "images" / "4.tif")
    small = model.predict(image).boxes[0]
    large = model.predict(np.kron(image, np.ones((104, 104), np.uint8))).boxes[0]  # 4992 pixels wide
    np.testing.assert_allclose(large.boxes_xyxy / 104, small.boxes_xyxy, atol=1.0)
    wide = np.pad(image, ((0, 0), (0, 48)), mode="reflect")
    x1, y1, x2, y2 = model.predict(wide).boxes[0].boxes_xyxy[0]
    assert 0 <= x1 <= x2 <= 96
    assert 0 <= y1 <= y2 <= 48
    one = model.predict(np.full((1, 1), 9, np.uint8), explain=True)
    assert np.isfinite(one.boxes[0].boxes_xyxy).all()
    assert ((one.boxes[0].boxes_xyxy >= 0) & (one.boxes[0].boxes_xyxy <= 1)).all()
    assert one.explanations[0].shape == (1, 1)


def test_evaluation_and_files(run: Path, data: Path, tmp_path: Path) -> None:
    evaluation = stellate.evaluate(run, data, tmp_path / "report")
    assert evaluation.metrics.mean_iou > 0.5
    assert (tmp_path / "report" / "evaluation.html").stat().st_size > 1000
    images = [data / "images" / f"{k}.tif" for k in range(3, 6)]
    stellate.predict(images, run, tmp_path, options=PredictOptions(explain=True))
    found = {one.file: one for one in read_box_table(tmp_path / "boxes.csv")}
    assert len(found) == 3
    model = stellate.load(run)
    expected = model.predict(data / "images" / "4.tif").boxes[0]
    one = next(boxes for file, boxes in found.items() if Path(file).stem == "4")
    np.testing.assert_allclose(one.boxes_xyxy, expected.boxes_xyxy, atol=0.01)
    assert one.names == (expected.class_names[int(expected.classes[0])],)
    assert imread(tmp_path / "4_explained.png").std() > 5


def test_a_sweep_keeps_the_best_and_goes_on_where_it_ended(few: Path, tmp_path: Path) -> None:
    out = tmp_path / "chosen"
    settings = {**BRIEF, "sweep": "box-weight=1,20", "epochs": 2}

    def stop(done: int, total: int, text: str) -> None:
        assert total == 4
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stellate.train("localizer", few, out, settings=settings, progress=stop)
    first = (out / "sweep" / "box-weight_1" / "model.safetensors").stat().st_mtime_ns
    with pytest.raises(ConfigError, match=r"holds several training runs already; add --resume"):
        stellate.train("localizer", few, out, settings=settings)
    said: list[str] = []
    best = stellate.train("localizer", few, out, resume=True, say=said.append)
    assert (out / "sweep" / "box-weight_1" / "model.safetensors").stat().st_mtime_ns == first
    stellate.train("localizer", few, tmp_path / "whole" / "chosen", settings=settings)
    table = pd.read_csv(out / "sweep.csv")
    pd.testing.assert_frame_equal(table, pd.read_csv(tmp_path / "whole" / "chosen" / "sweep.csv"))

    assert table["box_weight"].tolist() == [1, 20]
    ranks = [tuple(row) for row in table[["both", "mean_iou"]].itertuples(index=False)]
    assert table["chosen"].tolist() == [k == ranks.index(max(ranks)) for k in range(2)]
    weight = float(table.loc[table["chosen"], "box_weight"].iloc[0])
    assert best.info.settings["box_weight"] == weight
    assert best.info.name == "chosen"
    own = stellate.load(out / "sweep" / f"box-weight_{weight:g}")
    own_weights = own.network.state_dict()
    assert all(
        np.array_equal(w.numpy(), own_weights[n].numpy()) for n, w in best.network.state_dict().items()
    )
    assert (
        json.loads((out / "evaluation.json").read_text())["mean_iou"]
        == own.info.metrics["validation"]["mean_iou"]
    )
    assert any("box_weight" in line and "mean_iou" in line for line in said)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("box-weight=1,10", (1.0, 10.0)),
        ("box_weight = 0.5, 2", (0.5, 2.0)),
        ("box-weight", (3.0, 10.0, 30.0, 100.0)),
    ],
)
def test_values_that_are_tried(text: str, values: tuple[float, ...]) -> None:
    assert parse_sweep(text, TrainSettings()) == ("box_weight", values)


@pytest.mark.parametrize(
    ("text", "task", "words"),
    [
        ("nonsense", {}, r"sweep 'nonsense': expected box-weight, or values of it"),
        ("box-weight=1", {}, r"sweep 'box-weight=1': expected two or more different numbers"),
        ("box-weight=1,1", {}, r"two or more different numbers"),
        ("box-weight=1,much", {}, r"two or more different numbers"),
        ("box-weight=1,-2", {}, r"two or more different numbers"),
        ("box-weight=1,nan", {}, r"two or more different numbers"),
        ("box-weight=1,1e9", {}, r"box_weight 1000000000.0: expected a number from 0 to 1e\+06"),
        ("box-weight", {"box_weight": 3}, r"sweep box-weight and task.box_weight: give one of them"),
        ("box-weight", {"box_loss": "l3"}, r"box_loss 'l3': there are l2, smooth-l1, giou"),
        ("box-weight=1,2", {"boxloss": "l2"}, r"no setting 'boxloss'; did you mean 'box_loss'"),
    ],
)
def test_sweeps_that_cannot_be_are_refused_at_once(text: str, task: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_sweep("localization", TrainSettings(sweep=text, task=task))


def test_only_a_localizer_has_something_to_try() -> None:
    with pytest.raises(
        ConfigError, match=r"sweep box-weight: only a localizer has a setting to try values of"
    ):
        check_sweep("classification", TrainSettings(sweep="box-weight"))
    with pytest.raises(ConfigError, match=r"folds and sweep: give one of them"):
        TrainSettings(sweep="box-weight", folds=3)


def test_images_without_exactly_one_box(few: Path, tmp_path: Path) -> None:
    (tmp_path / "images").symlink_to(few / "images")
    text = (few / "boxes.csv").read_text()
    (tmp_path / "boxes.csv").write_text(text + "0.tif,1,1,5,5,disc\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"exactly one box is expected in each image; 0 has 2"):
        stellate.train("localizer", tmp_path, tmp_path / "run", settings=BRIEF)
    trained = stellate.train(
        "localizer", tmp_path, tmp_path / "run", settings={**BRIEF, "skip_not_single": True}
    )
    with pytest.raises(DataError, match=r"exactly one box is expected"):
        stellate.evaluate(trained, tmp_path)
    evaluated = stellate.evaluate(trained, tmp_path, labels=LabelOptions(skip_not_single=True))
    assert len(evaluated.metrics.images) == 7


def test_one_class_and_boxes_of_objects_in_masks(tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for k in range(8):
        mask = np.zeros((60, 40), np.uint8)
        mask[5 + k : 25 + k, 10:30] = 1
        image = np.random.default_rng(k).integers(0, 50, mask.shape) + 150 * mask
        tifffile.imwrite(tmp_path / "images" / f"{k}.tif", image.astype(np.uint8))
        tifffile.imwrite(tmp_path / "masks" / f"{k}.tif", mask)
    trained = stellate.train("localizer", tmp_path, tmp_path / "run", settings=BRIEF)
    assert len(trained.info.class_names) == 1
    assert trained.info.config["input_size"] == (64, 64) or trained.info.config["input_size"] == [64, 64]
    found = trained.predict(tmp_path / "images" / "0.tif").boxes[0]
    assert found.classes.tolist() == [0]
    assert found.scores is not None
    assert 0 <= found.scores[0] <= 1


def test_folds_and_the_backbone_of_another_model(few: Path, run: Path, tmp_path: Path) -> None:
    settings = {**BRIEF, "folds": 2, "weights": run}
    found: Any = stellate.train("localizer", few, tmp_path / "folds", settings=settings)
    assert sorted(image.name for image in found.evaluation.metrics.images) == [str(k) for k in range(8)]
    assert "mean_iou" in found.table
    first = stellate.load(tmp_path / "folds" / "fold_1").network.state_dict()
    start = stellate.load(run).network.state_dict()
    name = next(n for n in start if n.startswith("backbone.") and start[n].ndim == 4)
    moved = np.abs(first[name].numpy() - start[name].numpy()).max()
    assert 0 < moved < 0.02  # a step or two from where it began
