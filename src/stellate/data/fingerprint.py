"""What a dataset is like: sizes, intensities and objects. Defaults for training are chosen by it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..errors import DataError
from .class_pixels import ClassPixels
from .dataset import AnnotatedImages
from .image_traits import (
    INTENSITY_PERCENTILES,
    ImageTraits,
    MaskOf,
    refuse_not_finite,
    traits_of,
    without_class,
)

__all__ = ["Fingerprint", "fingerprint"]

OBJECT_PERCENTILES = (1, 5, 25, 50, 75, 95, 99, 100)
# Pixel sizes that differ by less are one and the same, rounded differently.
_SPACING_TOLERANCE = 0.01
# Sides along an axis are those of the objects that do not end at the border there, if there are as many.
_FEW_WHOLE = 5

Percentiles = Mapping[str, float]


@dataclass(frozen=True)
class Fingerprint:
    """A summary of a dataset.

    Percentiles are mappings such as ``{"1": 5.2, "50": 17.0, "100": 48.5}``; counts of kinds are mappings
    such as ``{"uint8": 480, "uint16": 2}``, most frequent first.

    Objects of class masks are the connected pieces of all classes but the one that most pixels have.

    Attributes
    ----------
    n_images, n_objects
        How many there are.
    axes, dtypes, channels
        Number of images of each kind.
    spatial_axes
        ``"YX"`` or ``"ZYX"``.
    shape_min, shape_median, shape_max
        Smallest, median and largest side along each spatial axis, in pixels.
    intensities
        Median over the images of each image's percentiles, all channels together.
    object_diameters
        Percentiles of the diameters, in pixels, of discs (balls) with the objects' areas.
    object_extents
        Percentiles of the objects' largest bounding-box sides, in pixels.
    median_extent
        Median bounding-box side along each spatial axis, in pixels.
    objects_per_image
        Least, median and largest number.
    images_without_objects
        How many images have none.
    foreground_share
        Share of all pixels that lie in objects.
    spacing_um
        Pixel size in micrometres along each spatial axis where all images state the same, else None.
    large_extent
        Bounding-box side along each spatial axis that 99 % of the objects do not exceed, in pixels.
    anisotropy
        Of volumes with objects: their typical largest side over that along each axis, both of objects that do not
        end at the border there. 1 along the longest axis, more where voxels are longer; empty for images.
    class_objects, class_pixels
        Number of objects of each class by name, and of their pixels; empty if objects are not told apart. Where whole
        images are of a class, their number, and no pixels.
    unknown_class
        Number of objects whose class is not known; None if objects are not told apart.
    mask_pixels
        Pixels of each class, of class masks or where classes of pixels were asked for; else None.
    classes_of_objects
        Whether these classes were made of objects.
    """

    n_images: int
    n_objects: int
    axes: Mapping[str, int]
    dtypes: Mapping[str, int]
    channels: Mapping[str, int]
    spatial_axes: str
    shape_min: tuple[int, ...]
    shape_median: tuple[int, ...]
    shape_max: tuple[int, ...]
    intensities: Percentiles
    object_diameters: Percentiles
    object_extents: Percentiles
    median_extent: tuple[float, ...]
    objects_per_image: tuple[float, float, float]
    images_without_objects: int
    foreground_share: float
    spacing_um: tuple[float, ...] | None
    large_extent: tuple[float, ...] = ()
    anisotropy: tuple[float, ...] = ()
    class_objects: Mapping[str, int] = field(default_factory=dict)
    class_pixels: Mapping[str, int] = field(default_factory=dict)
    unknown_class: int | None = None
    mask_pixels: ClassPixels | None = None
    classes_of_objects: bool = False

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}


def fingerprint(
    dataset: AnnotatedImages[Any, Any],
    *,
    progress: Callable[[int, int], None] | None = None,
    each: Callable[[int, Image, Any], None] | None = None,
    mask_of: MaskOf | None = None,
) -> Fingerprint:
    """Summarise a dataset. Images or volumes are read one after another, and only their numbers are kept.

    Parameters
    ----------
    dataset
        Images of the same spatial axes with their annotations.
    progress
        Called with the images done and their number after each.
    each
        Called with the number of each image, itself and its annotation, for those who want to know more of them.
    mask_of
        Gives the classes of pixels that are counted, where annotations are no masks. None to count those of masks only.

    Raises
    ------
    DataError
        If it is empty, 2D and 3D images are mixed, a mask does not fit its image, or an image has values that are
        not finite numbers.
    InputError
        If a file cannot be read.
    """
    if not len(dataset):
        raise DataError(f"{dataset.root}: no images to look at")
    all_traits: list[ImageTraits] = []
    for k in range(len(dataset)):
        traits = _look(dataset, k, each, mask_of)
        if all_traits and traits.spatial_axes != all_traits[0].spatial_axes:
            raise DataError(
                f"{dataset[k].image_path}: has the axes {traits.spatial_axes}, where {dataset[0].image_path.name} has "
                f"{all_traits[0].spatial_axes}; keep images and volumes in folders of their own"
            )
        all_traits.append(traits)
        if progress is not None:
            progress(k + 1, len(dataset))
    if all_traits[0].mask_names:
        pixels = ClassPixels.of_masks(all_traits[0].mask_names, [t.mask_pixels for t in all_traits])
        masks = getattr(dataset, "mask_classes", None)
        if masks is not None:
            all_traits = without_class(all_traits, int(np.argmax(pixels.pixels)))
        of_objects = masks is None
        return replace(_summary(all_traits), mask_pixels=pixels, classes_of_objects=of_objects)
    summary = _summary(all_traits)
    return replace(summary, **_classes(all_traits, dataset.class_names)) if dataset.class_names else summary


def _look(
    dataset: AnnotatedImages[Any, Any],
    index: int,
    each: Callable[[int, Image, Any], None] | None,
    mask_of: MaskOf | None,
) -> ImageTraits:
    """Traits of a pair, which is let go before the next one is read."""
    image, annotation = dataset.pair(index)
    refuse_not_finite(image, dataset[index].image_path)
    if each is not None:
        each(index, image, annotation)
    return traits_of(image, annotation, mask_of)


def _summary(traits: Sequence[ImageTraits]) -> Fingerprint:
    shapes = np.array([t.shape for t in traits])
    counts = np.array([len(t.sizes.areas) for t in traits])
    extents = np.concatenate([t.sizes.extents for t in traits])
    diameters = np.concatenate([t.sizes.diameters for t in traits])
    covered = sum(int(t.sizes.areas.sum()) for t in traits)
    typical = np.median([t.intensities for t in traits], axis=0)
    return Fingerprint(
        n_images=len(traits),
        n_objects=int(counts.sum()),
        axes=_counted([t.axes for t in traits]),
        dtypes=_counted([t.dtype for t in traits]),
        channels=_counted([str(t.channels) for t in traits]),
        spatial_axes=traits[0].spatial_axes,
        shape_min=tuple(map(int, shapes.min(axis=0))),
        shape_median=tuple(map(int, np.median(shapes, axis=0))),
        shape_max=tuple(map(int, shapes.max(axis=0))),
        intensities={f"{p:g}": float(v) for p, v in zip(INTENSITY_PERCENTILES, typical, strict=True)},
        object_diameters=_percentiles(diameters),
        object_extents=_percentiles(extents.max(axis=1) if len(extents) else extents),
        median_extent=tuple(map(float, np.median(extents, axis=0))) if len(extents) else (),
        objects_per_image=(float(counts.min()), float(np.median(counts)), float(counts.max())),
        images_without_objects=int((counts == 0).sum()),
        foreground_share=covered / float(shapes.prod(axis=1).sum()),
        spacing_um=_common_spacing([t.spacing for t in traits]),
        large_extent=tuple(map(float, np.percentile(extents, 99, axis=0))) if len(extents) else (),
        anisotropy=_anisotropy(extents, np.concatenate([t.sizes.cut for t in traits])),
    )


def _anisotropy(extents: npt.NDArray[np.int64], cut: npt.NDArray[np.bool_]) -> tuple[float, ...]:
    """Largest side over each, as StarDist's ``calculate_extents`` gives it but for objects that the border cuts."""
    if not len(extents) or extents.shape[1] != 3:
        return ()
    sides = np.median(extents, axis=0)
    for axis, ends in enumerate(cut.T):
        if (whole := extents[~ends, axis]).size >= _FEW_WHOLE:
            sides[axis] = np.median(whole)
    return tuple(round(float(a), 2) for a in sides.max() / sides)


