"""Cutting images of more dimensions into the planes, or the volumes, that a model takes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Literal

from ..axes import Image
from ..errors import InputError

__all__ = ["frame_axes", "frames"]


def frame_axes(image: Image) -> str:
    """The axes that are gone through frame by frame: ``T`` (time) and ``P`` (pages), if longer than 1."""
    return "".join(a for a in image.axes if a in "TP" and image.sizes[a] > 1)


def frames(image: Image, plane: int | Literal["max"] | None, *, volume: bool = False) -> Iterator[Image]:
    """The frames of an image, in order; an image without time or pages is its only frame.

    Parameters
    ----------
    image
        Any axes.
    plane
        Which ``Z`` to use, or ``"max"`` for the brightest value along it.
    volume
        Whether the model takes volumes; then `plane` must be None.

    Yields
    ------
    Image
        With the axes ``Y``, ``X``, perhaps ``C``, and ``Z`` in volumes and where `plane` is ``"max"``.

    Raises
    ------
    InputError
        If the image has depth and `plane` is None, or outside it.
    """
    image = image.squeeze("ZYX" if volume else "YX")
    depth = image.sizes.get("Z", 1)
    if depth > 1 and plane is None and not volume:
        raise InputError(
            f"{image.name}: the model takes planes, but the image has {depth} along Z (axes {image.axes}); "
            "name one (plane=0), take the brightest of all (plane='max'), or, if these are no planes, name "
            "the axes (axes='TYX' for time); a model for volumes, such as nuclei-3d, takes it as it is"
        )
    if isinstance(plane, int):
        if not 0 <= plane < depth:
            raise InputError(
                f"{image.name}: there is no plane {plane}; the image has {depth}, counted from 0"
            )
        if depth > 1:
            image = image.select("Z", plane)
    along = frame_axes(image)
    for position in product(*(range(image.sizes[a]) for a in along)):
        frame = image
        for axis, index in zip(along, position, strict=True):
            frame = frame.select(axis, index)
        yield frame
