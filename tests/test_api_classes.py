"""Several classes, from the annotated folder through training to every export."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from skimage.io import imread

import stellate
from stellate import api
from stellate.data.folder import open_folder
from stellate.errors import ConfigError, DataError
from stellate.io import read_geojson, read_rois
from stellate.io.class_colours import class_colour
from stellate.reports.overview import in_numbers

SETTINGS = {
    "epochs": 2,
    "steps_per_epoch": 200,
    "batch_size": 2,
    "patch": (64, 64),
    "validation_patches": 4,
    "warmup_steps": 10,
    "learning_rate": 4e-3,
    "ema_decay": 0.9,
    "precision": "float32",
    "device": "cpu",
    "intensity": 0.0,
    "network": {
        "depth": 1, "base_channels": 8, "head_channels": 16, "n_rays": 16, "grid": (2, 2),
    },
}  # fmt: skip
ONE_STEP = {k: v for k, v in SETTINGS.items() if k != "network"} | {
    "epochs": 1,
    "steps_per_epoch": 1,
    "learning_rate": 1e-9,
    "ema_decay": 0.0,
}
HALF, FULL = 90, 200


def field(seed: int) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """Discs of two brightnesses with ids far apart; the class of every third is not stated."""
    rng = np.random.default_rng(seed)
    image = rng.normal(12, 3, (96, 96))
    labels = np.zeros(image.shape, np.uint32)
    ids = rng.choice(10**6, 25, replace=False) + 1
    classes = {}
    rows, columns = np.indices(image.shape)
    for k, (row, column) in enumerate((r, c) for r in range(12, 96, 18) for c in range(12, 96, 18)):
        radius, bright = rng.uniform(5, 7.5), bool(rng.random() < 0.5)
        inside = np.hypot(rows - row - rng.uniform(-1, 1), columns - column - rng.uniform(-1, 1)) < radius
        image[inside] += FULL if bright else HALF
        labels[inside] = ids[k]
        if k % 3:
            classes[int(ids[k])] = "bright" if bright else "dim"
    return np.clip(image, 0, 255).astype(np.uint8), labels, classes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six images to train on, two to validate on; classes by name in tables and JSON."""
    root = tmp_path_factory.mktemp("classes")
    for seed in range(8):
        part = root / ("train" if seed < 6 else "val")
        image, labels, classes = field(seed)
        for kind, array in (("images", image), ("masks", labels)):
            (part / kind).mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(part / kind / f"f{seed}.tif", array)
        if seed % 2:
            text = "label;class\n" + "".join(f"{k};{v}\n" for k, v in classes.items())
            (part / "masks" / f"f{seed}.csv").write_text(text)
        else:
            (part / "masks" / f"f{seed}.json").write_text(json.dumps(classes))
    return root


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    output = tmp_path_factory.mktemp("runs") / "classes"
    said: list[str] = []
    stellate.train("stardist", folder, output, settings=SETTINGS, say=said.append)
    return output, said


def brightness(image: np.ndarray, labels: np.ndarray, label: int) -> str:
    return "bright" if np.median(image[labels == label]) > (HALF + FULL) / 2 else "dim"


def test_classes_are_learned_those_of_unknown_class_too(run, folder):
    """Every object found is of the class that its brightness tells, whether it was stated or not."""
    model = stellate.load(run[0])
    assert model.info.class_names == ("bright", "dim")
    right = total = 0
    for seed in (6, 7, 20, 21):
        image, labels, _ = field(seed)
        found = model.predict(image).instances[0]
        assert found.class_names == ("bright", "dim")
        assert abs(len(found) - len(np.unique(labels)) + 1) <= 3
        for label in range(1, len(found) + 1):
            right += found.class_names[found.classes[label - 1]] == brightness(image, found.labels, label)
            total += 1
    assert right / total > 0.95


def test_what_was_chosen_is_said(run):
    line = next(line for line in run[1] if line.startswith("classes"))
    assert "2: named in the data; objects: bright" in line
    assert line.endswith("54 of unknown class train their outline only")
    assert any(line.startswith("class weights") and "none" in line for line in run[1])


def test_scores_of_classes_are_written(run, folder, tmp_path):
    evaluation = stellate.evaluate(run[0], folder, tmp_path, split="val")
    classes = evaluation.metrics.classes
    assert classes.names == ("bright", "dim")
    assert classes.mean("f1") > 0.85
    assert classes.class_accuracy > 0.95
    assert classes.confusion[2].sum() == 2 * 9
    table = pd.read_csv(tmp_path / "evaluation_classes.csv")
    assert table["class"].tolist() == ["bright"] * 10 + ["dim"] * 10
    assert table["f1"].iloc[[0, 10]].mean() == pytest.approx(classes.mean("f1"))
    confusion = pd.read_csv(tmp_path / "evaluation_confusion.csv", index_col=0)
    assert confusion.loc["bright", "bright"] == classes.confusion[0, 0]
    summary = json.loads((tmp_path / "evaluation.json").read_text())
    assert summary["classes"]["by_class"]["dim"]["f1"] == pytest.approx(table["f1"].iloc[10])
    assert pd.read_csv(tmp_path / "evaluation.csv")["f1_by_class"][0] == pytest.approx(classes.mean("f1"))
    assert "Which class was found as which" in (tmp_path / "evaluation.html").read_text(encoding="utf-8")


