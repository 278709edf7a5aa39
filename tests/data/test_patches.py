"""Patches depend on the seed and their number alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from stellate.data.augmentation import Augmentation
from stellate.data.patches import EpochSampler, PatchDataset, PatchSettings, collate
from stellate.data.samples import Sample
from stellate.models.stardist import StarDistConfig
from stellate.results import Instances
from stellate.tasks.instances import InstancesTask


class Squares:
    """Samples with one square each, of a size that tells which sample it is."""

    def __init__(self, sizes: tuple[int, ...]) -> None:
        self.sizes = sizes

    def __len__(self) -> int:
        return len(self.sizes)

    def draw(self, rng: np.random.Generator) -> Sample:
        size = self.sizes[int(rng.integers(len(self)))]
        labels = np.zeros((50, 60), np.int32)
        labels[10 : 10 + size, 10 : 10 + size] = 41
        return Sample(
            (labels[None] > 0).astype(np.float32), Instances(labels, classes=np.arange(41) % 3), "s", size
        )


def targets(sample: Sample) -> dict[str, object]:
    labels = sample.annotation.labels
    return {"labels": labels.astype(np.int64), "ids": [np.unique(labels)]}


class Boxes(Squares):
    """Volumes with one box each."""

    def draw(self, rng: np.random.Generator) -> Sample:
        size = self.sizes[int(rng.integers(len(self)))]
        labels = np.zeros((20, 50, 60), np.int32)
        labels[5:15, 10 : 10 + size, 10 : 10 + size] = 41
        pixels = (labels[None] > 0).astype(np.float32)
        return Sample(pixels, Instances(labels, classes=np.arange(41) % 3), "b", size)


IMAGES, VOLUMES = (Squares, (32, 32)), (Boxes, (8, 32, 32))
both = pytest.mark.parametrize("kind", [IMAGES, VOLUMES], ids=["images", "volumes"])


def dataset(seed: int = 3, kind: tuple = IMAGES, **changes: object) -> PatchDataset:
    source, size = kind
    settings = PatchSettings(
        size=size, augmentation=Augmentation(rotation_chance=0.6), anisotropy=(2.0, 1.0, 1.0)
    )
    return PatchDataset([source((5, 9, 13))], targets, settings=settings, seed=seed, **changes)


def batches(workers: int, epoch: int, kind: tuple = IMAGES) -> list[torch.Tensor]:
    sampler = EpochSampler(8)
    sampler.set_epoch(epoch)
    patches = dataset(kind=kind)
    loader = DataLoader(patches, batch_size=2, sampler=sampler, num_workers=workers, collate_fn=collate)
    return [b["image"] for b in loader]


@both
def test_workers_make_the_same_patches_as_none(kind: tuple) -> None:
    alone, helped = batches(0, 1, kind), batches(2, 1, kind)
    assert all(torch.equal(a, b) for a, b in zip(alone, helped, strict=True))


@both
def test_no_patch_is_made_twice(kind: tuple) -> None:
    images = torch.cat(batches(0, 0, kind) + batches(0, 1, kind))
    assert len({i.numpy().tobytes() for i in images}) == len(images)


@both
def test_another_seed_makes_other_patches_and_the_same_seed_the_same(kind: tuple) -> None:
    one, same, other = (dataset(seed, kind)[0]["image"] for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_processes_share_an_epoch() -> None:
    whole = EpochSampler(8)
    parts = [EpochSampler(8, rank=r, world=2) for r in range(2)]
    for sampler in (whole, *parts):
        sampler.set_epoch(5)
    assert list(whole) == list(range(40, 48))
    assert sorted(i for p in parts for i in p) == list(whole)


@both
def test_ids_become_contiguous_and_classes_follow(kind: tuple) -> None:
    patches = dataset(kind=kind)
    seen = False
    for index in range(10):
        sample = patches.cut(
            patches.sources[0].draw(np.random.default_rng(index)), np.random.default_rng(index)
        )
        ids = np.unique(sample.annotation.labels)
        if (ids > 0).any():
            seen = True
            assert ids.max() == 1
            assert sample.annotation.classes.tolist() == [40 % 3]
    assert seen


@both
def test_an_image_without_objects_gives_patches_without_objects(kind: tuple) -> None:
    shape = {2: (50, 60), 3: (20, 50, 60)}[len(kind[1])]
    empty = Sample(np.zeros((1, *shape), np.float32), Instances(np.zeros(shape, np.int32)))
    for index in range(5):
        patch = dataset(kind=kind).cut(empty, np.random.default_rng(index))
        assert patch.pixels.shape == (1, *kind[1])
        assert len(patch.annotation) == 0


def test_what_a_network_for_volumes_learns_from_fits_the_patch() -> None:
    """Targets are made after the patch was turned: each star distance ends where its ray leaves the object."""
    config = StarDistConfig(grid=(1, 2, 2), n_rays=24, anisotropy=(2.0, 1.0, 1.0), depth=1)
    task = InstancesTask.for_network(config, {}, ())
    kept: list[Sample] = []

    def target(sample: Sample) -> object:
        kept.append(sample)
        return task.target(sample)

    settings = PatchSettings(
        (8, 32, 32), augmentation=Augmentation(rotation_chance=1.0), anisotropy=(2, 1, 1)
    )
    patches = PatchDataset([Boxes((9, 13))], target, settings=settings, seed=0)
    rays = config.rays.vertices
    checked = 0
    for index in range(10):
        patch = patches[index]
        labels = kept[-1].annotation.labels
        assert patch["image"].shape == (1, 8, 32, 32)
        assert patch["prob"].shape == (1, 8, 16, 16)
        for cell in np.argwhere(patch["prob"][0] == 1)[:3]:
            for ray, distance in zip(rays, patch["distances"][(slice(None), *cell)], strict=True):
                before = np.round(cell * (1, 2, 2) + ray * (distance - 1.5)).astype(int)
                after = np.round(cell * (1, 2, 2) + ray * (distance + 1.5)).astype(int)
                beyond = (after < 0).any() or (after >= labels.shape).any()
                assert distance < 1.5 or labels[tuple(before)] == 1
                assert beyond or labels[tuple(after)] != 1
                checked += 1
    assert checked > 100


def test_shares_of_sources() -> None:
    one, two = Squares((5,)), Squares((13,))
    settings = PatchSettings(size=(50, 60), augmentation=Augmentation.none())
    patches = PatchDataset([one, two], targets, settings=settings, seed=0, shares=[0.9, 0.1])
    large = np.mean([patches[i]["image"].sum() == 13 * 13 for i in range(400)])
    assert 0.05 < large < 0.16


def test_collate_stacks_arrays_and_keeps_lists() -> None:
    batch = collate([dataset()[i] for i in range(3)])
    assert batch["image"].shape == (3, 1, 32, 32)
    assert len(batch["ids"]) == 3
    assert torch.equal(batch["ids"][1][0], torch.unique(batch["labels"][1]))
