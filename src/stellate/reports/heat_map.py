"""Where in an image a network saw what it told the class by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from ..axes import Image
from ..errors import InputError
from .backdrop import backdrop
from .caption import with_caption
from .projection import flat

__all__ = ["draw_heat_map", "heat_colours"]

Picture = npt.NDArray[np.uint8]

# Ordered by how bright it looks, to everyone and in grey print (Smith and van der Walt, SciPy 2015).
_COLOURS = "inferno"
# Of the colours over the image, so that both are seen: where there is nothing to see, and where there is most.
_OPACITY = (0.35, 0.75)
_LUMINANCE = np.array([0.299, 0.587, 0.114])
_GAP = 8


def heat_colours(heat: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Colours of values from 0 to 1, ``(..., 3)`` from 0 to 255; dark to bright."""
    rgba: Any = matplotlib.colormaps[_COLOURS](np.asarray(heat, dtype=np.float64))
    colours: npt.NDArray[np.float64] = 255 * rgba[..., :3]
    return colours


def draw_heat_map(
    image: Image | npt.NDArray[Any],
    heat: npt.NDArray[Any],
    lines: Sequence[str] = (),
    *,
    max_side: int = 1024,
    side: int = 400,
) -> Picture:
    """Draw an image, and beside it the same in grey below the colours of a map.

    Parameters
    ----------
    image
        As `overlay` takes it.
    heat
        ``(h, w)`` in the proportions of the image, 0 to 1; the higher the brighter.
    lines
        What is said below; see `with_caption`.
    max_side
        Longest side of the image in the picture; larger ones are made smaller by a whole factor.
    side
        Small images are enlarged by a whole factor towards this.

    Returns
    -------
    (h, w, 3) uint8

    Raises
    ------
    InputError
        If the map has not the image's proportions, or has values beyond 0 and 1.
    """
    plane = flat(image)
    shape = (plane.sizes["Y"], plane.sizes["X"])
    heat = np.asarray(heat, dtype=np.float32)
    if not _alike(heat.shape, shape):
        raise InputError(
            f"{plane.name}: the map has shape {heat.shape}, but the image {shape}; both must have the same proportions"
        )
    if not ((heat >= 0) & (heat <= 1)).all():
        raise InputError(
            f"{plane.name}: the map has values beyond 0 and 1, or no numbers; scale it to that range"
        )
    picture, _ = backdrop(plane, max_side=max_side)
    zoom = max(1, side // max(picture.shape[:2]))
    picture = picture.repeat(zoom, axis=0).repeat(zoom, axis=1)
    size = (picture.shape[1], picture.shape[0])
    shown = np.asarray(
        PillowImage.fromarray(heat).resize(size, PillowImage.Resampling.BILINEAR), dtype=np.float64
    )
    gap = np.full((len(picture), _GAP, 3), 255, dtype=np.uint8)
    pair = np.concatenate([picture, gap, _over(picture, shown)], axis=1)
    return with_caption(pair, lines) if lines else pair


def _alike(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether shapes have the same proportions, but for the rounding of the smaller one to pixels."""
    if len(one) != len(other):
        return False
    small, large = sorted((one, other), key=max)
    factor = max(small) / max(large)
    return all(abs(a - b * factor) <= 1 for a, b in zip(small, large, strict=True))


def _over(picture: Picture, heat: npt.NDArray[np.float64]) -> Picture:
    """The picture in grey, with the colours of the map over it, the more opaque the hotter."""
    grey = (picture @ _LUMINANCE)[..., np.newaxis]
    low, high = _OPACITY
    opacity = (low + (high - low) * heat)[..., np.newaxis]
    mixed: Picture = np.rint(grey * (1 - opacity) + heat_colours(heat) * opacity).astype(np.uint8)
    return mixed
