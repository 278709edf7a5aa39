"""The loop: repeatable, resumable, and indifferent to loader workers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from stellate.data.folder import open_folder
from stellate.errors import ConfigError, DataError, InputError, ModelFileError, OutputError
from stellate.training import history, module
from stellate.training.fit import load_checkpoint
from stellate.training.history import read_history
from stellate.training.run import Run, train_network
from stellate.training.settings import TrainSettings

TINY = {
    "depth": 2,
    "base_channels": 4,
    "head_channels": 8,
    "n_rays": 8,
    "batch_norm": True,
    "foreground": True,
}
SETTINGS = TrainSettings(
    epochs=4,
    steps_per_epoch=5,
    batch_size=2,
    patch=(64, 64),
    validation_patches=4,
    warmup_steps=4,
    network=TINY,
    precision="float32",
    device="cpu",
    validation=0.25,
)


def train(data: Path, folder: Path, settings: TrainSettings = SETTINGS, **options: Any) -> Run:
    return train_network("stardist", open_folder(data), folder, settings=settings, **options)


def weights(run: Run) -> dict[str, torch.Tensor]:
    return run.network.state_dict()


def assert_same(one: Run, other: Run) -> None:
    a, b = weights(one), weights(other)
    assert all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def run(annotated_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    folder = tmp_path_factory.mktemp("run") / "plain"
    return train(annotated_folder, folder), folder


def test_losses_fall(run: tuple[Run, Path]) -> None:
    rows = read_history(run[1] / "history.csv")
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert rows[-1]["train_loss"] < rows[0]["train_loss"]
    for row in rows:
        parts = sum(row[f"val_{name}"] for name in ("prob", "distances", "foreground"))
        assert row["val_loss"] == pytest.approx(parts, rel=1e-4)


def test_the_best_weights_are_kept(run: tuple[Run, Path]) -> None:
    rows = read_history(run[1] / "history.csv")
    assert run[0].fitted.best_loss == pytest.approx(min(row["val_loss"] for row in rows))


def test_the_same_seed_gives_the_same_model(
    run: tuple[Run, Path], annotated_folder: Path, tmp_path: Path
) -> None:
    assert_same(run[0], train(annotated_folder, tmp_path / "again"))


def test_another_seed_gives_another(run: tuple[Run, Path], annotated_folder: Path, tmp_path: Path) -> None:
    other = train(annotated_folder, tmp_path / "other", replace(SETTINGS, seed=1))
    assert not torch.equal(weights(other)["prob.weight"], weights(run[0])["prob.weight"])


def test_workers_change_nothing(run: tuple[Run, Path], annotated_folder: Path, tmp_path: Path) -> None:
    assert_same(run[0], train(annotated_folder, tmp_path / "helped", replace(SETTINGS, workers=2)))


def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(
    run: tuple[Run, Path], annotated_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "broken"

    def interrupt(epoch: int, epochs: int, losses: dict[str, float]) -> None:
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(annotated_folder, folder, report=interrupt)
    assert len(read_history(folder / "history.csv")) < 4
    assert_same(run[0], train(annotated_folder, folder, resume=True))
    assert read_history(folder / "history.csv") == read_history(run[1] / "history.csv")


def test_every_epoch_is_kept_also_when_it_is_no_better(annotated_folder: Path, tmp_path: Path) -> None:
    # a learning rate of nothing: the first epoch stays the best
    still = {**TINY, "batch_norm": False}
    settings = replace(SETTINGS, epochs=5, learning_rate=1e-30, ema_decay=0.0, network=still)

    def interrupt(epoch: int, epochs: int, losses: dict[str, float]) -> None:
        if epoch == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(annotated_folder, tmp_path / "broken", settings, report=interrupt)
    state = torch.load(tmp_path / "broken" / "checkpoints" / "last.ckpt", weights_only=True)
    assert state["global_step"] == 4 * SETTINGS.steps_per_epoch
    assert train(annotated_folder, tmp_path / "broken", settings, resume=True).fitted.epochs == 5
    assert [row["epoch"] for row in read_history(tmp_path / "broken" / "history.csv")] == [1, 2, 3, 4, 5]


def test_early_stopping(annotated_folder: Path, tmp_path: Path) -> None:
    # a learning rate of nearly nothing: validation cannot improve
    settings = replace(SETTINGS, epochs=30, steps_per_epoch=1, patience=2, learning_rate=1e-12, ema_decay=0.0)
    settings = replace(settings, network={**TINY, "batch_norm": False})
    fitted = train(annotated_folder, tmp_path / "early", settings).fitted
    assert fitted.stopped_early
    assert fitted.epochs < 10


def test_the_plateau_schedule_halves_the_rate(
    annotated_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # what is validated is the average of the weights, which a rate of nearly nothing does not make better
    monkeypatch.setattr(module, "PLATEAU_PATIENCE", 1)
    still = {**TINY, "batch_norm": False}
    settings = replace(
        SETTINGS, epochs=6, steps_per_epoch=1, schedule="plateau", learning_rate=1e-30, network=still
    )
    train(annotated_folder, tmp_path / "plateau", settings)
    rows = read_history(tmp_path / "plateau" / "history.csv")
    # the row is written before the epoch's step of the schedule
    assert [row["learning_rate"] for row in rows] == pytest.approx([1e-30] * 3 + [5e-31] * 2 + [2.5e-31])


def test_a_run_that_goes_wrong_ends_at_once(annotated_folder: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, learning_rate=1e12, ema_decay=0.0, warmup_steps=0)
    with pytest.raises(
        ConfigError, match=r"epoch 1: \w+ is no longer a finite number; .* lower learning rate"
    ):
        train(annotated_folder, tmp_path / "wild", settings)
    assert not (tmp_path / "wild" / "checkpoints").exists()


@pytest.mark.parametrize("place", ["file", "file/deeper"])
def test_a_folder_that_cannot_be_written_shows_at_once(
    annotated_folder: Path, tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").write_text("")
    said: list[str] = []
    with pytest.raises(OutputError, match="cannot write into"):
        train(annotated_folder, tmp_path / place, say=said.append)
    assert said == []


def test_a_full_disk_keeps_what_was_there(
    annotated_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full when the second epoch is written; later the run goes on from the first."""
    folder = tmp_path / "run"
    draw = history.draw_curves

    def full(rows: Any, path: Path) -> None:
        if len(rows) == 2:
            raise OutputError(28, "cannot write curves.png: the disk is full")
        draw(rows, path)

    monkeypatch.setattr(history, "draw_curves", full)
    with pytest.raises(OutputError, match="the disk is full"):
        train(annotated_folder, folder)
    monkeypatch.setattr(history, "draw_curves", draw)
    assert not list(folder.rglob("*.part*"))
    train(annotated_folder, folder, resume=True)
    assert [row["epoch"] for row in read_history(folder / "history.csv")] == [1, 2, 3, 4]


