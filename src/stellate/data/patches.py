"""Training patches, made on demand.

Patch `i` of a run depends on the seed and on `i` alone: not on how many loader processes there are, nor on what was
made before. So workers are seeded apart, train exactly as none do, and a resumed run sees what it would have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from ..results import Instances
from .augmentation import Augmentation, take_patch, vary_intensity
from .samples import Sample

__all__ = ["EpochSampler", "PatchDataset", "PatchSettings", "collate"]


class SampleSource(Protocol):
    """Where patches are cut from: whole samples by number."""

    def __len__(self) -> int: ...

    def draw(self, rng: np.random.Generator) -> Sample:
        """A sample, chosen by the generator."""


@dataclass(frozen=True)
class PatchSettings:
    """What a patch is."""

    size: tuple[int, int] = (256, 256)
    """Height and width in pixels."""
    foreground_chance: float = 0.9
    """Chance that a patch is placed where an object lies, as StarDist does."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    """How patches vary."""


class PatchDataset(Dataset[dict[str, Any]]):
    """Patch `i` and its targets, for any `i`.

    Parameters
    ----------
    sources
        Where whole samples come from.
    shares
        How often each source is drawn from.
    target
        Makes the training tensors of a sample (a task's method).
    settings
        What a patch is.
    seed
        Seed of the run.
    """

    def __init__(
        self,
        sources: Sequence[SampleSource],
        target: Callable[[Any], Mapping[str, Any]],
        *,
        settings: PatchSettings,
        seed: int,
        shares: Sequence[float] | None = None,
    ) -> None:
        self.sources = list(sources)
        self.shares = np.cumsum(shares if shares is not None else [1.0] * len(self.sources))
        self.target = target
        self.settings = settings
        self.seed = seed

    def __getitem__(self, index: int) -> dict[str, Any]:
        rng = np.random.default_rng([self.seed, index])
        source = int(np.searchsorted(self.shares, rng.random() * self.shares[-1], side="right"))
        sample = self.cut(self.sources[min(source, len(self.sources) - 1)].draw(rng), rng)
        return {"image": sample.pixels, **self.target(sample)}

    def cut(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """An augmented patch of a sample."""
        labels = sample.annotation.labels
        pixels, labels = take_patch(
            sample.pixels,
            labels,
            self.settings.size,
            augmentation=self.settings.augmentation,
            diameter=sample.diameter,
            foreground_chance=self.settings.foreground_chance,
            rng=rng,
        )
        pixels = vary_intensity(pixels, labels, strength=self.settings.augmentation.intensity, rng=rng)
        ids, labels = _compact(np.ascontiguousarray(labels))
        classes = sample.annotation.classes
        if classes is not None:
            classes = classes[ids - 1]
        instances = Instances(labels, classes=classes, class_names=sample.annotation.class_names)
        return Sample(pixels=pixels, annotation=instances, name=sample.name)


def _compact(labels: np.ndarray[Any, np.dtype[np.int32]]) -> tuple[Any, Any]:
    """Ids above 0 that occur, and the labels numbered from 1 in their order; others stay as they are."""
    ids = np.unique(labels)
    ids = ids[ids > 0]
    if not ids.size:
        return ids, labels
    table = np.zeros(int(ids[-1]) + 1, dtype=np.int32)
    table[ids] = np.arange(1, ids.size + 1)
    return ids, np.where(labels > 0, table[np.maximum(labels, 0)], labels).astype(np.int32)


class EpochSampler(Sampler[int]):
    """Numbers of the patches of an epoch: epoch `e` takes ``e * length`` and onwards, shared among processes.

    Parameters
    ----------
    length
        Patches per epoch, over all processes.
    rank, world
        This process and how many there are.
    """

    def __init__(self, length: int, *, rank: int = 0, world: int = 1) -> None:
        self.length = length
        self.rank = rank
        self.world = world
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Go to an epoch (called by the training loop)."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.length // self.world

    def __iter__(self) -> Iterator[int]:
        start = self.epoch * self.length
        return iter(range(start + self.rank, start + len(self) * self.world, self.world))


def collate(samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Stack arrays over the batch; keep lists, whose lengths differ between samples, as lists of tensors."""
    batch: dict[str, Any] = {}
    for name, first in samples[0].items():
        values = [s[name] for s in samples]
        if isinstance(first, list):
            batch[name] = [[torch.from_numpy(np.asarray(a)) for a in v] for v in values]
        else:
            batch[name] = torch.from_numpy(np.stack(values))
    return batch
