"""What a run is fed with: which images, and the patches cut from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..data.annotations import PixelAnnotation
from ..data.augmentation import Augmentation
from ..data.class_pixels import image_chances, pixels_of_classes
from ..data.duplicates import pair_hash
from ..data.fingerprint import Fingerprint, fingerprint
from ..data.folder import Dataset
from ..data.patches import PatchDataset, PatchSettings
from ..data.samples import MEMORY, FolderSamples, SyntheticSamples, WholeSamples
from ..data.split import validation_split
from ..data.volume_augmentation import SAME_SIZE
from ..errors import ConfigError, DataError
from ..results import Mask
from .choices import Choices
from .settings import TrainSettings

__all__ = ["Seen", "divided", "look_at", "patch_datasets"]

# Apart from the training seeds that people choose, so that validation patches are never training patches.
VALIDATION_SEED = 2**31
# Generated volumes are longer than patches by this factor, so that turned ones fit into them.
MARGIN = 1.5
SMALLEST = 16
# To make one takes seconds, and every process makes its own.
GENERATED_VOLUMES = 100


class Seen(NamedTuple):
    """What is known of the images of a run before it begins."""

    data: Fingerprint
    """What the images to train on are like."""
    hashes: dict[str, dict[str, str]]
    """For ``train`` and ``validation``: a hash of each image and its annotation, in order, by the image's path within
    the folder."""
    chances: npt.NDArray[np.float64] | None
    """How likely each image to train on is to be drawn, where rare classes are in few of them."""


def divided(dataset: Dataset, settings: TrainSettings) -> tuple[Dataset, Dataset]:
    """The images to train on and those to validate on: the folder's parts, or a share set aside."""
    if "val" in dataset.splits:
        return dataset.split("train"), dataset.split("val")
    if dataset.splits:
        dataset = dataset.split("train")
    return validation_split(dataset, fraction=settings.validation, seed=settings.seed)


def look_at(
    train: Dataset, validation: Dataset, mask_of: Callable[[PixelAnnotation], Mask] | None = None
) -> Seen:
    """Read all images once: to see what they are like, and to know them again.

    Parameters
    ----------
    train, validation
        The images.
    mask_of
        Gives the classes of pixels that are learned; None where none are.

    Raises
    ------
    DataError
        If images cannot be used, or those to validate on have other spatial axes.
    """
    data, trained, chances = _look_at(train, mask_of)
    others, validated, _ = _look_at(validation, None)
    _check_alike(data, others, validation)
    return Seen(data, {"train": trained, "validation": validated}, chances)


def _look_at(
    images: Dataset, mask_of: Callable[[PixelAnnotation], Mask] | None
) -> tuple[Fingerprint, dict[str, str], npt.NDArray[np.float64] | None]:
    hashes: dict[str, str] = {}
    present: list[npt.NDArray[np.bool_]] = []

    def keep(index: int, image: Image, annotation: Any) -> None:
        hashes[_known_as(images, index)] = pair_hash(image, annotation)
        if isinstance(annotation, Mask):
            present.append(pixels_of_classes(annotation)[:-1] > 0)

    data = fingerprint(images, each=keep, mask_of=mask_of)
    return data, hashes, image_chances(np.array(present)) if present else None


def _known_as(images: Any, index: int) -> str:
    """Path of an image within the folder; of a piece of one also its name."""
    record = images[index]
    path = record.image_path
    known = path.relative_to(images.root) if path.is_relative_to(images.root) else path
    return f"{known.as_posix()} {record.name}" if getattr(record, "region", None) else known.as_posix()


def _check_alike(train: Fingerprint, validation: Fingerprint, images: Dataset) -> None:
    """See that validation images have the spatial axes of those to train on.

    Raises
    ------
    DataError
        If they have not.
    """
    if validation.spatial_axes != train.spatial_axes:
        raise DataError(
            f"{images[0].image_path}: an image to validate on, with the axes {validation.spatial_axes}; "
            f"those to train on have {train.spatial_axes}; give all the same"
        )


