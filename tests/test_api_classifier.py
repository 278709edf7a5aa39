"""From folders of classified images to measured models that tell the class of an image."""

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
from stellate.errors import ConfigError, DataError, InputError
from stellate.prediction.options import PredictOptions

Writer = Callable[..., Path]

SETTINGS: dict[str, Any] = {
    "backbone": "timm/test_resnet",
    "weights": "none",
    "epochs": 5,
    "steps_per_epoch": 10,
    "batch_size": 8,
    "warmup_steps": 10,
    "learning_rate": 3e-3,
    "ema_decay": 0.9,
    "scale": (0.9, 1.1),
    "intensity": 0.3,
    "validation": 0.3,
    "precision": "float32",
    "device": "cpu",
}
BRIEF: dict[str, Any] = {**SETTINGS, "epochs": 1, "steps_per_epoch": 1, "batch_size": 4, "warmup_steps": 0}


def same_weights(one: Any, other: Any) -> bool:
    others = other.network.state_dict()
    return all(np.array_equal(w.numpy(), others[n].numpy()) for n, w in one.network.state_dict().items())


@pytest.fixture(scope="module")
def data(shapes: Writer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shapes(tmp_path_factory.mktemp("shapes"))


@pytest.fixture(scope="module")
def few(shapes: Writer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shapes(tmp_path_factory.mktemp("few"), count=8)


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "first"
    stellate.train("classifier", data, out, settings=SETTINGS)
    return out


def test_it_learns_and_classes_keep_their_names(run: Path, data: Path) -> None:
    model = stellate.load(run)
    assert model.info.class_names == ("cross", "disc")
    assert model.info.metrics["validation"]["accuracy"] > 0.9
    found = {k: model.predict(data / ("disc", "cross")[k % 2] / f"{k}.tif").best[0] for k in range(40)}
    assert sum(found[k] == ("disc", "cross")[k % 2] for k in found) > 36
    names = {p.name for p in run.iterdir()}
    assert {"model.safetensors", "run.json", "history.csv", "curves.png", "validation.png"} <= names
    assert {"evaluation.csv", "evaluation_confusion.csv", "evaluation.html", "checkpoints"} <= names
    assert model.info.object_diameter_px is None
    assert model.info.masks == {}


def test_resuming_gives_what_an_uninterrupted_run_gives(data: Path, run: Path, tmp_path: Path) -> None:
    """The dropout before the head included."""

    def stop(done: int, total: int, text: str) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stellate.train("classifier", data, tmp_path / "first", settings=SETTINGS, progress=stop)
    resumed = stellate.train("classifier", data, tmp_path / "first", resume=True)
    assert same_weights(resumed, stellate.load(run))


def test_evaluation_goes_by_names(run: Path, data: Path, tmp_path: Path) -> None:
    evaluation = stellate.evaluate(run, data, tmp_path / "report")
    assert evaluation.metrics.accuracy > 0.9
    (tmp_path / "turned").mkdir()
    for name, other in (("disc", "cross"), ("cross", "disc")):
        (tmp_path / "turned" / name).symlink_to(data / other)
    assert stellate.evaluate(run, tmp_path / "turned").metrics.accuracy < 0.1
    table = pd.read_csv(tmp_path / "report" / "evaluation_images.csv")
    assert len(table) == 40


def test_predictions_are_written_with_what_speaks_for_them(run: Path, data: Path, tmp_path: Path) -> None:
    images = [data / "disc" / "0.tif", data / "cross" / "1.tif"]
    outcomes = stellate.predict(images, run, tmp_path, options=PredictOptions(explain=True))
    assert [outcome.status for outcome in outcomes] == ["done", "done"]
    table = pd.read_csv(tmp_path / "scores.csv")
    assert table["class"].tolist() == ["disc", "cross"]
    assert {"0_scores.csv", "0_explained.png", "1_explained.png"} <= {p.name for p in tmp_path.iterdir()}
    assert imread(tmp_path / "0_explained.png").std() > 5
    heat = stellate.load(run).predict(images[0], explain=True).explanations[0]
    assert heat.shape == (48, 48)
    assert heat.dtype == np.float32
    assert (heat.min(), heat.max()) == (0, pytest.approx(1, abs=0.1))


@pytest.mark.parametrize(
    ("shape", "value"), [((1, 1), 7), ((1, 300), 0), ((5000, 3), None), ((1000, 5000), None)]
)
def test_images_of_any_size(run: Path, shape: tuple[int, int], value: int | None) -> None:
    image = np.full(shape, value or 0, np.uint16)
    if value is None:
        image += np.random.default_rng(0).integers(0, 9, shape, dtype=np.uint16)
    found = stellate.load(run).predict(image, explain=True)
    assert found.probabilities.sum() == pytest.approx(1)
    assert np.isfinite(found.explanations[0]).all()
    assert max(found.explanations[0].shape) <= 2048


def four(image: np.ndarray) -> np.ndarray:
    return np.stack([image, 255 - image, image // 2, image], axis=0).astype(np.uint16) * 100


@pytest.mark.parametrize(
    ("stored", "axes", "channels"),
    [
        (lambda image: image.astype(np.uint16) * 200, None, 1),
        (four, "CYX", 4),
        (lambda image: np.stack([image, image, 255 - image], axis=-1), None, 3),
        (lambda image: image.astype(np.float32) / 255, None, 1),
    ],
    ids=["16 bits", "four channels", "colour", "numbers"],
)
def test_channels(stored: Any, axes: str | None, channels: int, shapes: Writer, tmp_path: Path) -> None:
    folder = shapes(tmp_path / "data", count=8, stored=stored)
    trained = stellate.train("classifier", folder, tmp_path / "run", settings={**BRIEF, "axes": axes})
    assert trained.info.config["in_channels"] == channels
    image = stored(np.zeros((48, 48), np.uint8))
    assert trained.predict(image, axes=axes).best[0] in ("cross", "disc")


def test_images_of_other_channels_are_named_before_training(
    run: Path, few: Path, shapes: Writer, tmp_path: Path
) -> None:
    colour = shapes(tmp_path / "data", count=8, stored=four)
    settings = {**BRIEF, "from_model": run, "backbone": None, "weights": None, "axes": "CYX"}
    with pytest.raises(InputError, match=r"\.tif: .*the image has 4 channels that differ"):
        stellate.train("classifier", colour, tmp_path / "run", settings=settings)
    assert not (tmp_path / "run" / "run.json").exists()
    tifffile.imwrite(colour / "disc" / "0.tif", np.zeros((3, 9, 9), np.uint8), photometric="minisblack")
    with pytest.raises(DataError, match=r"images differ in their number of channels"):
        stellate.train("classifier", colour, tmp_path / "run", settings={**BRIEF, "axes": "CYX"})


def test_pieces_around_boxes_and_around_objects(
    shapes: Writer, annotated_folder: Path, tmp_path: Path
) -> None:
    boxes = shapes(tmp_path / "boxes", count=12, boxes=True)
    settings = {**BRIEF, "crop_margin": 0.5}
    trained = stellate.train("classifier", boxes, tmp_path / "run", settings=settings)
    assert trained.info.masks == {"kind": "crops", "margin": 0.5}
    assert trained.info.class_names == ("cross", "disc")
    assert len(stellate.evaluate(trained, boxes).metrics.images) == 12
    other = stellate.evaluate(trained, boxes, labels=LabelOptions(crop_margin=0.0))
    assert len(other.metrics.images) == 12
    with pytest.raises(DataError, match=r"all images are of one class"):
        stellate.train("classifier", annotated_folder, tmp_path / "objects", settings=BRIEF)


def test_pieces_of_an_image_are_on_one_side(annotated_folder: Path, tmp_path: Path) -> None:
    """Objects of two classes, in masks with a table of classes beside them."""
    (tmp_path / "images").symlink_to(annotated_folder / "images")
    (tmp_path / "masks").mkdir()
    for mask in (annotated_folder / "masks").iterdir():
        labels = imread(mask)
        tifffile.imwrite(tmp_path / "masks" / mask.name, labels)
        rows = [f"{k},{'even' if k % 2 == 0 else 'odd'}" for k in range(1, labels.max() + 1)]
        text = "\n".join(["label,class", *rows]) + "\n"
        (tmp_path / "masks" / f"{mask.stem}.csv").write_text(text, encoding="utf-8")
    trained = stellate.train("classifier", tmp_path, tmp_path / "run", settings=BRIEF)
    assert trained.info.class_names == ("even", "odd")
    images = json.loads((tmp_path / "run" / "run.json").read_text())["images"]
    sides = [{name.split(" ")[0] for name in images[part]} for part in ("train", "validation")]
    assert sides[0]
    assert sides[1]
    assert not sides[0] & sides[1]


def test_a_model_to_start_from_keeps_its_classes(run: Path, few: Path, tmp_path: Path) -> None:
    settings = {**BRIEF, "backbone": None, "weights": None, "from_model": run, "learning_rate": 1e-7}
    said: list[str] = []
    tuned = stellate.train("classifier", few, tmp_path / "tuned", settings=settings, say=said.append)
    assert tuned.info.class_names == ("cross", "disc")
    assert tuned.info.training["started_from"] == "first"
    first = stellate.load(run).network.state_dict()
    for name, parameter in tuned.network.named_parameters():  # the rate is next to nothing
        np.testing.assert_allclose(parameter.detach().numpy(), first[name].numpy(), atol=1e-5)
    assert tuned.info.normalization == stellate.load(run).info.normalization
    (tmp_path / "other").mkdir()
    for name in ("disc", "star"):
        (tmp_path / "other" / name).symlink_to(few / ("disc" if name == "disc" else "cross"))
    with pytest.raises(ConfigError, match=r"take its backbone alone \(weights MODEL\)"):
        stellate.train("classifier", tmp_path / "other", tmp_path / "run", settings=settings)


def test_a_backbone_of_another_model_learns_other_classes(run: Path, few: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    for name, others in (("star", "cross"), ("ball", "disc")):
        (tmp_path / "other" / name).symlink_to(few / others)
    settings = {**BRIEF, "weights": run, "freeze": "backbone"}
    said: list[str] = []
    trained = stellate.train(
        "classifier", tmp_path / "other", tmp_path / "run", settings=settings, say=said.append
    )
    assert trained.info.class_names == ("ball", "star")
    assert any(line.startswith("weights model.safetensors: ") and "tensors taken" in line for line in said)
    first = stellate.load(run).network.state_dict()
    backbone = {n: w for n, w in trained.network.state_dict().items() if n.startswith("backbone.")}
    assert backbone
    assert all(np.array_equal(w.numpy(), first[n].numpy()) for n, w in backbone.items())


@pytest.fixture
def grouped(few: Path, tmp_path: Path) -> Path:
    """Images of four patients, in pairs."""
    (tmp_path / "images").mkdir()
    rows = ["image,class,patient"]
    for k in range(8):
        name = ("disc", "cross")[k % 2]
        (tmp_path / "images" / f"{k}.tif").write_bytes((few / name / f"{k}.tif").read_bytes())
        rows.append(f"{k}.tif,{name},patient {k // 2}")
    (tmp_path / "classes.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


def held_out(fold: Path) -> set[str]:
    images = json.loads((fold / "run.json").read_text())["images"]
    assert not {*images["train"].values()} & {*images["validation"].values()}
    return set(images["validation"])


def test_folds_measure_every_image_once_and_go_on_where_they_ended(grouped: Path, tmp_path: Path) -> None:
    out = tmp_path / "folds"
    settings = {**BRIEF, "folds": 2, "epochs": 2}

    def stop(done: int, total: int, text: str) -> None:
        assert total == 4
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stellate.train("classifier", grouped, out, settings=settings, progress=stop)
    first = (out / "fold_1" / "model.safetensors").stat().st_mtime_ns
    assert not (out / "fold_2" / "model.safetensors").exists()
    with pytest.raises(ConfigError, match=r"holds several training runs already; add --resume"):
        stellate.train("classifier", grouped, out, settings=BRIEF)
    found: Any = stellate.train("classifier", grouped, out, resume=True)
    assert (out / "fold_1" / "model.safetensors").stat().st_mtime_ns == first
    whole: Any = stellate.train("classifier", grouped, tmp_path / "whole", settings=settings)
    assert found.table.equals(whole.table)

    parts = [held_out(out / f"fold_{k}") for k in (1, 2)]
    assert parts[0] | parts[1] == {f"images/{k}.tif" for k in range(8)}
    patients = [{int(Path(name).stem) // 2 for name in part} for part in parts]
    assert not patients[0] & patients[1]
    table = pd.read_csv(out / "evaluation_images.csv", dtype=str)
    assert sorted(table["image"]) == [str(k) for k in range(8)]
    for k, part in enumerate(parts, start=1):
        model = stellate.load(out / f"fold_{k}")
        for name in part:
            row = table[table["image"] == Path(name).stem].iloc[0]
            best, probability = model.predict(grouped / name).best
            assert row["found"] == best
            assert float(row["probability"]) == pytest.approx(probability, abs=1e-4)
    assert pd.read_csv(out / "folds.csv")["fold"].tolist() == ["1", "2", "mean", "standard deviation"]

    with pytest.raises(ConfigError, match=r"seed was 0 when the run was started"):
        stellate.train("classifier", grouped, out, settings={"seed": 1}, resume=True)
    (grouped / "images" / "7.tif").write_bytes((grouped / "images" / "5.tif").read_bytes())
    with pytest.raises(DataError, match=r"the data is not what the run was started with .*7\.tif"):
        stellate.train("classifier", grouped, out, resume=True)


def test_folds_that_cannot_be_are_refused_before_any_is_trained(
    grouped: Path, run: Path, tmp_path: Path
) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"folds": 5}, r"5 folds need 5 different images, and there are 4 .*ask for fewer folds"),
        (
            {"folds": 2, "from_model": run},
            r"folds 2: the model to start from may have been trained on these images",
        ),
        ({"folds": 2, "patch": (64, 64)}, r"patch 64 x 64: images are seen as a whole"),
    ]
    for more, words in cases:
        with pytest.raises((ConfigError, DataError), match=words):
            stellate.train("classifier", grouped, tmp_path / "out", settings={**BRIEF, **more})
    text = (grouped / "classes.csv").read_text().replace("disc,patient 0", "ring,patient 0")
    (grouped / "classes.csv").write_text(text.replace("cross,patient 0", "ring,patient 0"))
    with pytest.raises(
        DataError, match=r"ring is in the images to validate on, but not in those to train on"
    ):
        stellate.train("classifier", grouped, tmp_path / "out", settings={**BRIEF, "folds": 2})
    assert not (tmp_path / "out" / "fold_1").exists()


def test_googlenet_trains_with_its_small_classifiers(few: Path, tmp_path: Path) -> None:
    settings = {**BRIEF, "backbone": "googlenet"}
    trained = stellate.train("classifier", few, tmp_path / "run", settings=settings)
    header = (tmp_path / "run" / "history.csv").read_text(encoding="utf-8").splitlines()[0]
    assert "train_auxiliary" in header
    assert "val_auxiliary" not in header
    assert trained.predict(few / "disc" / "0.tif").best[0] in ("cross", "disc")
