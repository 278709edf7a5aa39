"""Samples: images made ready for a network, beside what is in them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..errors import InputError
from ..results import Boxes, Instances, Mask
from .annotations import PixelAnnotation, pixel_ids, pixels_by_line
from .channels import choose_channels
from .fitting import Fit, fitted
from .folder import Dataset
from .normalization import ArrayLike, Normalization
from .objects import measure_objects
from .pixels import Pixels
from .synthetic import generate_field, random_config
from .synthetic_volumes import generate_volume, random_volume_config

__all__ = [
    "MEMORY",
    "FolderSamples",
    "NormalizedPixels",
    "Sample",
    "SyntheticSamples",
    "WholeSamples",
    "typical_diameter",
]

MEMORY = 2**30
"""Bytes that the samples of one source may take, over all processes that draw from it."""

SYNTHETIC_SEED = 7


class NormalizedPixels:
    """An image as it was read, whose intensities are brought to a common scale where it is sliced.

    Parameters
    ----------
    pixels
        ``(C, *spatial)``, any number type.
    normalization
        How intensities are scaled.
    limits
        ``(C, 2)`` float64, those of the whole image; see `Normalization.limits`.
    """

    def __init__(
        self, pixels: ArrayLike, normalization: Normalization, limits: npt.NDArray[np.float64]
    ) -> None:
        self._pixels = pixels
        self._normalization = normalization
        self._limits = limits
        self.shape = tuple(pixels.shape)
        self.dtype = np.dtype(np.float32)
        self.nbytes = int(np.prod(self.shape, dtype=np.int64)) * np.dtype(pixels.dtype).itemsize

    def __getitem__(self, index: Any) -> npt.NDArray[np.float32]:
        return self._normalization.apply(self._pixels[index], self._limits)


@dataclass(frozen=True, eq=False)
class Sample:
    """A normalised image and its annotation, in the same pixels.

    Attributes
    ----------
    pixels
        ``(C, *spatial)`` float32, normalised; a whole image may be `NormalizedPixels`.
    annotation
        What is in it.
    name
        Where it came from.
    diameter
        Typical (median) diameter of its objects in pixels; None if it has none.
    """

    pixels: Any
    annotation: Any
    name: str = ""
    diameter: float | None = None

    @cached_property
    def pixels_by_line(self) -> npt.NDArray[np.int64]:
        """Where pixels of objects, or of each class, are; see `stellate.data.annotations`."""
        return pixels_by_line(self.annotation)

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        of_pixels = isinstance(self.annotation, Instances | Mask)
        return int(self.pixels.nbytes + (pixel_ids(self.annotation).nbytes if of_pixels else 0))


class _Samples(ABC):
    """Samples by number, made when asked for; those not asked for longest are forgotten where memory is short.

    One is kept in any case. So memory is bounded by the limit, or by what one sample takes if that is more, beside what
    the making of one takes.
    """

    def __init__(self, count: int, normalization: Normalization, memory: int) -> None:
        self.normalization = normalization
        self._count = count
        self._memory = memory
        self._until: npt.NDArray[np.float64] | None = None
        # intensity limits and typical diameter: a few numbers, but they take longer than reading once more
        self._known: dict[int, tuple[npt.NDArray[np.float64], float | None]] = {}
        self._kept: OrderedDict[int, Sample] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Sample:
        if index in self._kept:
            self._kept.move_to_end(index)
            return self._kept[index]
        self._forget(0)
        sample = self._kept[index] = self._make(index)
        self._bytes += sample.nbytes
        self._forget(1)
        return sample

    def draw(self, rng: np.random.Generator) -> Sample:
        """A sample, each as likely as any other where nothing else was said."""
        if self._until is None:
            return self[int(rng.integers(self._count))]
        return self[int(np.searchsorted(self._until, rng.random() * self._until[-1], side="right"))]

    def _forget(self, least: int) -> None:
        while self._bytes > self._memory and len(self._kept) > least:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes

    @abstractmethod
    def _read(self, index: int) -> tuple[npt.NDArray[Any], PixelAnnotation, str]:
        """Read or generate an image ``(C, *spatial)`` with its annotation and name."""

    def _make(self, index: int) -> Sample:
        array, annotation, name = self._read(index)
        if index not in self._known:
            self._known[index] = (self.normalization.limits(array), typical_diameter(annotation))
        limits, diameter = self._known[index]
        pixels: Any = NormalizedPixels(array, self.normalization, limits)
        if array.dtype.itemsize > pixels.dtype.itemsize:
            pixels = pixels[...]
        return Sample(pixels, annotation, name=name, diameter=diameter)


class FolderSamples(_Samples):
    """The samples of a dataset, read when asked for and kept while memory allows.

    Parameters
    ----------
    dataset
        What to read.
    normalization
        How intensities are brought to a common scale.
    in_channels
        Channels that the network takes.
    volumes
        Whether it is for volumes; else the brightest value along z is taken.
    memory
        Bytes that may be kept in this process.
    chances
        ``(n,)``, how likely each is to be drawn; None for all alike.
    """

    def __init__(
        self,
        dataset: Dataset,
        normalization: Normalization,
        *,
        in_channels: int,
        volumes: bool = False,
        memory: int = MEMORY,
        chances: npt.NDArray[np.float64] | None = None,
    ) -> None:
        super().__init__(len(dataset), normalization, memory)
        self._until = None if chances is None else np.cumsum(chances)
        self.dataset = dataset
        self.in_channels = in_channels
        self.volumes = volumes

    def check_channels(self) -> None:
        """See that every image has the channels that are wanted, before any is trained on.

        Raises
        ------
        InputError
            If one has not; the message names its file.
        """
        for index in range(len(self)):
            self._pixels(self.dataset.image(index), index)

    def _read(self, index: int) -> tuple[npt.NDArray[Any], PixelAnnotation, str]:
        image, annotation = self.dataset.pair(index)
        pixels = self._pixels(image, index)
        array = pixels[(slice(None),) * len(pixels.shape)]
        if array.size < image.array.size:
            array = array.copy()  # lest the channels that are not used stay in memory
        return array, annotation, image.name

    def _pixels(self, image: Image, index: int) -> Pixels:
        image = image.squeeze("ZYX" if self.volumes else "YX")
        try:
            return choose_channels(image, self.in_channels, (), volume=self.volumes)[0]
        except InputError as error:
            what = str(error).removeprefix(f"{image.name}: ")
            raise InputError(f"{self.dataset[index].image_path}: {what}") from error


class WholeSamples(FolderSamples):
    """The images of a dataset, each as a whole, brought to the size that a network takes.

    Parameters
    ----------
    dataset, normalization, in_channels, memory, chances
        As of `FolderSamples`; annotated with a class, or with boxes.
    size
        Height and width in pixels.
    """

    def __init__(
        self,
        dataset: Any,
        normalization: Normalization,
        *,
        in_channels: int,
        size: tuple[int, ...],
        memory: int = MEMORY,
        chances: npt.NDArray[np.float64] | None = None,
    ) -> None:
        super().__init__(dataset, normalization, in_channels=in_channels, memory=memory, chances=chances)
        self.size = size

    def _make(self, index: int) -> Sample:
        image, annotation = self.dataset.pair(index)
        annotated: Any = annotation
        pixels = self._pixels(image, index)
        limits = self.normalization.limits(pixels)
        fit = Fit(pixels.shape[1:], self.size)
        array = fitted(lambda region: self.normalization.apply(pixels[(slice(None), *region)], limits), fit)
        if isinstance(annotated, Boxes):
            annotated = replace(annotated, boxes_xyxy=annotated.boxes_xyxy * np.float32(fit.scale))
        return Sample(array, annotated, name=image.name)


class SyntheticSamples(_Samples):
    """Generated fluorescence fields of all kinds, made when first drawn.

    Parameters
    ----------
    normalization
        How intensities are brought to a common scale.
    count
        How many different fields there are.
    size
        Their sides in pixels: height and width, or those along (z, y, x) for volumes.
    anisotropy
        Range of the distance of slices over that of rows; not used for images.
    memory
        Bytes that may be kept in this process.
    """

    def __init__(
        self,
        normalization: Normalization,
        *,
        count: int = 300,
        size: tuple[int, ...] = (384, 384),
        anisotropy: tuple[float, float] = (1.0, 1.0),
        memory: int = MEMORY,
    ) -> None:
        super().__init__(count, normalization, memory)
        self.size = size
        self.anisotropy = anisotropy

    def _read(self, index: int) -> tuple[npt.NDArray[Any], PixelAnnotation, str]:
        rng = np.random.default_rng([SYNTHETIC_SEED, index])
        if len(self.size) == 2:
            image, instances = generate_field(random_config(rng, self.size), index)
        else:
            config = random_volume_config(rng, self.size, anisotropy=self.anisotropy)
            image, instances = generate_volume(config, index)
        return image.array[np.newaxis], instances, f"generated {index}"


def typical_diameter(annotation: PixelAnnotation) -> float | None:
    """Median diameter, in pixels, of the discs (balls in 3D) that are as large as the objects; None without objects."""
    if not isinstance(annotation, Instances):
        return None
    sizes = measure_objects(annotation.labels)
    diameters = sizes.diameters[sizes.areas > 0]
    return float(np.median(diameters)) if diameters.size else None
