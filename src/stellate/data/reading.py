"""Reading the image of an annotated pair. What its file leaves open of its axes, the mask says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from .. import io
from ..axes import Image
from ..io import npy

__all__ = ["mask_shape", "misfit", "read_image", "spatial_sizes"]

Shape = tuple[int, ...]


def read_image(
    path: Path,
    axes: str | None,
    mask: Callable[[], Shape],
    *,
    read: Callable[..., Image] = io.read,
) -> Image:
    """Read the image of a pair.

    Pages that nobody named (axis ``P``) are planes (``Z``), and a bare array has planes and channels, where the mask
    has the shape that makes it so.

    Parameters
    ----------
    path
        The image file.
    axes
        Its axes where the user named them.
    mask
        Gives the shape of the mask; called only where the file leaves its axes open.
    read
        `stellate.io.read`, or `stellate.io.open_lazy`.

    Raises
    ------
    InputError
        If the file cannot be read, or its axes have to be named.
    """
    if axes is None and path.suffix.lower() in npy.SUFFIXES:
        shape = tuple(npy.read_values(path).shape)
        axes = _of_array(shape, mask()) if len(shape) > 2 else None
    image = read(path, axes=axes)
    if image.sizes.get("P", 1) == 1 or "Z" in image.axes:
        return image
    planes = replace(image, axes=image.axes.replace("P", "Z"))
    return planes if tuple(spatial_sizes(planes).values()) == mask() else image


def mask_shape(path: Path) -> Shape:
    """Shape of a label image.

    Raises
    ------
    InputError
        If the file cannot be read as one.
    """
    if path.suffix.lower() in npy.SUFFIXES:
        return tuple(npy.read_values(path).shape)
    return io.read_labels(path)[0].shape


def spatial_sizes(image: Image) -> dict[str, int]:
    """Length of the spatial axes by letter, in the order that masks have: ``Z`` if there is one, ``Y``, ``X``."""
    return {axis: image.sizes[axis] for axis in "ZYX" if axis in image.axes}


def misfit(image: Image, mask: Shape) -> str:
    """What is wrong with the shape of a mask, and the remedy after a semicolon; empty if it fits the image."""
    sizes = spatial_sizes(image)
    expected, along = tuple(sizes.values()), "".join(sizes)
    if mask == expected:
        return ""
    what = f"shape {mask}, but the image has {expected} along {along}"
    if sorted(mask) == sorted(expected):
        return f"{what}; its axes seem to be in another order: export it with the axes {along}"
    planes = ", e.g. axes ZYX for planes" if len(mask) == 3 else ""
    return f"{what}; export the mask at the image's size, or name the image's axes{planes}"


def _of_array(shape: Shape, mask: Shape) -> str | None:
    """Axes of a bare array, of which those of the mask are spatial and a further one channels; None if that is open."""
    spatial = "ZYX"[-len(mask) :]
    if shape == mask:
        return spatial
    found = [
        spatial[:k] + "C" + spatial[k:]
        for k in range(len(shape))
        if len(shape) == len(mask) + 1 and shape[:k] + shape[k + 1 :] == mask
    ]
    return found[0] if len(found) == 1 else None
