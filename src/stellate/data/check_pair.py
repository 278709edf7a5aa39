"""Checks of one image and its mask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import io
from ..axes import Image
from ..errors import StellateError
from .check_images import ImageFacts, check_values, image_facts
from .class_pixels import pixels_of_classes
from .classes import MISFIT_REMEDY, ObjectClasses
from .duplicates import pixel_hash
from .findings import Finding, Severity
from .listing import Record
from .mask_classes import MaskClasses
from .objects import count_pieces, measure_objects
from .pixels import ONE_FRAME, several_frames
from .reading import misfit, read_image, spatial_sizes

__all__ = ["PairFacts", "check_pair"]

# Values at which cameras and formats clip: 8, 10, 12, 14 and 16 bits.
_FULL_SCALES = {2**bits - 1 for bits in (8, 10, 12, 14, 16)}
# A share of clipped object pixels above which texture, and with it touching borders, is lost.
_SATURATED = 0.05
_IDS_NAMED = 6
_REPLACE = "replace the file, or take the pair out"


@dataclass(frozen=True, eq=False)
class PairFacts(ImageFacts):
    """What checks across files need to know of one pair, beside what they need of any image.

    Attributes
    ----------
    spacing
        Voxel size in micrometres along (z, y, x); None where not stated, and for images.
    n_objects
        Objects in the mask.
    classes
        Class ids of the objects, -1 where unknown; None where no file states any.
    class_pixels
        Of a mask of classes the pixels of each class, and last of none; None for other masks.
    """

    record: Record
    spacing: tuple[float, ...] | None = None
    n_objects: int = 0
    classes: npt.NDArray[np.int32] | None = None
    class_pixels: npt.NDArray[np.int64] | None = None


def check_pair(
    record: Record,
    axes: str | None,
    *,
    receptive_fields: Mapping[int, Sequence[int]] | None = None,
    classes: ObjectClasses | None = None,
    mask_classes: MaskClasses | None = None,
) -> tuple[PairFacts, list[Finding]]:
    """Read an image and its mask once, and look for everything that can be wrong with the two.

    Parameters
    ----------
    record
        The files.
    axes
        Axes of the image where the user named them.
    receptive_fields
        Sides in pixels of what the network sees at once, by the number of axes of the mask; objects in masks of other
        numbers of axes are not held against it.
    classes
        What is stated of the objects' classes.
    mask_classes
        What the values of the mask mean, if it is one of classes; None where they are the labels of objects.
    """
    findings: list[Finding] = []
    image = labels = counts = None
    ids: npt.NDArray[Any] = np.zeros(0, dtype=np.int64)
    try:
        if mask_classes is not None:
            mask = mask_classes.read(record.mask_path)
            labels, counts = mask.classes, pixels_of_classes(mask)
        else:
            labels, ids = io.read_labels(record.mask_path)
    except (StellateError, OSError) as error:
        findings.append(Finding.from_error(record.mask_path, error, _REPLACE))
    shape = () if labels is None else labels.shape
    try:
        image = read_image(record.image_path, axes, lambda: shape)
    except (StellateError, OSError) as error:
        findings.append(Finding.from_error(record.image_path, error, _REPLACE))
    if counts is not None:
        findings += _check_annotated(record.mask_path, counts)
    elif labels is not None:
        field = (receptive_fields or {}).get(labels.ndim)
        findings += _check_labels(record.mask_path, labels, ids, field)
        if classes is not None and (misfit := classes.misfit(ids)):
            findings.append(Finding(Severity.ERROR, classes.file, misfit, MISFIT_REMEDY))
    if image is not None:
        findings += check_values(image, record.image_path)
        if several := several_frames(image):
            findings.append(Finding(Severity.ERROR, record.image_path, several, ONE_FRAME))
    if image is not None and labels is not None:
        findings += _check_together(record, image, labels, objects=counts is None)
    facts = PairFacts(
        record,
        **image_facts(image),
        annotation_hash=None if labels is None else pixel_hash(Image(labels, "ZYX"[-labels.ndim :])),
        spacing=None if image is None else image.spacing("ZYX"),
        n_objects=len(ids),
        classes=None if classes is None else classes.of(ids),
        class_pixels=counts,
    )
    return facts, findings


def _check_annotated(file: Path, counts: npt.NDArray[np.int64]) -> Iterator[Finding]:
    if not counts[:-1].any():
        what = "no pixel is annotated: all have values that are to be ignored"
        yield Finding(Severity.WARNING, file, what, "annotate it, or take the pair out")


def _check_labels(
    file: Path, labels: npt.NDArray[Any], ids: npt.NDArray[Any], receptive_field: Sequence[int] | None
) -> Iterator[Finding]:
    if not len(ids):
        yield Finding(
            Severity.NOTE,
            file,
            "no objects",
            "keep it if the image has none, else annotate it or take it out",
        )
        return
    sizes, pieces = measure_objects(labels), count_pieces(labels)
    unit = "voxel" if labels.ndim == 3 else "pixel"
    if len(ids) == 1 and pieces[0] > 1:
        what = f"a single id ({ids[0]}) in {pieces[0]} pieces: a foreground mask rather than a label image?"
        yield Finding(Severity.WARNING, file, what, "give each object an id of its own")
    elif (pieces > 1).any():
        what = f"{_count(pieces > 1, 'object')} in several pieces: {_named(ids, pieces > 1)}"
        yield Finding(
            Severity.WARNING, file, what, "give each piece an id of its own, or join or remove stray pixels"
        )
    if (sizes.areas == 1).any():
        what = f"{_count(sizes.areas == 1, 'object')} of a single {unit}: {_named(ids, sizes.areas == 1)}"
        yield Finding(Severity.WARNING, file, what, "remove what is no object")
    if receptive_field is not None:
        large = np.any(sizes.extents > np.asarray(receptive_field), axis=1)
        if large.any():
            seen = f"{' x '.join(map(str, receptive_field))} {unit}s"
            what = f"{_count(large, 'object')} larger than the network sees ({seen}): {_named(ids, large)}"
            yield Finding(
                Severity.WARNING,
                file,
                what,
                "scale the images down, or choose a larger grid or a deeper network",
            )


def _check_together(
    record: Record, image: Image, labels: npt.NDArray[Any], *, objects: bool
) -> Iterator[Finding]:
    if image.sizes.get("Z") == 1 and labels.ndim == 2:
        labels = labels[np.newaxis]
    if wrong := misfit(image, labels.shape):
        what, _, remedy = wrong.rpartition("; ")
        yield Finding(Severity.ERROR, record.mask_path, what, remedy)
        return
    if not objects:
        return
    array = np.asarray(image.array)
    top = array.max(initial=0)
    if array.dtype.kind not in "ui" or int(top) not in _FULL_SCALES or array.min() == top:
        return
    clipped = (array == top).all(
        axis=tuple(k for k, a in enumerate(image.axes) if a not in image.spatial_axes)
    )
    order = [image.spatial_axes.index(a) for a in spatial_sizes(image)]
    inside = clipped.transpose(order)[labels > 0]
    if inside.size and inside.mean() > _SATURATED:
        what = f"{inside.mean():.0%} of the objects' pixels are saturated (at {top})"
        yield Finding(Severity.WARNING, record.image_path, what, "expose or export it with less brightness")


def _count(which: npt.NDArray[np.bool_], noun: str) -> str:
    number = int(which.sum())
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _named(ids: npt.NDArray[Any], which: npt.NDArray[np.bool_]) -> str:
    chosen = ids[which]
    more = f" and {len(chosen) - _IDS_NAMED} more" if len(chosen) > _IDS_NAMED else ""
    return f"id{'s' if len(chosen) > 1 else ''} {', '.join(map(str, chosen[:_IDS_NAMED]))}{more}"
