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

from ..geometry.labels import relabel
from ..results import Boxes, Instances, IntArray, Scores
from .annotations import PixelAnnotation, with_pixel_ids
from .augmentation import Augmentation, take_patch
from .intensity import vary_intensity
from .samples import Sample
from .views import take_view
from .volume_augmentation import take_volume_patch
from .windows import joined, take_window

__all__ = ["EpochSampler", "PatchDataset", "PatchSettings", "collate"]


class SampleSource(Protocol):
    """Where patches are cut from: whole samples by number."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...

    def draw(self, rng: np.random.Generator) -> Sample:
        """A sample, chosen by the generator."""


@dataclass(frozen=True)
class PatchSettings:
    """What a patch is."""

    size: tuple[int, ...] = (256, 256)
    """Height and width in pixels, or sides along (z, y, x) of patches of volumes."""
    foreground_chance: float = 0.9
    """Chance that a patch is placed where an object lies, as StarDist does, or a class that is drawn before."""
    augmentation: Augmentation = field(default_factory=Augmentation)
    """How patches vary."""
    anisotropy: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Size of a voxel along (z, y, x), in any unit; not used for images."""
    windows: bool = False
    """Whether patches are windows of images with boxes, which otherwise are seen as a whole."""
    mosaic: float = 0.0
    """Chance that a window is made of four."""
    mosaic_until: int = 0
    """Number of the first patch from which on none is, so that training ends with images as they are."""


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
    in_turn
        Whether patch `i` is of sample `i` of the first source, not of one that is drawn.
    """

    def __init__(
        self,
        sources: Sequence[SampleSource],
        target: Callable[[Any], Mapping[str, Any]],
        *,
        settings: PatchSettings,
        seed: int,
        shares: Sequence[float] | None = None,
        in_turn: bool = False,
    ) -> None:
        self.sources = list(sources)
        self.shares = np.cumsum(shares if shares is not None else [1.0] * len(self.sources))
        self.target = target
        self.settings = settings
        self.seed = seed
        self.in_turn = in_turn

    def __getitem__(self, index: int) -> dict[str, Any]:
        rng = np.random.default_rng([self.seed, index])
        settings = self.settings
        if settings.mosaic and index < settings.mosaic_until and rng.random() < settings.mosaic:
            sample = self._mosaic(index, rng)
        else:
            sample = self.cut(self._sample(index, rng), rng)
        return {"image": sample.pixels, **self.target(sample)}

    def _sample(self, index: int, rng: np.random.Generator) -> Sample:
        if self.in_turn:
            return self.sources[0][index % len(self.sources[0])]
        source = int(np.searchsorted(self.shares, rng.random() * self.shares[-1], side="right"))
        return self.sources[min(source, len(self.sources) - 1)].draw(rng)

    def cut(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """An augmented patch of a sample; of an image that is seen as a whole, an augmented view."""
        if isinstance(sample.annotation, Scores | Boxes):
            return self._viewed(sample, rng, self.settings.size)
        pixels, ids = self._taken(sample, rng)
        annotation = _of_patch(sample.annotation, ids)
        # each object may be of another brightness, but what tells classes apart stays
        objects = annotation.labels if isinstance(annotation, Instances) else np.zeros_like(ids)
        pixels = vary_intensity(
            pixels,
            objects,
            strength=self.settings.augmentation.intensity,
            rng=rng,
            anisotropy=self.settings.anisotropy,
        )
        return Sample(pixels=pixels, annotation=annotation, name=sample.name)

    def _mosaic(self, index: int, rng: np.random.Generator) -> Sample:
        """Four windows of images that are drawn apart, around a place in the middle half."""
        height, width = self.settings.size
        rows, columns = (int(rng.integers(n // 4, n - n // 4)) for n in (height, width))
        sizes = [(y, x) for y in (rows, height - rows) for x in (columns, width - columns)]
        found = [self._viewed(self._sample(index, rng), rng, size) for size in sizes]
        pixels, boxes = joined(
            [(one.pixels, one.annotation) for one in found], (rows, columns), self.settings.size
        )
        return Sample(pixels=pixels, annotation=boxes, name=found[0].name)

    def _viewed(self, sample: Sample, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
        augmentation = self.settings.augmentation
        pixels: Any
        annotation: Any
        if self.settings.windows:
            chance = self.settings.foreground_chance
            pixels, annotation = take_window(sample, size, augmentation=augmentation, chance=chance, rng=rng)
        else:
            pixels, annotation = take_view(sample, augmentation=augmentation, rng=rng)
        nothing = np.zeros(pixels.shape[1:], dtype=np.int32)
        pixels = vary_intensity(pixels, nothing, strength=augmentation.intensity, rng=rng)
        return Sample(pixels=pixels, annotation=annotation, name=sample.name)

    def _taken(self, sample: Sample, rng: np.random.Generator) -> tuple[Any, Any]:
        settings = self.settings
        how: dict[str, Any] = {
            "augmentation": settings.augmentation,
            "foreground_chance": settings.foreground_chance,
            "rng": rng,
        }
        if len(settings.size) == 2:
            return take_patch(sample, settings.size, **how)
        return take_volume_patch(sample, settings.size, anisotropy=settings.anisotropy, **how)


def _of_patch(annotation: PixelAnnotation, ids: IntArray) -> PixelAnnotation:
    """The annotation of a patch, whose pixels are of these objects or classes of the whole."""
    if not isinstance(annotation, Instances):
        return with_pixel_ids(annotation, ids)
    labels, kept = relabel(ids)
    classes = None if annotation.classes is None else annotation.classes[kept - 1]
    return Instances(labels, classes=classes, class_names=annotation.class_names)


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
