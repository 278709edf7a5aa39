"""Training on volumes from the command line, from an annotated folder to a measured model."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

import stellate
from stellate.cli.main import main
from stellate.errors import ConfigError, DataError

SHAPE = (16, 44, 44)
RADII = np.array([4.0, 7.0, 7.0])
SETTINGS = {
    "epochs": 3,
    "steps_per_epoch": 50,
    "batch_size": 2,
    "patch": (16, 24, 24),
    "validation_patches": 2,
    "warmup_steps": 10,
    "learning_rate": 1e-2,
    "ema_decay": 0.0,
    "precision": "float32",
    "device": "cpu",
    "network": {"depth": 1, "base_channels": 8, "head_channels": 16, "n_rays": 32},
}


def balls(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Six bright ellipsoids that do not touch: pixels and labels."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(SHAPE, np.uint16)
    at = np.indices(SHAPE).T.swapaxes(0, 2).astype(float)
    while labels.max() < 6:
        centre = rng.uniform([3, 5, 5], [13, 39, 39])
        far = (((at - centre) / (RADII * rng.uniform(0.9, 1.1))) ** 2).sum(axis=-1)
        if not labels[far <= 1.3].any():
            labels[far <= 1] = labels.max() + 1
    return rng.poisson(10 + 190 * (labels > 0)).astype(np.uint16), labels


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five volumes: of ImageJ with a voxel size, a bare array, and planes without a name."""
    root = tmp_path_factory.mktemp("volumes")
    for kind in ("images", "masks"):
        (root / kind).mkdir()
    metadata = {"axes": "ZYX", "spacing": 0.5, "unit": "um"}
    for seed in range(5):
        for kind, array in zip(("images", "masks"), balls(seed), strict=True):
            path = root / kind / f"{seed}.tif"
            if seed < 3:
                tifffile.imwrite(path, array, imagej=True, metadata=metadata, resolution=(4, 4))
            elif seed == 3:
                np.save(path.with_suffix(".npy"), array)
            else:
                tifffile.imwrite(path, array)
    return root


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Interrupted at the end of the second epoch, and taken up again after the first from the command line."""
    out = tmp_path_factory.mktemp("runs") / "balls"

    def interrupt(done: int, total: int, text: str = "") -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stellate.train("stardist", folder, out, settings=SETTINGS, progress=interrupt)
    assert not (out / "model.safetensors").exists()
    assert main(["train", "stardist", str(folder), "-o", str(out), "--resume"]) == 0
    return out


def test_a_run_learns_and_leaves_everything(run: Path) -> None:
    with (run / "history.csv").open() as file:
        losses = [float(row["val_loss"]) for row in csv.DictReader(file)]
    assert len(losses) == 3
    assert losses[2] < losses[0]
    assert {p.name for p in run.iterdir()} == {
        "model.safetensors", "run.json", "history.csv", "curves.png", "validation.png", "checkpoints",
        "evaluation.csv", "evaluation_images.csv", "evaluation.json", "evaluation.html",
    }  # fmt: skip
    choices = json.loads((run / "run.json").read_text())["choices"]
    assert any(line.startswith("anisotropy") and "by the voxel size" not in line for line in choices)
    assert any(line.startswith("grid") and "1 x 2 x 2" in line for line in choices)


def test_the_model_finds_the_objects_and_knows_itself(run: Path, folder: Path, tmp_path: Path) -> None:
    info = stellate.load(run).info
    assert (info.axes, info.spacing_um) == ("ZYX", None)  # not all volumes say it
    assert info.config["grid"] == [1, 2, 2]
    assert info.config["anisotropy"] == pytest.approx([7 / 4, 1, 1], abs=0.3)
    assert info.object_diameter_px == pytest.approx(2 * np.prod(RADII) ** (1 / 3), rel=0.15)
    assert main(["evaluate", str(run), str(folder), "-o", str(tmp_path), "--device", "cpu"]) == 0
    known = json.loads((tmp_path / "evaluation.json").read_text())
    assert known["n_images"] == 5
    evaluation = stellate.evaluate(run, folder)
    assert evaluation.metrics.pooled[0].f1 > 0.6
    image, truth = stellate.read(folder / "images" / "0.tif"), balls(0)[1]
    found = stellate.load(run).predict(image).labels
    assert found.shape == truth.shape
    overlap = (found > 0) & (truth > 0)
    assert overlap.sum() > 0.5 * ((found > 0) | (truth > 0)).sum()


def test_the_folder_is_described_checked_and_shown(folder: Path, tmp_path: Path, capsys) -> None:
    assert main(["data", "check", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "no voxel size is stated by 2 of 5 volumes" in said
    assert "training can start" in said
    assert main(["info", str(folder)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "spatial axes ZYX" in said
    assert "anisotropy 1." in said
    assert main(["data", "show", str(folder), "-o", str(tmp_path / "sheet.png")]) == 0
    assert (tmp_path / "sheet.png").stat().st_size > 5000


def tiny(folder: Path, out: Path, **settings: object) -> object:
    small = {"epochs": 1, "steps_per_epoch": 1, "validation_patches": 1, "warmup_steps": 0, "device": "cpu"}
    return stellate.train("stardist", folder, out, settings={**small, "patch": (16, 24, 24), **settings})


def test_fine_tuning_starts_from_the_weights(run: Path, folder: Path, tmp_path: Path) -> None:
    tuned = tiny(folder, tmp_path / "tuned", from_model=run, learning_rate=1e-9, ema_decay=0.0)
    before = stellate.load(run)
    assert tuned.info.training["started_from"] == "balls"
    assert tuned.network.config == before.network.config
    for name, value in tuned.network.state_dict().items():
        if "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(value, before.network.state_dict()[name], atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["trained_unet_grid122", "resnet_classes_grid124"])
def test_fine_tuning_from_a_folder_of_stardist(folder: Path, tmp_path: Path, name: str) -> None:
    start = Path(__file__).parent / "fixtures" / "stardist_3d" / name
    before = stellate.load(start)
    settings = {"patch": None, "from_model": start, "learning_rate": 1e-9, "ema_decay": 0.0}
    tuned = tiny(folder, tmp_path / "tuned", **settings)
    assert tuned.network.config == before.network.config
    assert (tuned.info.class_names, tuned.info.settings["distance_loss"]) == (before.info.class_names, "l1")
    for key, value in tuned.network.state_dict().items():
        if "running" not in key and "num_batches" not in key:
            torch.testing.assert_close(value, before.network.state_dict()[key], atol=1e-5, rtol=0)


def test_fine_tuning_from_a_model_for_images_is_refused(folder: Path, run: Path, tmp_path: Path) -> None:
    planar = Path(__file__).parent / "fixtures" / "stardist" / "trained_grid22"
    with pytest.raises(
        ConfigError, match="the model to start from is for images, axes YX, but the data is volumes"
    ):
        tiny(folder, tmp_path / "a", from_model=planar)
    assert main(["data", "check", str(folder), "--model", str(planar)]) == 0


def test_volumes_and_images_do_not_mix(folder: Path, tmp_path: Path) -> None:
    for kind in ("images", "masks"):
        shutil.copytree(folder / kind, tmp_path / "data" / "train" / kind)
        (tmp_path / "data" / "val" / kind).mkdir(parents=True)
    pixels, labels = balls(0)
    tifffile.imwrite(tmp_path / "data" / "val" / "images" / "flat.tif", pixels[8])
    tifffile.imwrite(tmp_path / "data" / "val" / "masks" / "flat.tif", labels[8])
    with pytest.raises(DataError, match=r"flat\.tif: an image to validate on, with the axes YX; .* have ZYX"):
        tiny(tmp_path / "data", tmp_path / "run")
    for kind in ("images", "masks"):
        shutil.copy(tmp_path / "data" / "val" / kind / "flat.tif", tmp_path / "data" / "train" / kind)
    with pytest.raises(DataError, match=r"flat\.tif: has the axes YX, where 0\.tif has ZYX"):
        tiny(tmp_path / "data", tmp_path / "run")
    assert main(["data", "check", str(tmp_path / "data")]) == 1


def test_a_resnet(folder: Path, tmp_path: Path) -> None:
    network = {"backbone": "resnet", "base_channels": 4, "head_channels": 8, "n_rays": 32, "n_blocks": 4}
    model = tiny(folder, tmp_path / "run", network=network)
    assert stellate.load(tmp_path / "run").network.config.backbone == "resnet"
    assert model.predict(balls(0)[0]).labels.shape == SHAPE
