"""Annotated folders: ``images/`` beside ``masks/``, or such a pair in each of ``train/``, ``val/`` and
``test/``.

An image and its mask have the same name; the suffix may differ, and so may the case of the letters. Masks hold objects,
unless the dataset is told what classes their values mean (`stellate.data.mask_use`). Where objects are of several
classes, files beside the masks say which; see `stellate.data.classes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from .. import io
from ..axes import Image
from ..errors import DataError
from ..results import Instances
from .annotations import PixelAnnotation, pixel_ids, with_pixel_ids
from .class_names import renumbering
from .classes import MISFIT_REMEDY, ObjectClasses, read_classes
from .dataset import AnnotatedImages
from .listing import Listing, Record, list_pairs
from .mask_classes import MaskClasses
from .reading import mask_shape, misfit, read_image

__all__ = ["Dataset", "Listing", "Record", "list_pairs", "open_folder"]

_NAMED_IN_ERRORS = 8


@dataclass(frozen=True, eq=False)
class Dataset(AnnotatedImages[Record, PixelAnnotation]):
    """Images and masks, read when asked for; of objects, or of classes of pixels.

    Attributes
    ----------
    classes
        Classes of the objects by the path of their mask; of other masks nothing is known.
    mask_classes
        What the values of masks mean; None where they are the labels of objects.
    """

    classes: Mapping[Path, ObjectClasses] = field(default_factory=dict, repr=False)
    mask_classes: MaskClasses | None = None

    def with_class_names(self, names: Sequence[str]) -> Dataset:
        """The same with these class names, in this order; none of them for objects that are not told apart.

        Raises
        ------
        DataError
            If objects are of classes that are not among them.
        """
        if not names:
            return replace(self, class_names=(), classes={})
        if strange := [name for name in self.class_names if name not in names]:
            raise DataError(
                f"{self.root}: objects of the class {', '.join(strange)}, which is not among {', '.join(names)}; name "
                "the classes alike"
            )
        table = renumbering(self.class_names, names)
        classes = {mask: of.renumbered(table) for mask, of in self.classes.items()}
        return replace(self, class_names=tuple(names), classes=classes)

    def with_mask_classes(self, known: MaskClasses) -> Dataset:
        """The same with masks that hold classes of pixels, in place of objects."""
        return replace(self, class_names=known.class_names, classes={}, mask_classes=known)

    def _read(self, index: int, read: Callable[..., Image], mask: tuple[int, ...] | None = None) -> Image:
        """Read an image. Pages that its file does not name are planes where the mask has as many."""
        record = self.records[index]

        def shape() -> tuple[int, ...]:
            if mask is not None:
                return mask
            if self.mask_classes is not None:
                return self.mask_classes.read(record.mask_path).classes.shape
            return mask_shape(record.mask_path)

        return read_image(record.image_path, self.axes, shape, read=read)

    def annotation(self, index: int) -> PixelAnnotation:
        """Read the mask that belongs to an image: the class of each pixel, or objects, whose ids become contiguous.

        Raises
        ------
        DataError
            If classes are stated of objects that are not in the mask, or pixels have values that are of no class.
        InputError
            If the file cannot be read as a mask of this kind.
        """
        path = self.records[index].mask_path
        if self.mask_classes is not None:
            return self.mask_classes.read(path)
        labels, ids = io.read_labels(path)
        stated = self.classes.get(path)
        if stated is None:
            return Instances(labels, class_names=self.class_names)
        if misfit := stated.misfit(ids):
            raise DataError(f"{stated.file}: {misfit} in {path.name}; {MISFIT_REMEDY}")
        return Instances(labels, classes=stated.of(ids), class_names=self.class_names)

    def pair(self, index: int) -> tuple[Image, PixelAnnotation]:
        """Read an image and its annotation, and see to it that they cover the same pixels.

        Raises
        ------
        DataError
            If the image has several frames, the spatial shapes differ, or the annotation cannot be used; see
            `annotation`.
        InputError
            If either file cannot be read.
        """
        annotation = self.annotation(index)
        ids = pixel_ids(annotation)
        image = self._single(index, self._read(index, io.read, ids.shape))
        if image.sizes.get("Z") == 1 and ids.ndim == 2:
            # TIFF files do not tell a volume of one plane from an image; the user said it of this one
            ids = ids[np.newaxis]
            annotation = with_pixel_ids(annotation, ids)
        if wrong := misfit(image, ids.shape):
            raise DataError(f"{self.records[index].mask_path}: the mask has {wrong}")
        return image, annotation


def open_folder(path: str | Path, *, axes: str | None = None) -> Dataset:
    """Open an annotated folder. Files that state classes are read; images and masks are when asked for.

    Parameters
    ----------
    path
        Folder with ``images/`` and ``masks/``, or with ``train/``, ``val/``, ``test/`` that hold such a pair
        each.
    axes
        Axes of the image files, e.g. ``"YXC"``, where they do not say so themselves.

    Raises
    ------
    DataError
        If the folder is missing or laid out differently, holds no pair, if a file has no partner, or a file that states
        classes cannot be used.
    """
    listing = list_pairs(path)
    root = listing.root
    if listing.ambiguous:
        raise DataError(
            f"{root}: several files share a name: {_names(listing.ambiguous, root)}; keep one of each"
        )
    if listing.images_without_mask:
        raise DataError(
            f"{root}: no mask of the same name for {_names(listing.images_without_mask, root)}; "
            "add the masks (an empty label image where there are no objects) or take the images out"
        )
    if listing.masks_without_image:
        raise DataError(
            f"{root}: no image of the same name for {_names(listing.masks_without_image, root)}; "
            "add the images or take the masks out"
        )
    if not listing.records:
        seen = f"; files of other kinds: {_names(listing.ignored, root)}" if listing.ignored else ""
        raise DataError(f"{root}: no images; expected {', '.join(io.SUFFIXES)} in images/ and masks/{seen}")
    classes = read_classes(listing)
    classes.check()
    return Dataset(root, listing.records, axes, classes.names, classes=classes.by_mask)


def _names(files: Sequence[Path], root: Path) -> str:
    shown = ", ".join(f.relative_to(root).as_posix() for f in files[:_NAMED_IN_ERRORS])
    more = len(files) - _NAMED_IN_ERRORS
    return f"{shown} and {more} more" if more > 0 else shown