def _classes(traits: Sequence[ImageTraits], names: Sequence[str]) -> dict[str, Any]:
    """How often each class occurs."""
    classes = np.concatenate([t.classes for t in traits])
    areas = np.concatenate([t.sizes.areas for t in traits])
    known = classes >= 0
    objects = np.bincount(classes[known], minlength=len(names))
    pixels: Any = []
    if len(areas) == len(classes):  # of a class of the whole image there are none
        pixels = np.bincount(classes[known], weights=areas[known], minlength=len(names))
    return {
        "class_objects": {name: int(n) for name, n in zip(names, objects, strict=True)},
        "class_pixels": {name: int(n) for name, n in zip(names, pixels, strict=False)},
        "unknown_class": int((~known).sum()),
    }


def _percentiles(values: npt.NDArray[Any]) -> dict[str, float]:
    """Percentiles by name; empty if there are no objects."""
    if not values.size:
        return {}
    found = np.percentile(values, OBJECT_PERCENTILES)
    return {f"{p:g}": float(v) for p, v in zip(OBJECT_PERCENTILES, found, strict=True)}


def _counted(values: Sequence[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


def _common_spacing(spacings: Sequence[tuple[float, ...] | None]) -> tuple[float, ...] | None:
    known = [s for s in spacings if s is not None]
    if len(known) < len(spacings):
        return None
    table = np.array(known)
    if np.ptp(table, axis=0).max() > _SPACING_TOLERANCE * table.min():
        return None
    return tuple(map(float, np.median(table, axis=0)))