def test_the_class_is_in_every_export_and_can_be_trained_on(run, folder, tmp_path):
    image, _, _ = field(30)
    tifffile.imwrite(tmp_path / "new.tif", image)
    prediction = stellate.load(run[0]).predict(tmp_path / "new.tif")
    paths = prediction.save(tmp_path / "out")
    table = pd.read_csv(paths["objects"])
    objects = prediction.instances[0]
    assert set(table["class"]) == {"bright", "dim"}
    named = {str(label): name for label, name in zip(table["label"], table["class"], strict=True)}
    assert {o.name: o.class_name for o in read_geojson(paths["geojson"])} == named
    assert {o.name: o.class_name for o in read_rois(paths["rois"])} == named
    drawn = {tuple(c) for c in imread(paths["overlay"]).reshape(-1, 3).tolist()}
    assert {class_colour(0), class_colour(1)} <= drawn
    data = tmp_path / "again"
    for kind, source in (("images", tmp_path / "new.tif"), ("masks", paths["labels"])):
        (data / kind).mkdir(parents=True)
        (data / kind / "new.tif").write_bytes(source.read_bytes())
    (data / "masks" / "new.csv").write_bytes(paths["objects"].read_bytes())
    again = open_folder(data).annotation(0)
    assert again.class_names == ("bright", "dim")
    np.testing.assert_array_equal(again.classes, objects.classes)


def test_fine_tuning_keeps_the_classes_in_the_order_of_the_start(run, folder, tmp_path):
    """Data that has one class of the two, listed otherwise."""
    data = copied(folder, tmp_path, lambda classes: {k: v for k, v in classes.items() if v == "dim"})
    tuned = stellate.train("stardist", data, tmp_path / "run", settings={**ONE_STEP, "from_model": run[0]})
    assert tuned.info.class_names == ("bright", "dim")
    before = stellate.load(run[0]).network.state_dict()
    after = tuned.network.state_dict()
    np.testing.assert_allclose(after["class_prob.weight"], before["class_prob.weight"], atol=1e-5)


def test_fine_tuning_on_other_classes_is_refused(run, folder, tmp_path):
    data = copied(folder, tmp_path, lambda classes: {k: v.upper() for k, v in classes.items()})
    settings = {**ONE_STEP, "from_model": run[0]}
    with pytest.raises(
        ConfigError, match="data has the classes BRIGHT, DIM, the model to start from bright, dim"
    ):
        stellate.train("stardist", data, tmp_path / "run", settings=settings)
    with pytest.raises(
        DataError, match="its classes are BRIGHT, DIM, those of the model bright, dim; name them alike"
    ):
        stellate.evaluate(run[0], data)


def test_a_start_without_classes_gets_a_new_head(run, folder, tmp_path):
    network = {**SETTINGS["network"], "n_classes": 0}
    plain = stellate.train("stardist", folder, tmp_path / "plain", settings={**ONE_STEP, "network": network})
    assert plain.info.class_names == ()
    assert plain.network.class_prob is None
    said: list[str] = []
    settings = {**ONE_STEP, "from_model": tmp_path / "plain"}
    tuned = stellate.train("stardist", folder, tmp_path / "tuned", settings=settings, say=said.append)
    assert any(line.startswith("class head") and "does not tell objects apart" in line for line in said)
    assert tuned.info.class_names == ("bright", "dim")
    assert tuned.info.config["n_classes"] == 2
    after = tuned.network.state_dict()
    for name, value in plain.network.state_dict().items():
        if "running" not in name and "num_batches" not in name:
            np.testing.assert_allclose(after[name], value, atol=1e-5)
    assert float(after["class_prob.weight"].std()) > 0.01


def test_balanced_weights_are_kept_in_the_model(folder, tmp_path):
    settings = {**ONE_STEP, "network": SETTINGS["network"], "task": {"class_weights": "balanced"}}
    trained = stellate.train("stardist", folder, tmp_path / "run", settings=settings)
    weights = stellate.load(tmp_path / "run").task().class_weights
    pixels = trained.info.training["data"]["class_pixels"]
    middle = (pixels["bright"] + pixels["dim"]) / 2
    assert weights == pytest.approx((1, middle / pixels["bright"], middle / pixels["dim"]), abs=1e-4)


def test_check_show_and_info_know_classes(folder, tmp_path):
    (finding,) = api.check(folder).findings
    assert finding.what == "72 objects of 200 without a class in files that state classes"
    assert api.info(folder).unknown_class == 72
    assert list(api.info(folder).class_objects) == ["bright", "dim"]
    picture = imread(api.show(folder, tmp_path / "sheet.png"))
    for k in (0, 1):  # the sheet shows images smaller or larger, which blurs lines
        assert (np.abs(picture.astype(int) - class_colour(k)).max(axis=-1) < 40).sum() > 100
    objects = open_folder(folder).annotation(0)
    counts = [int((objects.classes == k).sum()) for k in (0, 1)]
    assert in_numbers(objects) == f"25 objects: {counts[0]} bright, {counts[1]} dim"


def copied(folder: Path, target: Path, change) -> Path:
    data = target / "data"
    for part in ("train", "val"):
        for file in (folder / part).rglob("f*.tif"):
            place = data / file.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.read_bytes())
        for seed in range(8):
            if (data / part / "masks" / f"f{seed}.tif").exists():
                classes = change(field(seed)[2])
                (data / part / "masks" / f"f{seed}.json").write_text(json.dumps(classes))
    return data
