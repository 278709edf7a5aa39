"""What a run is fed with: which images, and the patches cut from them."""

from __future__ import annotations

from typing import Any

from ..axes import Image
from ..data.augmentation import Augmentation
from ..data.duplicates import pair_hash
from ..data.fingerprint import Fingerprint, fingerprint
from ..data.folder import Dataset
from ..data.patches import PatchDataset, PatchSettings
from ..data.samples import FolderSamples, SyntheticSamples
from ..data.split import validation_split
from ..errors import ConfigError, DataError
from ..results import Instances
from .choices import Choices
from .settings import TrainSettings

__all__ = ["divided", "look_at", "patch_datasets"]

# Apart from the training seeds that people choose, so that validation patches are never training patches.
VALIDATION_SEED = 2**31


def divided(dataset: Dataset, settings: TrainSettings) -> tuple[Dataset, Dataset]:
    """The images to train on and those to validate on: the folder's parts, or a share set aside."""
    if "val" in dataset.splits:
        return dataset.split("train"), dataset.split("val")
    if dataset.splits:
        dataset = dataset.split("train")
    return validation_split(dataset, fraction=settings.validation, seed=settings.seed)


def look_at(train: Dataset, validation: Dataset) -> tuple[Fingerprint, dict[str, dict[str, str]]]:
    """Read all images once: to see what they are like, and to know them again.

    Returns
    -------
    data
        What the images to train on are like.
    hashes
        For ``train`` and ``validation``: a hash of each image and its annotation, in order, by the image's path
        within the folder.

    Raises
    ------
    DataError
        If images cannot be used, or those to validate on have other spatial axes.
    """
    hashes: dict[str, dict[str, str]] = {"train": {}, "validation": {}}
    data = _look_at(train, hashes["train"])
    _check_alike(data, _look_at(validation, hashes["validation"]), validation)
    return data, hashes


def _look_at(images: Dataset, hashes: dict[str, str]) -> Fingerprint:
    def keep(index: int, image: Image, annotation: Instances) -> None:
        path = images[index].image_path.relative_to(images.root)
        hashes[path.as_posix()] = pair_hash(image, annotation)

    return fingerprint(images, each=keep)


def _check_alike(train: Fingerprint, validation: Fingerprint, images: Dataset) -> None:
    """See that validation images have the spatial axes of those to train on.

    Raises
    ------
    DataError
        If they have not.
    """
    if validation.spatial_axes != train.spatial_axes:
        raise DataError(
            f"{images.root}: the validation images have the axes {validation.spatial_axes}, those to train on "
            f"{train.spatial_axes}; give all the same"
        )


def patch_datasets(
    train: Dataset, validation: Dataset, task: Any, choices: Choices, *, settings: TrainSettings
) -> tuple[PatchDataset, PatchDataset]:
    """Patches to train on, augmented, and patches to validate on, as they are.

    Raises
    ------
    ConfigError
        If generated fields are asked for that have not the channels of the images.
    InputError
        If an image has not the channels that the network takes.
    """
    return (
        _train_patches(train, task, choices, settings=settings),
        _validation_patches(validation, task, choices),
    )


def _samples(images: Dataset, choices: Choices) -> FolderSamples:
    samples = FolderSamples(images, choices.normalization, in_channels=choices.network["in_channels"])
    samples.check_channels()
    return samples


def _train_patches(train: Dataset, task: Any, choices: Choices, *, settings: TrainSettings) -> PatchDataset:
    channels = choices.network["in_channels"]
    sources: list[Any] = [_samples(train, choices)]
    shares = [1 - settings.synthetic]
    if settings.synthetic:
        if channels != 1:
            raise ConfigError(
                f"synthetic {settings.synthetic}: generated fields have 1 channel, the images have {channels}"
            )
        sources.append(SyntheticSamples(choices.normalization))
        shares.append(settings.synthetic)
    augmentation = Augmentation(
        scale=settings.scale, diameters=settings.diameters, intensity=settings.intensity
    )
    return PatchDataset(
        sources,
        task.target,
        settings=PatchSettings(size=choices.patch, augmentation=augmentation),
        seed=settings.seed,
        shares=shares,
    )


def _validation_patches(validation: Dataset, task: Any, choices: Choices) -> PatchDataset:
    settings = PatchSettings(size=choices.patch, augmentation=Augmentation.none())
    return PatchDataset([_samples(validation, choices)], task.target, settings=settings, seed=VALIDATION_SEED)
