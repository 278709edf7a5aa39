"""Any number of objects with boxes and classes: from a table to a trained, measured detector, and boxes in files."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import stellate
from stellate.data.label_options import LabelOptions
from stellate.errors import ConfigError, DataError

SETTINGS: dict[str, Any] = {
    "epochs": 10,
    "steps_per_epoch": 15,
    "batch_size": 8,
    "patch": (64, 64),
    "warmup_steps": 10,
    "learning_rate": 4e-3,
    "validation_patches": 16,
    "network": {"width": 8, "bins": 8},
    "device": "cpu",
    "precision": "float32",
}


def drawn(rng: np.random.Generator, shape: tuple[int, int], count: int) -> tuple[np.ndarray, list[Any]]:
    """Bright discs and dark squares in noise, apart from one another, and their boxes."""
    image = rng.normal(110, 6, (*shape, 3))
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    found: list[Any] = []
    for _ in range(50 * count):
        side = int(rng.integers(12, 20))
        x, y = int(rng.integers(0, shape[1] - side)), int(rng.integers(0, shape[0] - side))
        if any(abs(x - o[1]) < 22 and abs(y - o[2]) < 22 for o in found) or len(found) == count:
            continue
        name = ("disc", "square")[int(rng.integers(2))]
        if name == "disc":
            inside = (rows + 0.5 - y - side / 2) ** 2 + (columns + 0.5 - x - side / 2) ** 2 <= (side / 2) ** 2
            image[inside] = (230, 220, 200)
        else:
            image[y : y + side, x : x + side] = (20, 30, 60)
        found.append((name, x, y, x + side, y + side))
    return image.clip(0, 255).astype(np.uint8), found


def write(folder: Path, images: dict[str, tuple[np.ndarray, list[Any]]]) -> Path:
    (folder / "images").mkdir(parents=True)
    with (folder / "boxes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "class", "xmin", "ymin", "xmax", "ymax"])
        for name, (pixels, boxes) in images.items():
            Image.fromarray(pixels).save(folder / "images" / name)
            writer.writerows([name, *box] for box in boxes)
            if not boxes:
                writer.writerow([name, "", "", "", "", ""])
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    images = {f"{k:02d}.png": drawn(rng, (96, 112), int(rng.integers(1, 6))) for k in range(18)}
    images["empty.png"] = drawn(rng, (96, 112), 0)
    return write(tmp_path_factory.mktemp("detector") / "data", images)


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("detector_run") / "run"
    lines: list[str] = []
    stellate.train("yolo", data, folder, settings=SETTINGS, say=lines.append)
    assert any(line.startswith("most objects") for line in lines)
    return folder


def test_it_learns_and_is_measured(run: Path) -> None:
    scores = json.loads((run / "evaluation.json").read_text(encoding="utf-8"))
    assert scores["map50"] > 0.8
    assert set(scores["by_class"]) == {"disc", "square"}
    assert (run / "validation.png").is_file()
    assert "<html" in (run / "evaluation.html").read_text(encoding="utf-8")
    info = stellate.load(run).info
    assert info.class_names == ("disc", "square")
    assert info.settings["largest"] <= 20


def test_a_large_image_in_tiles_is_as_the_whole(run: Path, tmp_path: Path) -> None:
    pixels, truth = drawn(np.random.default_rng(5), (400, 500), 40)
    model = stellate.load(run)
    whole = model.predict(pixels, axes="YXC").boxes[0]
    tiled = model.predict(pixels, axes="YXC", tile=256)
    assert "tiles" in " ".join(tiled.notes)
    found = tiled.boxes[0]
    assert abs(len(found) - len(whole)) <= 1
    true = np.array([box[1:] for box in truth], dtype=np.float32)
    matched = [(ious(box, found.boxes_xyxy).max(initial=0)) for box in true]
    twice = [(ious(box, found.boxes_xyxy) > 0.5).sum() for box in true]
    assert np.mean(np.array(matched) > 0.5) > 0.85
    assert max(twice) == 1


def ious(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    both = (high - low).clip(0).prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).prod(axis=1)
    return np.asarray(both / ((box[2:] - box[:2]).prod() + areas - both))


def test_files_of_a_prediction(run: Path, data: Path, tmp_path: Path) -> None:
    outcomes = stellate.predict(data / "images", run, tmp_path / "out")
    assert all(o.status == "done" for o in outcomes)
    table = pd.read_csv(tmp_path / "out" / "boxes.csv", keep_default_na=False)
    assert set(table["image"]) <= {o.path.name for o in outcomes}
    assert set(table["class"]) <= {"disc", "square"}
    assert sum(o.n_objects or 0 for o in outcomes) == len(table)
    again = stellate.predict(data / "images", run, tmp_path / "out")
    assert all(o.status == "skipped" for o in again)


def test_a_resumed_run_ends_as_one_that_was_not_interrupted(data: Path, tmp_path: Path) -> None:
    short = {**SETTINGS, "epochs": 3, "steps_per_epoch": 2}
    stellate.train("yolo", data, tmp_path / "whole", settings=short)

    def stop(done: int, epochs: int, text: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stellate.train("yolo", data, tmp_path / "cut", settings=short, progress=stop)
    stellate.train("yolo", data, tmp_path / "cut", resume=True)
    one, other = (stellate.load(tmp_path / name).network.state_dict() for name in ("whole", "cut"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_another_data_set_is_measured_by_the_names_of_its_classes(run: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    images = {f"{k}.png": drawn(rng, (96, 112), 4) for k in range(4)}
    renamed = {
        name: (pixels, [("blob" if box[0] == "disc" else box[0], *box[1:]) for box in boxes])
        for name, (pixels, boxes) in images.items()
    }
    evaluation = stellate.evaluate(run, write(tmp_path / "other", renamed))
    assert "blob" in evaluation.warning
    same = stellate.evaluate(run, write(tmp_path / "same", images), labels=LabelOptions())
    assert same.metrics.map50 > evaluation.metrics.map50


def test_what_cannot_be(data: Path, tmp_path: Path) -> None:
    nothing = write(
        tmp_path / "nothing", {f"{k}.png": drawn(np.random.default_rng(k), (64, 64), 0) for k in range(3)}
    )
    with pytest.raises(DataError, match="no boxes"):
        stellate.train("yolo", nothing, tmp_path / "a", settings=SETTINGS)
    with pytest.raises(ConfigError, match="backbone resnet18: a detector has no use for it"):
        stellate.train("yolo", data, tmp_path / "b", settings={**SETTINGS, "backbone": "resnet18"})
    with pytest.raises(ConfigError, match="all sides must be multiples of the network's stride"):
        stellate.train("yolo", data, tmp_path / "c", settings={**SETTINGS, "patch": (60, 64)})
    with pytest.raises(ConfigError, match="yolo has no backbone"):
        stellate.train("yolo", data, tmp_path / "d", settings={**SETTINGS, "weights": "imagenet"})
