"""What a run is fed with: patches of the sides and voxels that were chosen, within a bound of memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from stellate.data.folder import Dataset, open_folder
from stellate.data.samples import MEMORY, SyntheticSamples
from stellate.errors import ConfigError
from stellate.training import feed
from stellate.training.choices import Choices
from stellate.training.feed import patch_datasets
from stellate.training.fit import PatchModule
from stellate.training.settings import TrainSettings

NETWORK = {"in_channels": 1, "grid": (1, 2, 2), "anisotropy": (3.0, 1.0, 1.0)}


class Labels:
    """A task whose target is the annotation."""

    def target(self, sample: Any) -> dict[str, Any]:
        return {"labels": sample.annotation.labels}


@pytest.fixture(scope="module")
def volumes(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Three volumes whose planes are as bright as their number, with as many labels."""
    folder = tmp_path_factory.mktemp("volumes")
    labels = np.broadcast_to(np.arange(1, 13, dtype=np.uint16)[:, None, None], (12, 60, 60))
    for k in range(3):
        for name in ("images", "masks"):
            (folder / name).mkdir(exist_ok=True)
            np.save(folder / name / f"{k}.npy", labels)
    return open_folder(folder)


def made(volumes: Dataset, **changes: Any) -> tuple[Any, Any]:
    intensity = changes.pop("intensity", 0.0)
    choices = Choices(
        network=dict(NETWORK), anisotropy=(3.0, 1.0, 1.0), patch=(4, 16, 16), intensity=intensity
    )
    settings = TrainSettings(**changes)
    return patch_datasets(volumes[:2], volumes[2:], Labels(), choices, settings=settings)


def test_patches_of_volumes_have_the_chosen_sides_and_stay_in_their_planes(volumes: Dataset) -> None:
    train, validation = made(volumes)
    for patches in (train, validation):
        for index in range(8):
            patch = patches[index]
            assert patch["image"].shape == (1, 4, 16, 16)
            known = patch["labels"] > 0
            # every plane has one label: the voxels are three times as long along z, so that nothing was turned into it
            planes = np.broadcast_to(patch["labels"][:, 8:9, 8:9], known.shape)
            np.testing.assert_array_equal(patch["labels"], planes)


def test_validation_patches_are_the_same_in_every_epoch_and_as_they_are(volumes: Dataset) -> None:
    (_, one), (_, other) = made(volumes, seed=0), made(volumes, seed=1)
    for index in range(5):
        np.testing.assert_array_equal(one[index]["image"], other[index]["image"])
        assert (np.diff(one[index]["labels"][:, 0, 0]) == 1).all()


@pytest.mark.parametrize(("workers", "devices", "share"), [(0, 1, 1), (1, 1, 1), (4, 1, 4), (3, 2, 6)])
def test_processes_share_the_memory(volumes: Dataset, workers: int, devices: int, share: int) -> None:
    train, validation = made(volumes, workers=workers, devices=devices, synthetic=0.5)
    for source in (*train.sources, *validation.sources):
        assert source._memory == MEMORY // share


def test_a_share_of_generated_volumes(volumes: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    train, validation = made(volumes, synthetic=0.25)
    generated = train.sources[1]
    assert isinstance(generated, SyntheticSamples)
    assert generated.size == (16, 24, 24)
    assert generated.anisotropy == (pytest.approx(2.5), pytest.approx(3.6))
    assert len(validation.sources) == 1
    seen: list[str] = []
    cut = train.cut
    monkeypatch.setattr(train, "cut", lambda sample, rng: seen.append(sample.name) or cut(sample, rng))
    for index in range(60):
        train[index]
    assert 0.1 < np.mean(["generated" in name for name in seen]) < 0.45


def test_generated_fields_have_one_channel(volumes: Dataset) -> None:
    choices = Choices(network={**NETWORK, "in_channels": 2}, patch=(4, 16, 16))
    with pytest.raises(ConfigError, match="generated fields have 1 channel, the images have 2"):
        feed._generated(choices, TrainSettings(synthetic=0.5))


def test_loaders_give_the_same_batches_with_and_without_workers(volumes: Dataset) -> None:
    batches = []
    for workers in (0, 2):
        settings = TrainSettings(steps_per_epoch=3, validation_patches=3, workers=workers, batch_size=2)
        module = PatchModule(*made(volumes, workers=workers, intensity=1.0), settings)
        batches.append([*module.train_dataloader(), *module.val_dataloader()])
    assert len(batches[0]) == 5
    for alone, helped in zip(*batches, strict=True):
        assert torch.equal(alone["image"], helped["image"])
        assert torch.equal(alone["labels"], helped["labels"])
