"""Checks of images, whatever is annotated: their values, whether they are alike, and copies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..axes import Image
from .dataset import ImageRecord
from .duplicates import look_alikes, pixel_hash, thumbnail
from .findings import Finding, Severity

__all__ = ["ImageFacts", "check_copies", "check_look_alikes", "check_uniform", "check_values", "image_facts"]


@dataclass(frozen=True, eq=False)
class ImageFacts:
    """What checks across files need to know of one image.

    Attributes
    ----------
    record
        Its files.
    image_hash, annotation_hash
        Hashes of the pixels and of what is annotated, None where a file could not be read.
    thumbnail
        From `duplicates.thumbnail`, or None.
    axes, channels, dtype
        Of the image; axes without those of length 1 that are not spatial.
    size
        Height and width, None where it could not be read.
    """

    record: ImageRecord
    image_hash: str | None = None
    annotation_hash: str | None = None
    thumbnail: npt.NDArray[np.float32] | None = None
    axes: str = ""
    channels: int = 0
    dtype: str = ""
    size: tuple[int, int] | None = None


def image_facts(image: Image | None) -> dict[str, Any]:
    """What `ImageFacts` says of an image's pixels; nothing if it could not be read."""
    if image is None:
        return {}
    return {
        "image_hash": pixel_hash(image),
        "thumbnail": thumbnail(image) if image.array.size else None,
        "axes": "".join(axis for axis, size in image.sizes.items() if size > 1 or axis in "ZYX"),
        "channels": image.channels,
        "dtype": str(image.array.dtype),
        "size": (image.sizes["Y"], image.sizes["X"]),
    }


def check_values(image: Image, file: Path) -> Iterator[Finding]:
    """Images without pixels, with values that are no numbers, and constant ones."""
    array = np.asarray(image.array)
    if not array.size:
        yield Finding(Severity.ERROR, file, f"no pixels (shape {image.shape})", "replace or remove it")
        return
    if array.dtype.kind in "fc" and not np.isfinite(array).all():
        share = 1 - np.isfinite(array).mean()
        what = f"values that are not finite numbers (NaN or infinite): {share:.2%} of the pixels"
        yield Finding(
            Severity.ERROR, file, what, "replace them by the background's value, or export the image anew"
        )
        return
    low, high = array.min(), array.max()
    if low == high:
        what = f"constant: every pixel is {low}"
        yield Finding(
            Severity.WARNING, file, what, "take it out with its annotation, or export the image anew"
        )


def check_uniform(facts: Sequence[ImageFacts]) -> Iterator[Finding]:
    """Images that differ in kind from most others."""
    read = [f for f in facts if f.image_hash]
    for value, noun, severity, remedy in (
        ("channels", "channels", Severity.ERROR, "train on images with the same channels only"),
        ("axes", "axes", Severity.WARNING, "export all images alike, or name the axes"),
        ("dtype", "dtype", Severity.WARNING, "export all images alike; intensities may not compare"),
    ):
        common = Counter(getattr(f, value) for f in read).most_common(1)
        for fact in read:
            mine, usual = getattr(fact, value), common[0][0]
            if mine != usual:
                what = f"{noun}: {mine}, where most images have {usual}"
                if value == "axes" and ("Z" in mine) != ("Z" in usual):
                    apart = "keep images and volumes in folders of their own"
                    yield Finding(Severity.ERROR, fact.record.image_path, what, apart)
                else:
                    yield Finding(severity, fact.record.image_path, what, remedy)


def check_copies(facts: Sequence[ImageFacts], *, annotation: str) -> Iterator[Finding]:
    """Images whose pixels are those of an earlier one.

    Parameters
    ----------
    facts
        Of all images.
    annotation
        What is annotated, e.g. ``"mask"``.
    """
    first: dict[str, ImageFacts] = {}
    for fact in facts:
        if fact.image_hash is None:
            continue
        original = first.setdefault(fact.image_hash, fact)
        if original is fact:
            continue
        other = original.record.image_path
        if original.record.split != fact.record.split:
            what = f"the same image as {other.name} in {original.record.split}/"
            remedy = "keep it on one side: scores on images that were trained on say nothing"
            yield Finding(Severity.WARNING, fact.record.image_path, what, remedy)
        elif original.annotation_hash != fact.annotation_hash:
            what = f"the same image as {other.name}, with another {annotation}"
            yield Finding(Severity.WARNING, fact.record.image_path, what, "keep the better of the two")
        else:
            what = f"the same image and {annotation} as {other.name}"
            yield Finding(Severity.NOTE, fact.record.image_path, what, "remove it; it counts twice")


def check_look_alikes(facts: Sequence[ImageFacts]) -> Iterator[Finding]:
    """Images of different parts that show nearly the same."""
    read = [f for f in facts if f.thumbnail is not None]
    if len({f.record.split for f in read}) < 2:
        return
    pairs = look_alikes([f.thumbnail for f in read if f.thumbnail is not None])
    for first, second in ((read[i], read[j]) for i, j in pairs):
        if first.record.split != second.record.split and first.image_hash != second.image_hash:
            what = f"nearly the same image as {first.record.image_path.name} in {first.record.split}/"
            remedy = "keep crops, time points and slices of one specimen on one side"
            yield Finding(Severity.WARNING, second.record.image_path, what, remedy)
