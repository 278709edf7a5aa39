"""How many pixels of each class a part of the data has, and whether it can be trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..results import Mask
from .findings import Finding, Severity

__all__ = [
    "ClassPixels",
    "check_training_classes",
    "count_class_pixels",
    "image_chances",
    "pixels_of_classes",
]

_COUNTED = 1 << 18


@dataclass(frozen=True)
class ClassPixels:
    """Annotated pixels of each class.

    Attributes
    ----------
    names
        Of the classes.
    pixels
        Pixels of each class, in all masks.
    pixels_where_present
        Annotated pixels of any class, in the masks in which the class occurs; class weights are made of both.
    masks
        Number of masks in which each class occurs.
    n_masks
        Number of masks.
    not_annotated
        Pixels of no class, in all masks.
    """

    names: tuple[str, ...]
    pixels: tuple[int, ...]
    pixels_where_present: tuple[int, ...]
    masks: tuple[int, ...]
    n_masks: int
    not_annotated: int

    @classmethod
    def of_masks(cls, names: Sequence[str], rows: Sequence[npt.NDArray[np.int64]]) -> ClassPixels:
        """Put together what `pixels_of_classes` says of each mask."""
        table = np.array(rows, dtype=np.int64).reshape(len(rows), len(names) + 1)
        counts, present = table[:, :-1], table[:, :-1] > 0
        among = (present * counts.sum(axis=1, keepdims=True)).sum(axis=0)
        columns = (counts.sum(axis=0), among, present.sum(axis=0))
        pixels, where, masks = (tuple(int(n) for n in column) for column in columns)
        return cls(tuple(names), pixels, where, masks, len(rows), int(table[:, -1].sum()))

    @property
    def missing(self) -> tuple[str, ...]:
        """Classes without pixels."""
        return tuple(name for name, n in zip(self.names, self.pixels, strict=True) if not n)


def count_class_pixels(masks: Iterable[Mask], progress: Callable[[int], None] | None = None) -> ClassPixels:
    """Count the pixels of each class, holding one mask at a time.

    Parameters
    ----------
    masks
        All with the same class names.
    progress
        Called with the number of masks done after each.
    """
    names: tuple[str, ...] = ()
    rows: list[npt.NDArray[np.int64]] = []
    for mask in masks:
        names = mask.class_names
        rows.append(pixels_of_classes(mask))
        del mask
        if progress is not None:
            progress(len(rows))
    return ClassPixels.of_masks(names, rows)


def pixels_of_classes(mask: Mask) -> npt.NDArray[np.int64]:
    """Pixels of each class, and last of none: ``(n_classes + 1,)`` int64."""
    counts = np.zeros(len(mask.class_names) + 1, dtype=np.int64)
    # In pieces, since bincount counts 64-bit integers, and a class map is mostly of smaller ones.
    pieces = np.nditer(
        mask.classes,
        flags=["external_loop", "buffered", "zerosize_ok"],
        op_dtypes=[np.int64],
        casting="same_kind",
        buffersize=_COUNTED,
    )
    for piece in pieces:
        counts += np.bincount(np.add(piece, 1), minlength=len(counts))
    return np.roll(counts, -1)


def image_chances(present: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64] | None:
    """How likely each image is to be drawn, so that classes that few images have are seen.

    Half of the time any image is drawn; else a class that occurs anywhere, and then one of the images that have it.

    Parameters
    ----------
    present
        ``(n_images, n_classes)``: which classes an image has.

    Returns
    -------
    (n_images,) float64 or None
        Sums to 1; None if all images have the same classes.

    Examples
    --------
    >>> image_chances(np.array([[True, False], [True, False], [True, True]])).round(3).tolist()
    [0.25, 0.25, 0.5]
    """
    if (present == present[:1]).all():
        return None
    having = present.sum(axis=0)
    shares = present[:, having > 0] / having[having > 0]
    return np.asarray(0.5 / len(present) + 0.5 * shares.mean(axis=1))


def check_training_classes(counts: ClassPixels, masks: Path) -> list[Finding]:
    """What hinders training on masks with these pixels, or makes it learn less than it could.

    Parameters
    ----------
    counts
        Of the masks to train on.
    masks
        Their folder.
    """
    present = [name for name in counts.names if name not in counts.missing]
    if len(present) < 2:
        what = f"all annotated pixels are {present[0]}" if present else "no pixel is annotated"
        remedy = "annotate pixels of at least two classes, of which one may be the background"
        return [Finding(Severity.ERROR, masks, f"{what}, so that there is nothing to tell apart", remedy)]
    if counts.missing:
        what = f"no pixel of {', '.join(counts.missing)} in the masks to train on; it will not be found"
        remedy = "add images that have it to the training part, or leave the class out"
        return [Finding(Severity.WARNING, masks, what, remedy)]
    return []