def patch_datasets(
    train: Dataset, validation: Dataset, task: Any, choices: Choices, *, settings: TrainSettings
) -> tuple[PatchDataset, PatchDataset]:
    """Patches to train on, augmented, and patches to validate on, as they are.

    Raises
    ------
    ConfigError
        If generated fields are asked for that have not the channels of the images, or for masks of classes.
    InputError
        If an image has not the channels that the network takes.
    """
    return (
        _train_patches(train, task, choices, settings=settings),
        _validation_patches(validation, task, choices, settings=settings),
    )


def _train_patches(train: Dataset, task: Any, choices: Choices, *, settings: TrainSettings) -> PatchDataset:
    sources: list[Any] = [_samples(train, choices, settings, chances=choices.image_chances)]
    shares = [1 - settings.synthetic]
    if settings.synthetic:
        if train.mask_classes is not None:
            raise ConfigError(
                f"synthetic {settings.synthetic}: generated fields hold objects, the masks classes; leave synthetic out"
            )
        sources.append(_generated(choices, settings))
        shares.append(settings.synthetic)
    augmentation = Augmentation(
        scale=settings.scale,
        scale_chance=choices.scale_chance,
        diameters=settings.diameters,
        intensity=choices.intensity,
    )
    patches = replace(
        _patches(choices, augmentation),
        mosaic=choices.mosaic,
        mosaic_until=round((1 - choices.without_mosaic) * _n_patches(choices, settings)),
    )
    return PatchDataset(sources, task.target, settings=patches, seed=settings.seed, shares=shares)


def _validation_patches(
    validation: Dataset, task: Any, choices: Choices, *, settings: TrainSettings
) -> PatchDataset:
    samples = _samples(validation, choices, settings)
    patches = _patches(choices, Augmentation.none())
    in_turn = choices.windows or isinstance(samples, WholeSamples)
    return PatchDataset([samples], task.target, settings=patches, seed=VALIDATION_SEED, in_turn=in_turn)


def _patches(choices: Choices, augmentation: Augmentation) -> PatchSettings:
    return PatchSettings(
        size=choices.patch,
        foreground_chance=choices.foreground_chance,
        augmentation=augmentation,
        anisotropy=_anisotropy(choices),
        windows=choices.windows,
    )


def _n_patches(choices: Choices, settings: TrainSettings) -> int:
    """Patches of the whole training."""
    return settings.epochs * (settings.steps_per_epoch or choices.steps_per_epoch) * choices.batch_size


def _anisotropy(choices: Choices) -> tuple[float, float, float]:
    """Size of a voxel along (z, y, x)."""
    z, y, x = choices.anisotropy
    return float(z), float(y), float(x)


def _samples(
    images: Dataset,
    choices: Choices,
    settings: TrainSettings,
    *,
    chances: npt.NDArray[np.float64] | None = None,
) -> FolderSamples:
    how: dict[str, Any] = {
        "in_channels": choices.network["in_channels"],
        "memory": _memory(settings),
        "chances": chances,
    }
    samples: FolderSamples
    if choices.windows or isinstance(images, Dataset):
        volumes = len(choices.patch) == 3
        samples = FolderSamples(images, choices.normalization, volumes=volumes, **how)
    else:
        samples = WholeSamples(images, choices.normalization, size=choices.patch, **how)
    samples.check_channels()
    return samples


def _generated(choices: Choices, settings: TrainSettings) -> SyntheticSamples:
    channels = choices.network["in_channels"]
    if channels != 1:
        raise ConfigError(
            f"synthetic {settings.synthetic}: generated fields have 1 channel, the images have {channels}"
        )
    if len(choices.patch) == 2:
        return SyntheticSamples(choices.normalization, memory=_memory(settings))
    z, y, x = _anisotropy(choices)
    steps = 2 * z / (y + x)
    return SyntheticSamples(
        choices.normalization,
        count=GENERATED_VOLUMES,
        size=tuple(max(SMALLEST, math.ceil(MARGIN * side)) for side in choices.patch),
        anisotropy=(steps / SAME_SIZE, steps * SAME_SIZE),
        memory=_memory(settings),
    )


def _memory(settings: TrainSettings) -> int:
    """Bytes of samples that each process may keep, so that all together keep no more than `MEMORY`."""
    return MEMORY // (max(settings.workers, 1) * settings.devices)
