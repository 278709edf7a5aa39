"""The loop: repeatable, resumable, and indifferent to loader workers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stellate.data.folder import open_folder
from stellate.errors import ConfigError, ModelFileError
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
    with pytest.raises(ConfigError, match="holds a training run already; add --resume"):
        train(annotated_folder, run[1])


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