def test_the_parts_of_a_folder_are_kept_apart(annotated_folder: Path, tmp_path: Path) -> None:
    """Trained on train/, validated on val/; test/ is not even read."""
    data = tmp_path / "data"
    for split, names in {"train": "0123", "val": "45", "test": "6"}.items():
        for kind in ("images", "masks"):
            (data / split / kind).mkdir(parents=True)
            for name in names:
                shutil.copy(annotated_folder / kind / f"{name}.tif", data / split / kind)
    (data / "test" / "images" / "6.tif").write_bytes(b"no image")
    run = train(data, tmp_path / "run", replace(SETTINGS, epochs=1, steps_per_epoch=1))
    assert [r.name for r in run.train.records] == ["0", "1", "2", "3"]
    assert [r.name for r in run.validation.records] == ["4", "5"]


@pytest.mark.parametrize("split", ["train", "val"])
def test_images_with_nan_are_refused_before_training(
    annotated_folder: Path, tmp_path: Path, split: str
) -> None:
    data = tmp_path / "data"
    for part in ("train", "val"):
        shutil.copytree(annotated_folder, data / part)
    bad = data / split / "images" / "3.tif"
    pixels = tifffile.imread(bad).astype(np.float32)
    pixels[0, 0] = np.nan
    tifffile.imwrite(bad, pixels)
    said: list[str] = []
    with pytest.raises(DataError, match=r"3\.tif: 1 value that is NaN or infinite") as caught:
        train(data, tmp_path / "run", say=said.append)
    assert str(bad) in str(caught.value)
    assert said == []
    assert not (tmp_path / "run").exists()


def colours(annotated_folder: Path, folder: Path) -> Path:
    """The fields as the green of colour pictures whose red and blue are noise."""
    shutil.copytree(annotated_folder / "masks", folder / "masks")
    (folder / "images").mkdir()
    rng = np.random.default_rng(0)
    for file in (annotated_folder / "images").iterdir():
        green = tifffile.imread(file)
        noise = rng.integers(0, 256, (2, *green.shape))
        picture = np.stack([noise[0], green >> 8, noise[1]], axis=-1).astype(np.uint8)
        tifffile.imwrite(folder / "images" / file.name, picture, photometric="rgb")
    return folder


def test_colour_pictures(annotated_folder: Path, tmp_path: Path) -> None:
    data = colours(annotated_folder, tmp_path / "data")
    settings = replace(SETTINGS, epochs=1, steps_per_epoch=1)
    info = train(data, tmp_path / "all", settings).info
    assert (info.config["in_channels"], info.channels) == (3, ())
    green = train(data, tmp_path / "green", replace(settings, channels=1))
    assert (green.info.config["in_channels"], green.info.channels) == (1, (1,))
    expected = tifffile.imread(data / "images" / "0.tif")[..., 1]
    seen = next(k for k, r in enumerate(green.train.records) if r.name == "0")
    np.testing.assert_array_equal(green.train.image(seen).array[0], expected)
    info = train(data, tmp_path / "grey", replace(settings, channels="grey")).info
    assert (info.config["in_channels"], info.channels) == (1, ("grey",))
    with pytest.raises(InputError, match=r"0\.tif: there is no channel 5|0\.tif: no channel 5"):
        train(data, tmp_path / "none", replace(settings, channels=5))
    with pytest.raises(InputError, match=r"images.*\.tif: the model takes 1 channel, the image has 3"):
        train(data, tmp_path / "one", replace(settings, network={**TINY, "in_channels": 1}))


