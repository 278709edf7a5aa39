"""Setting images aside for validation."""

from __future__ import annotations

import hashlib

from ..errors import ConfigError, DataError
from .duplicates import pixel_hash
from .folder import Dataset

__all__ = ["validation_split"]


def validation_split(
    dataset: Dataset, *, fraction: float | None = None, count: int | None = None, seed: int = 0
) -> tuple[Dataset, Dataset]:
    """Set some images aside for validation.

    The choice depends on the pixels and the seed alone: neither names, nor the order of files, nor the
    machine matter, and where images are added most of the others stay on their side. Copies of an image stay
    together. Every image is read once.

    Parameters
    ----------
    dataset
        The images to divide.
    fraction
        Share to set aside, between 0 and 1; 0.15 if neither this nor `count` is given.
    count
        Number of images to set aside instead.
    seed
        Another seed, another choice.

    Returns
    -------
    training, validation : Dataset
        In the order of `dataset`, each with at least one image. Where copies have to stay together,
        validation may be smaller than asked for.

    Raises
    ------
    ConfigError
        If both `fraction` and `count` are given, or either is out of range.
    DataError
        If there are not two different images.
    """
    wanted = _wanted(len(dataset), fraction, count)
    groups: dict[str, list[int]] = {}
    for k in range(len(dataset)):
        groups.setdefault(pixel_hash(dataset.image(k)), []).append(k)
    if len(groups) < 2:
        raise DataError(
            f"{dataset.root}: validation needs at least two different images, and there "
            f"{'is one' if len(groups) == 1 else 'are none'}; add images"
        )
    order = sorted(groups, key=lambda content: hashlib.sha256(f"{seed} {content}".encode()).digest())
    chosen: list[int] = []
    for content in order[:-1]:
        if len(chosen) + len(groups[content]) <= wanted:
            chosen += groups[content]
    # Nothing fitted: every image has more copies than were asked for.
    chosen = chosen or min((groups[c] for c in order), key=len)
    aside = set(chosen)
    return (
        dataset.subset(k for k in range(len(dataset)) if k not in aside),
        dataset.subset(sorted(aside)),
    )


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
