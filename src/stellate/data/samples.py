"""Samples: images made ready for a network, beside what is in them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..errors import InputError
from ..results import Instances
from .channels import choose_channels
from .folder import Dataset
from .normalization import Normalization
from .pixels import Pixels
from .synthetic import generate_field, random_config

__all__ = ["FolderSamples", "Sample", "SyntheticSamples", "typical_diameter"]

_CACHE_BYTES = 2**30
SYNTHETIC_SEED = 7


@dataclass(frozen=True, eq=False)
class Sample:
    """A normalised image and its annotation, in the same pixels.

    Attributes
    ----------
    pixels
        ``(C, *spatial)`` float32, normalised.
    annotation
        What is in it.
    name
        Where it came from.
    diameter
        Typical (median) diameter of its objects in pixels; None if it has none.
    """

    pixels: npt.NDArray[np.float32]
    annotation: Any
    name: str = ""
    diameter: float | None = None


class FolderSamples:
    """The samples of a dataset, read when asked for and kept while memory allows.

    Parameters
    ----------
    dataset
        What to read.
    normalization
        How intensities are brought to a common scale.
    in_channels
        Channels that the network takes.
    """

    def __init__(self, dataset: Dataset, normalization: Normalization, *, in_channels: int) -> None:
        self.dataset = dataset
        self.normalization = normalization
        self.in_channels = in_channels
        self._kept: OrderedDict[int, Sample] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        if index in self._kept:
            self._kept.move_to_end(index)
            return self._kept[index]
        sample = self._read(index)
        self._kept[index] = sample
        self._bytes += _size(sample)
        while self._bytes > _CACHE_BYTES and len(self._kept) > 1:
            self._bytes -= _size(self._kept.popitem(last=False)[1])
        return sample

    def draw(self, rng: np.random.Generator) -> Sample:
        """A sample, each as likely as any other."""
        return self[int(rng.integers(len(self)))]

    def check_channels(self) -> None:
        """See that every image has the channels that are wanted, before any is trained on.

        Raises
        ------
        InputError
            If one has not; the message names its file.
        """
        for index in range(len(self)):
            self._pixels(self.dataset.image(index), index)

    def _read(self, index: int) -> Sample:
        image, instances = self.dataset.pair(index)
        return _sample(self._pixels(image, index)[:, :, :], instances, self.normalization, image.name)

    def _pixels(self, image: Image, index: int) -> Pixels:
        try:
            return choose_channels(image.squeeze(), self.in_channels, ())[0]
        except InputError as error:
            what = str(error).removeprefix(f"{image.name}: ")
            raise InputError(f"{self.dataset[index].image_path}: {what}") from error


class SyntheticSamples:
    """Generated fluorescence fields of all kinds, made when first drawn.

    Parameters
    ----------
    normalization
        How intensities are brought to a common scale.
    count
        How many different fields there are.
    size
        Their height and width in pixels.
    """

    def __init__(
        self, normalization: Normalization, *, count: int = 300, size: tuple[int, int] = (384, 384)
    ) -> None:
        self.normalization = normalization
        self.size = size
        self.count = count
        self._kept: dict[int, Sample] = {}

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        if index not in self._kept:
            config = random_config(np.random.default_rng([SYNTHETIC_SEED, index]), self.size)
            image, instances = generate_field(config, index)
            self._kept[index] = _sample(
                image.to_axes("CYX"), instances, self.normalization, f"generated {index}"
            )
        return self._kept[index]

    def draw(self, rng: np.random.Generator) -> Sample:
        """A field, each as likely as any other."""
        return self[int(rng.integers(self.count))]


def _sample(
    pixels: npt.NDArray[Any], instances: Instances, normalization: Normalization, name: str
) -> Sample:
    pixels = normalization.apply(pixels, normalization.limits(pixels)).astype(np.float32, copy=False)
    return Sample(pixels, instances, name=name, diameter=typical_diameter(instances))


def typical_diameter(instances: Instances) -> float | None:
    """Median diameter of the circles that have the objects' areas, in pixels."""
    areas = np.bincount(np.maximum(instances.labels, 0).ravel())[1:]
    areas = areas[areas > 0]
    return float(np.median(2 * np.sqrt(areas / np.pi))) if areas.size else None


def _size(sample: Sample) -> int:
    return int(sample.pixels.nbytes + sample.annotation.labels.nbytes)