def test_classes_without_names_are_refused(annotated_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"network\.n_classes 2: the data has no classes"):
        train(annotated_folder, tmp_path / "x", replace(SETTINGS, network={**TINY, "n_classes": 2}))


def test_a_checkpoint_of_another_network_is_no_start(
    run: tuple[Run, Path], annotated_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(run[1], folder)
    with pytest.raises(ModelFileError, match=r"last\.ckpt: not a checkpoint of this network"):
        train(annotated_folder, folder, replace(SETTINGS, network={**TINY, "n_rays": 16}), resume=True)
    (folder / "checkpoints" / "last.ckpt").write_bytes(b"PK\x03\x04")
    with pytest.raises(ModelFileError, match=r"last\.ckpt: not a checkpoint of this network"):
        train(annotated_folder, folder, resume=True)


def test_a_complete_run_resumes_to_itself_elsewhere_too(
    run: tuple[Run, Path], annotated_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(run[1], tmp_path / "copy")
    again = train(annotated_folder, tmp_path / "copy", resume=True)
    assert_same(run[0], again)
    assert again.fitted.epochs == 4
    assert again.fitted.best_loss == run[0].fitted.best_loss


@pytest.mark.skipif(sys.platform != "linux", reason="starts further processes; once is enough")
def test_two_devices_share_a_run(annotated_folder: Path, tmp_path: Path) -> None:
    """Two processes train, one speaks and writes, and each patch is seen once: as many as with one device."""
    options = {"epochs": 2, "steps_per_epoch": 3, "batch_size": 4, "validation_patches": 4, "patch": [64, 64],
               "precision": "float32", "validation": 0.25, "network": TINY}  # fmt: skip
    script = tmp_path / "both.py"
    script.write_text(
        "import stellate\n"
        f"settings = { ({**options, 'patch': (64, 64), 'device': 'cpu', 'devices': 2})!r}\n"
        f"stellate.train('stardist', {str(annotated_folder)!r}, {str(tmp_path / 'both')!r},"
        " settings=settings, say=print)\n"
        "print('done')\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, env=environment, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("done") == 1
    assert done.stdout.count("in_channels") == 1
    assert "distributed" not in done.stderr
    rows = read_history(tmp_path / "both" / "history.csv")
    assert [(row["epoch"], row["step"]) for row in rows] == [(1, 3), (2, 6)]
    assert (tmp_path / "both" / "model.safetensors").is_file()
    # the gradient is the mean over the same patches; batch norm sees halves of the batch, so not exactly
    alone = replace(SETTINGS, epochs=2, steps_per_epoch=3, batch_size=4, warmup_steps=200)
    train(annotated_folder, tmp_path / "alone", alone)
    single = read_history(tmp_path / "alone" / "history.csv")
    assert rows[0]["train_loss"] == pytest.approx(single[0]["train_loss"], rel=0.15)


def test_starting_from_a_model_keeps_its_network(
    run: tuple[Run, Path], annotated_folder: Path, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, epochs=1, steps_per_epoch=1, learning_rate=1e-9, network={}, ema_decay=0.0)
    before = {k: v.clone() for k, v in weights(run[0]).items()}
    tuned = train(annotated_folder, tmp_path / "tuned", settings, start=(run[0].network, run[0].info))
    for name, value in weights(tuned).items():
        if "num_batches" not in name and "running" not in name:
            np.testing.assert_allclose(value, before[name], atol=1e-6)
    assert tuned.info.training["started_from"] == "plain"


def test_a_run_is_not_overwritten(run: tuple[Run, Path], annotated_folder: Path) -> None:
    before = {path: path.read_bytes() for path in run[1].rglob("*") if path.is_file()}
    with pytest.raises(ConfigError, match="holds a training run already; add --resume"):
        train(annotated_folder, run[1], replace(SETTINGS, epochs=9))
    assert {path: path.read_bytes() for path in run[1].rglob("*") if path.is_file()} == before


def test_nothing_to_resume(annotated_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to resume"):
        train(annotated_folder, tmp_path / "none", resume=True)


def test_a_damaged_checkpoint(run: tuple[Run, Path], tmp_path: Path) -> None:
    path = tmp_path / "best.ckpt"
    path.write_bytes((run[1] / "checkpoints" / "best.ckpt").read_bytes()[:2000])
    with pytest.raises(ModelFileError, match=r"best\.ckpt: not a checkpoint"):
        load_checkpoint(run[0].network, path)


def test_checkpoints_hold_no_objects(run: tuple[Run, Path], tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path(tmp_path / "owned").touch, ())

    path = tmp_path / "evil.ckpt"
    torch.save({"state_dict": Evil()}, path)
    with pytest.raises(ModelFileError):
        load_checkpoint(run[0].network, path)
    assert not (tmp_path / "owned").exists()
