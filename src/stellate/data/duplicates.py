"""Recognising the same image, or nearly the same, under another name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..results import Annotation, Boxes, Instances, Scores
from .annotations import pixel_ids

__all__ = ["annotation_hash", "look_alikes", "pair_hash", "pixel_hash", "thumbnail"]

_BLOCK_BYTES = 1 << 26
_THUMBNAIL = 32
# Images per block of comparisons: 512 x 512 correlations at a time.
_COMPARED = 512


def pixel_hash(image: Image) -> str:
    """Hash of the pixels, whatever the file's name, format or metadata.

    Images are equal in this sense if their shapes, types and values are.
    """
    return _array_hash(image.array)


def pair_hash(image: Image, annotation: Annotation) -> str:
    """Hash of all that a network learns from an image: its pixels and axes, what is annotated, and classes."""
    return _text_hash([image.axes, _array_hash(image.array), *_parts(annotation)])


def annotation_hash(annotation: Annotation) -> str:
    """Hash of what is annotated, classes by their names."""
    return _text_hash(_parts(annotation))


def _parts(annotation: Annotation) -> list[str]:
    if isinstance(annotation, Scores):
        return [_array_hash(annotation.probabilities), *annotation.class_names]
    if isinstance(annotation, Boxes):
        return [_array_hash(annotation.boxes_xyxy), _array_hash(annotation.classes), *annotation.class_names]
    parts = [_array_hash(pixel_ids(annotation))]
    if not isinstance(annotation, Instances):
        return [*parts, *annotation.class_names]
    if annotation.classes is not None:
        parts += [_array_hash(annotation.classes), *annotation.class_names]
    return parts


def _text_hash(parts: Sequence[str]) -> str:
    return hashlib.blake2b(repr([*parts]).encode(), digest_size=16).hexdigest()


def _array_hash(array: Any) -> str:
    digest = hashlib.blake2b(f"{array.shape} {np.dtype(array.dtype).str}".encode(), digest_size=16)
    row_bytes = int(np.prod(array.shape[1:])) * np.dtype(array.dtype).itemsize
    step = max(1, _BLOCK_BYTES // max(1, row_bytes))
    for start in range(0, array.shape[0], step):
        digest.update(np.ascontiguousarray(array[start : start + step]).tobytes())
    return digest.hexdigest()


def thumbnail(image: Image) -> npt.NDArray[np.float32]:
    """A tiny picture that is the same for the same scene, however it is scaled in size and brightness.

    Returns
    -------
    (1024,) float32
        32 x 32 means over the image, all other axes averaged, with mean 0 and length 1; all 0 for a constant
        image. The scalar product of two of them is their correlation.
    """
    rows, columns = image.axes.index("Y"), image.axes.index("X")
    other = tuple(k for k in range(len(image.axes)) if k not in (rows, columns))
    plane = np.asarray(image.array).mean(axis=other, dtype=np.float32) if other else np.asarray(image.array)
    plane = plane if rows < columns else plane.T
    small = _means(_means(plane, 0), 1).ravel()
    small = np.nan_to_num(small - small.mean(), posinf=0, neginf=0)
    length = np.linalg.norm(small)
    # What rounding leaves of a constant image is no scene.
    return (small / length if length > 1e-6 else np.zeros_like(small)).astype(np.float32)


def _means(plane: npt.NDArray[Any], axis: int) -> npt.NDArray[np.float64]:
    """Means over 32 stretches of an axis, equal but for rounding; pixels repeat where there are fewer."""
    size = plane.shape[axis]
    edges = np.arange(_THUMBNAIL) * size // _THUMBNAIL
    if size < _THUMBNAIL:
        return np.take(plane, edges, axis=axis).astype(np.float64)
    lengths = np.diff(edges, append=size)
    sums = np.add.reduceat(plane, edges, axis=axis, dtype=np.float64)
    return sums / (lengths[:, np.newaxis] if axis == 0 else lengths)


def look_alikes(
    thumbnails: Sequence[npt.NDArray[np.float32]], *, correlation: float = 0.97
) -> list[tuple[int, int]]:
    """Pairs of images whose thumbnails agree.

    Parameters
    ----------
    thumbnails
        From `thumbnail`.
    correlation
        Least correlation of two that are reported.

    Returns
    -------
    list of (first, second)
        Positions, first < second, ascending.
    """
    if not thumbnails:
        return []
    stack = np.stack(thumbnails)
    pairs: list[tuple[int, int]] = []
    for a in range(0, len(stack), _COMPARED):
        for b in range(a, len(stack), _COMPARED):
            rows, columns = np.nonzero(stack[a : a + _COMPARED] @ stack[b : b + _COMPARED].T >= correlation)
            pairs += [(a + int(i), b + int(j)) for i, j in zip(rows, columns, strict=True) if a + i < b + j]
    return sorted(pairs)
