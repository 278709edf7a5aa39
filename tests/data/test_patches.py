"""Patches depend on the seed and their number alone."""

from __future__ import annotations

import numpy as np
import torch
from torch.utils.data import DataLoader

from stellate.data.augmentation import Augmentation
from stellate.data.patches import EpochSampler, PatchDataset, PatchSettings, collate
from stellate.data.samples import Sample
from stellate.results import Instances


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


def dataset(seed: int = 3, **changes: object) -> PatchDataset:
    settings = PatchSettings(size=(32, 32), augmentation=Augmentation())
    return PatchDataset([Squares((5, 9, 13))], targets, settings=settings, seed=seed, **changes)


def batches(workers: int, epoch: int) -> list[torch.Tensor]:
    sampler = EpochSampler(8)
    sampler.set_epoch(epoch)
    loader = DataLoader(dataset(), batch_size=2, sampler=sampler, num_workers=workers, collate_fn=collate)
    return [b["image"] for b in loader]


def test_workers_make_the_same_patches_as_none() -> None:
    alone, helped = batches(0, epoch=1), batches(2, epoch=1)
    assert all(torch.equal(a, b) for a, b in zip(alone, helped, strict=True))


def test_no_patch_is_made_twice() -> None:
    images = torch.cat(batches(0, epoch=0) + batches(0, epoch=1))
    assert len({i.numpy().tobytes() for i in images}) == len(images)


def test_another_seed_makes_other_patches() -> None:
    assert not np.array_equal(dataset(seed=3)[0]["image"], dataset(seed=4)[0]["image"])


def test_processes_share_an_epoch() -> None:
    whole = EpochSampler(8)
    parts = [EpochSampler(8, rank=r, world=2) for r in range(2)]
    for sampler in (whole, *parts):
        sampler.set_epoch(5)
    assert list(whole) == list(range(40, 48))
    assert sorted(i for p in parts for i in p) == list(whole)


def test_ids_become_contiguous_and_classes_follow() -> None:
    patches = dataset()
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
