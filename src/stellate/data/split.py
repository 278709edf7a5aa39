"""Setting images aside for validation, and dividing them into folds.

What belongs together stays together: copies of an image, and images of one group (a patient, pieces of one image).
Where images are of classes, each part gets its share of every class. The choice depends on the pixels, the groups and
the seed alone: neither names, nor the order of files, nor the machine matter. Every image is read once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from ..errors import ConfigError, DataError
from .box_dataset import BoxDataset
from .class_dataset import ClassDataset
from .dataset import AnnotatedImages
from .duplicates import pixel_hash

__all__ = ["folds", "validation_split"]

DatasetT = TypeVar("DatasetT", bound=AnnotatedImages[Any, Any])
Counts = npt.NDArray[np.int64]


_COUNTED = " (copies, and images of one group, count once)"


class _Unit(NamedTuple):
    """Images that stay together.

    Attributes
    ----------
    key
        What chance makes of their pixels and the seed; units are sorted by it.
    indices
        Their positions in the dataset.
    counts
        How many there are of each class.
    present
        Which classes are in them; where an image has boxes of several, all of these.
    """

    key: bytes
    indices: list[int]
    counts: Counts
    present: npt.NDArray[np.bool_]


def validation_split(
    dataset: DatasetT, *, fraction: float | None = None, count: int | None = None, seed: int = 0
) -> tuple[DatasetT, DatasetT]:
    """Set some images aside for validation.

    Where images are added, most of the others stay on their side. A class of which there is a single image, or a single
    group, is trained on, be it the class of the image or of boxes in it.

    Parameters
    ----------
    dataset
        The images to divide. Those of a `ClassDataset` are divided class by class, and so are those of a `BoxDataset`
        with one box each.
    fraction
        Share to set aside, between 0 and 1; 0.15 if neither this nor `count` is given.
    count
        Number of images to set aside instead.
    seed
        Another seed, another choice.

    Returns
    -------
    training, validation
        Datasets in the order of `dataset`, each with at least one image. Where images have to stay together, validation
        may be smaller than asked for.

    Raises
    ------
    ConfigError
        If both `fraction` and `count` are given, or either is out of range.
    DataError
        If there are not two images that may be parted.
    """
    wanted = _wanted(len(dataset), fraction, count)
    units = _units(dataset, seed)
    if len(units) < 2:
        raise DataError(
            f"{dataset.root}: validation needs at least two different images, and there "
            f"{'is one' if len(units) == 1 else 'are none'}{_COUNTED}; add images"
        )
    chosen = _choose(units, wanted)
    return _parted(dataset, {k for unit in chosen for k in unit.indices})


def folds(dataset: DatasetT, n: int, seed: int = 0) -> list[tuple[DatasetT, DatasetT]]:
    """Divide images into `n` folds, each of which is the validation of one pair; the others are trained on.

    Folds are about equally large, and have about equally many images of each class; a class whose images stand alone or
    in groups of one class is in every fold if there are `n` of these.

    Parameters
    ----------
    dataset
        As in `validation_split`.
    n
        Number of folds.
    seed
        Another seed, another division.

    Returns
    -------
    list of (training, validation)
        Datasets in the order of `dataset`.

    Raises
    ------
    ConfigError
        If `n` is below 2.
    DataError
        If there are fewer than `n` images that may be parted.
    """
    if n < 2:
        raise ConfigError(f"{n} folds: expected at least 2")
    units = _units(dataset, seed)
    if len(units) < n:
        raise DataError(
            f"{dataset.root}: {n} folds need {n} different images, and there are {len(units)}{_COUNTED}; add images, "
            "or ask for fewer folds"
        )
    return [_parted(dataset, {k for unit in part for k in unit.indices}) for part in _deal(units, n)]


def _parted(dataset: DatasetT, aside: set[int]) -> tuple[DatasetT, DatasetT]:
    return dataset.subset(k for k in range(len(dataset)) if k not in aside), dataset.subset(sorted(aside))


def _units(dataset: AnnotatedImages[Any, Any], seed: int) -> list[_Unit]:
    """Images that stay together, in an order that only chance knows."""
    hashes = [pixel_hash(dataset.image(k)) for k in range(len(dataset))]
    classes, present = _classes(dataset), _present(dataset)
    together: dict[int, list[int]] = {}
    for k, first in enumerate(_joined(hashes, [getattr(r, "group", "") for r in dataset.records])):
        together.setdefault(first, []).append(k)
    units = []
    for indices in together.values():
        contents = sorted({hashes[k] for k in indices})
        key = hashlib.sha256(f"{seed} {' '.join(contents)}".encode()).digest()
        has = np.asarray(present[indices].any(axis=0), dtype=np.bool_)
        units.append(_Unit(key, indices, classes[indices].sum(axis=0), has))
    return sorted(units, key=lambda unit: unit.key)


def _joined(hashes: Sequence[str], groups: Sequence[str]) -> list[int]:
    """For each image the first of those that it has to stay with: of the same pixels or group, or of theirs."""
    parent = list(range(len(hashes)))

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = k = parent[parent[k]]
        return k

    first: dict[tuple[str, str], int] = {}
    for k, (content, group) in enumerate(zip(hashes, groups, strict=True)):
        for mark in (("pixels", content), ("group", group)):
            if mark[1]:
                a, b = sorted((root(k), root(first.setdefault(mark, k))))
                parent[b] = a
    return [root(k) for k in range(len(parent))]


def _classes(dataset: AnnotatedImages[Any, Any]) -> Counts:
    """Class of each image as ``(n_images, n_classes)`` of 0 and 1; a single class where images are of none."""
    ids: list[int] = [0] * len(dataset)
    if isinstance(dataset, ClassDataset):
        ids = [record.class_id for record in dataset.records]
    elif isinstance(dataset, BoxDataset) and all(len(r.classes) == 1 for r in dataset.records):
        ids = [int(record.classes[0]) for record in dataset.records]
    return np.eye(max(ids, default=0) + 1, dtype=np.int64)[ids]


def _present(dataset: AnnotatedImages[Any, Any]) -> npt.NDArray[np.bool_]:
    """Which classes are in each image, ``(n_images, n_classes)``."""
    if not isinstance(dataset, BoxDataset):
        return _classes(dataset) > 0
    present = np.zeros((len(dataset), len(dataset.class_names)), dtype=np.bool_)
    for k, record in enumerate(dataset.records):
        present[k, record.classes] = True
    return present


def _choose(units: Sequence[_Unit], wanted: int) -> list[_Unit]:
    """Units with at most so many images in all, if any has so few, and of each class about its share."""
    counts = np.array([unit.counts for unit in units])
    quota = _quotas(counts, wanted)
    left = np.array([unit.present for unit in units]).sum(axis=0)  # units with each class that are not chosen
    chosen: dict[bytes, _Unit] = {}
    taken = np.zeros_like(quota)
    # what keeps to the quotas goes first; then whatever fits
    for strict in (True, False):
        for unit in units:
            fits = taken.sum() + unit.counts.sum() <= wanted
            keeps = bool((taken + unit.counts <= quota).all()) or not strict
            spares = bool((left[unit.present] > 1).all())
            if unit.key not in chosen and fits and keeps and spares:
                chosen[unit.key] = unit
                taken += unit.counts
                left -= unit.present
    if chosen:
        return list(chosen.values())
    # nothing fitted: what stays together is more than was asked for, or each class is in one unit only
    return [min(units, key=lambda unit: (bool((left[unit.present] < 2).any()), len(unit.indices)))]


def _quotas(counts: Counts, wanted: int) -> Counts:
    """Images of each class to set aside, by largest remainders; of each class that can be parted one, if there is room.

    Parameters
    ----------
    counts
        ``(n_units, n_classes)``.
    wanted
        Their sum, unless too few can be parted.
    """
    total = counts.sum(axis=0)
    parted = (counts > 0).sum(axis=0) > 1
    exact = wanted * total / total.sum()
    quota = np.floor(exact).astype(np.int64)
    if parted.sum() <= wanted:
        quota = np.maximum(quota, parted)
    quota = np.minimum(quota, np.where(parted, total - 1, 0))
    while quota.sum() != wanted:
        step = 1 if quota.sum() < wanted else -1
        room = quota < total - 1 if step > 0 else quota > 1
        gain = np.where(room & parted, step * (exact - quota), -np.inf)
        if not np.isfinite(gain.max()):
            break
        quota[int(np.argmax(gain))] += step
    return quota


def _deal(units: Sequence[_Unit], n: int) -> list[list[_Unit]]:
    """Units in folds: the rarest class first, the largest units first, each to where it is missed most.

    After Sechidis et al., On the Stratification of Multi-Label Data, ECML PKDD 2011.
    """
    counts = np.array([unit.counts for unit in units])
    total = counts.sum(axis=0)
    have = np.zeros((n, counts.shape[1]))
    parts: list[list[_Unit]] = [[] for _ in range(n)]
    rest = set(range(len(units)))
    while rest:
        in_class = {c: [k for k in rest if counts[k, c]] for c in range(counts.shape[1])}
        rarest = min((c for c, of in in_class.items() if of), key=lambda c: (len(in_class[c]), c))
        for k in sorted(in_class[rarest], key=lambda k: (-len(units[k].indices), k)):
            # squares of what folds have of each class, and of all, grow least where least is
            crowding = 2 * have @ (counts[k] / np.maximum(total, 1))
            crowding += 2 * have.sum(axis=1) * counts[k].sum() / total.sum()
            fold = min(range(n), key=lambda f: (have[f, rarest] > 0, crowding[f], f))
            parts[fold].append(units[k])
            have[fold] += counts[k]
            rest.discard(k)
    return parts


def _wanted(total: int, fraction: float | None, count: int | None) -> int:
    if fraction is not None and count is not None:
        raise ConfigError("give either a fraction or a count of validation images, not both")
    if count is not None:
        if not 1 <= count < total:
            raise ConfigError(
                f"{count} validation images of {total}: expected at least 1, and at least 1 left to train on"
            )
        return count
    share = 0.15 if fraction is None else fraction
    if not 0 < share < 1:
        raise ConfigError(f"validation fraction {share:g}: expected a number between 0 and 1, e.g. 0.15")
    return min(max(1, round(share * total)), max(1, total - 1))
