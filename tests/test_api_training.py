"""The verbs around training, from an annotated folder to a measured model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from skimage.io import imread, imsave

import stellate
from stellate import api
from stellate.data.folder import open_folder
from stellate.errors import ConfigError, DataError, InputError, OutputError
from stellate.metrics.instances import score_instances
from stellate.prediction.options import PredictOptions
from stellate.prediction.tuning import IOUS, tune_thresholds

SETTINGS = {
    "epochs": 14,
    "steps_per_epoch": 20,
    "batch_size": 2,
    "patch": (64, 64),
    "validation_patches": 4,
    "warmup_steps": 10,
    "learning_rate": 4e-3,
    "ema_decay": 0.9,
    "precision": "float32",
    "device": "cpu",
    "validation": 0.25,
    "network": {"depth": 2, "base_channels": 8, "head_channels": 16, "n_rays": 16},
}


@pytest.fixture(scope="module")
def run(annotated_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "fields"
    said: list[str] = []
    epochs: list[int] = []
    stellate.train(
        "stardist",
        annotated_folder,
        folder,
        settings=SETTINGS,
        progress=lambda done, total, text: epochs.append(done),
        say=said.append,
    )
    assert epochs == list(range(1, 15))
    assert any(line.startswith("grid") for line in said)
    return folder


def test_a_run_leaves_everything(run: Path) -> None:
    names = {p.name for p in run.iterdir()}
    assert names == {
        "model.safetensors", "run.json", "history.csv", "curves.png", "validation.png", "checkpoints",
        "evaluation.csv", "evaluation_images.csv", "evaluation.json", "evaluation.html",
    }  # fmt: skip
    assert imread(run / "validation.png").std() > 10
    assert imread(run / "curves.png").std() > 10


def test_the_model_finds_the_objects_and_knows_itself(run: Path, annotated_folder: Path) -> None:
    model = stellate.load(run)
    info = model.info
    assert info.name == "fields"
    assert info.training["train_images"] == 6
    assert info.training["validation_images"] == 2
    assert 14 < info.object_diameter_px < 22
    evaluation = stellate.evaluate(model, annotated_folder)
    assert evaluation.metrics.pooled[0].f1 > 0.6
    written = json.loads((run / "evaluation.json").read_text(encoding="utf-8"))
    assert {k: written[k] for k in info.metrics["validation"]} == info.metrics["validation"]
    assert written["model"] == "fields"


def test_evaluation_is_what_the_metrics_say(run: Path, annotated_folder: Path, tmp_path: Path) -> None:
    model = stellate.load(run)
    evaluation = stellate.evaluate(run, annotated_folder, tmp_path / "out")
    dataset = open_folder(annotated_folder)
    found = [model.predict(dataset.image(k)).labels for k in range(len(dataset))]
    truths = [dataset.annotation(k).labels for k in range(len(dataset))]
    expected = score_instances(found, truths)
    assert [s.true_positives for s in evaluation.metrics.pooled] == [
        s.true_positives for s in expected.pooled
    ]
    assert len(evaluation.table()) == 10
    assert len(evaluation.image_table()) == len(dataset)
    page = (tmp_path / "out" / "evaluation.html").read_text(encoding="utf-8")
    assert "data:image/png;base64," in page
    assert all(record.name in page for record in dataset.records)


def test_thresholds_are_the_best_of_a_grid(run: Path, annotated_folder: Path) -> None:
    model, dataset = stellate.load(run), open_folder(annotated_folder)
    thresholds, best = tune_thresholds(model, dataset, device="cpu")
    truths = [dataset.annotation(k).labels for k in range(len(dataset))]

    def score(prob: float, nms: float) -> float:
        found = [
            model.predict(dataset.image(k), prob_threshold=prob, nms_threshold=nms).labels
            for k in range(len(dataset))
        ]
        return float(np.mean([s.accuracy for s in score_instances(found, truths, IOUS).pooled]))

    assert best == pytest.approx(score(thresholds["prob_threshold"], thresholds["nms_threshold"]), abs=0.03)
    assert best >= max(score(p, 0.4) for p in (0.2, 0.4, 0.6, 0.8)) - 0.03


@pytest.mark.parametrize("channels", [(1,), (2, 1, 0)])
def test_a_model_remembers_its_channels(annotated_folder: Path, tmp_path: Path, channels: tuple) -> None:
    """The fields are the green of pictures whose red is blank and whose blue is noise."""
    for k in range(8):
        part = tmp_path / "data" / ("val" if k % 4 == 0 else "train")
        for folder in ("images", "masks"):
            (part / folder).mkdir(parents=True, exist_ok=True)
        green = imread(annotated_folder / "images" / f"{k}.tif")
        noise = np.random.default_rng(k).integers(0, 4096, green.shape)
        picture = np.stack([np.arange(96)[:, np.newaxis] + 0 * green, green, noise], axis=-1)
        imsave(part / "images" / f"{k}.tif", picture.astype(np.uint16), check_contrast=False)
        shutil.copy(annotated_folder / "masks" / f"{k}.tif", part / "masks")
    settings = {**SETTINGS, "epochs": 4, "channels": channels}
    model = stellate.train("stardist", tmp_path / "data", tmp_path / "run", settings=settings)
    assert stellate.load(tmp_path / "run").info.channels == channels
    plain, told, other = (
        stellate.evaluate(model, tmp_path / "data", split="val", options=PredictOptions(channels=chosen))
        for chosen in ((), channels, (0, 1, 2)[: len(channels)])
    )
    assert plain.metrics.summary() == told.metrics.summary() == model.info.metrics["validation"]
    assert plain.metrics.pooled[0].true_positives > 0
    assert other.metrics.summary() != plain.metrics.summary()
    validation = open_folder(tmp_path / "data").split("val")
    thresholds, _ = tune_thresholds(model, validation, device="cpu")
    assert thresholds == {k: model.info.settings[k] for k in thresholds}


def test_fine_tuning_from_a_run(run: Path, annotated_folder: Path, tmp_path: Path) -> None:
    settings = {k: v for k, v in SETTINGS.items() if k != "network"}
    settings |= {"epochs": 1, "steps_per_epoch": 2, "learning_rate": 1e-5, "from_model": run}
    tuned = stellate.train("stardist", annotated_folder, tmp_path / "tuned", settings=settings)
    assert tuned.info.config == stellate.load(run).info.config
    assert tuned.info.training["started_from"] == "fields"
    assert stellate.evaluate(tuned, annotated_folder).metrics.pooled[0].f1 > 0.6


@pytest.mark.parametrize("name", ["trained_grid22", "keras2_classes_grid22"])
def test_fine_tuning_from_a_folder_of_stardist(annotated_folder: Path, tmp_path: Path, name: str) -> None:
    """Without batch norm and foreground, and with classes that the data does not have."""
    start = Path(__file__).parent / "fixtures" / "stardist" / name
    before = stellate.load(start)
    settings = {k: v for k, v in SETTINGS.items() if k != "network"}
    settings |= {
        "epochs": 1,
        "steps_per_epoch": 1,
        "learning_rate": 1e-9,
        "ema_decay": 0.0,
        "from_model": start,
    }
    tuned = stellate.train("stardist", annotated_folder, tmp_path / "tuned", settings=settings)
    assert tuned.network.config == before.network.config
    assert tuned.info.class_names == before.info.class_names
    assert tuned.info.settings["distance_loss"] == "l1"
    for key, value in tuned.network.state_dict().items():
        if "running" not in key and "num_batches" not in key:
            np.testing.assert_allclose(value, before.network.state_dict()[key], atol=1e-5)


def test_thresholds_that_are_set_are_kept(run: Path, annotated_folder: Path, tmp_path: Path) -> None:
    settings = {k: v for k, v in SETTINGS.items() if k != "network"}
    settings |= {"epochs": 1, "steps_per_epoch": 1, "from_model": run, "task": {"prob_threshold": 0.37}}
    tuned = stellate.train("stardist", annotated_folder, tmp_path / "tuned", settings=settings)
    assert tuned.info.settings["prob_threshold"] == 0.37
    assert tuned.task().prob_threshold == 0.37


def test_validation_without_objects_leaves_the_thresholds(
    run: Path, annotated_folder: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    for part in ("train", "val"):
        shutil.copytree(annotated_folder, data / part)
    for mask in (data / "val" / "masks").iterdir():
        imsave(mask, np.zeros((96, 96), np.uint16), check_contrast=False)
    settings = {k: v for k, v in SETTINGS.items() if k != "network"}
    settings |= {"epochs": 1, "steps_per_epoch": 1, "from_model": run}
    tuned = stellate.train("stardist", data, tmp_path / "tuned", settings=settings)
    kept = stellate.load(run).info.settings
    assert {n: tuned.info.settings[n] for n in ("prob_threshold", "nms_threshold")} == {
        n: kept[n] for n in ("prob_threshold", "nms_threshold")
    }


@pytest.mark.parametrize("verb", ["train", "evaluate"])
def test_an_output_that_cannot_be_written_shows_before_the_work(
    run: Path, annotated_folder: Path, tmp_path: Path, verb: str
) -> None:
    (tmp_path / "file").write_text("")
    arguments = ("stardist", annotated_folder) if verb == "train" else (run, annotated_folder)
    with pytest.raises(OutputError, match=r"cannot write into .*part of the path is a file"):
        getattr(stellate, verb)(*arguments, tmp_path / "file" / "deeper")


def test_an_existing_run_is_kept(run: Path, annotated_folder: Path) -> None:
    before = (run / "model.safetensors").read_bytes()
    with pytest.raises(ConfigError, match="add --resume"):
        stellate.train("stardist", annotated_folder, run, settings=SETTINGS)
    assert (run / "model.safetensors").read_bytes() == before


def test_resuming_with_other_settings_is_refused(run: Path, annotated_folder: Path) -> None:
    with pytest.raises(ConfigError, match="batch_size was 2 when the run was started"):
        stellate.train("stardist", annotated_folder, run, settings={"batch_size": 8}, resume=True)


def test_check_and_show(annotated_folder: Path, tmp_path: Path) -> None:
    report = api.check(annotated_folder)
    assert report.can_train
    assert report.n_images == 8
    picture = imread(api.show(annotated_folder, tmp_path / "sheet.png"))
    assert picture.ndim == 3
    assert picture.std() > 10


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        stellate.train("stardist", tmp_path / "none", tmp_path / "run")


def test_no_such_model(annotated_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'stardist'"):
        stellate.train("startdist", annotated_folder, tmp_path / "run")


def test_an_image_that_cannot_be_evaluated_is_named(run: Path, tmp_path: Path) -> None:
    for folder, value in (("images", np.nan), ("masks", 1)):
        (tmp_path / folder).mkdir()
        array = np.full((40, 40), value, np.float32 if folder == "images" else np.uint8)
        tifffile.imwrite(tmp_path / folder / "bad.tif", array)
    with pytest.raises(InputError, match=r"images.bad\.tif: .*NaN"):
        stellate.evaluate(run, tmp_path)
