"""Bringing an image to the pixel size that a model was trained at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..errors import ConfigError
from ..geometry.resampling import resample_along, resampling_weights
from .options import PredictOptions

__all__ = ["choose_scale", "read_scaled", "scaled_shape"]

Read = Callable[[tuple[slice, ...]], npt.NDArray[np.float32]]

# Nuclei differ in size by more than this within one image, so smaller corrections are not worth the blur.
_TOLERANCE = 0.1
# A pixel size that differs more is more likely wrong (a printer's resolution, say) than true.
_BELIEVABLE = 8.0


def choose_scale(
    image: Image,
    options: PredictOptions,
    *,
    spacing_um: Mapping[str, float] | None,
    diameter_px: float | None,
    axes: str = "YX",
) -> tuple[float, str]:
    """The factor by which an image is enlarged for the network.

    Parameters
    ----------
    image
        The image; its pixel size counts if it is known.
    options
        What the user chose.
    spacing_um, diameter_px
        Pixel size and typical diameter of the objects that the model was trained on; None where not known.
    axes
        The spatial axes: ``"ZYX"`` for volumes. They are all rescaled by the same factor.

    Returns
    -------
    scale
        Pixels for the network per pixel of the image; 1 leaves it as it is.
    note
        What was done and why, for the user; empty if nothing.

    Raises
    ------
    ConfigError
        If the diameter of the objects is given for a model that does not know its own.
    """
    if options.object_diameter is not None:
        if diameter_px is None:
            raise ConfigError(
                "object_diameter is given, but the model does not state the size of its training objects; "
                "give rescale, the factor itself"
            )
        scale = diameter_px / options.object_diameter
        return (
            scale,
            f"rescaled by {scale:.3g}: objects of {options.object_diameter:g} px become {diameter_px:.3g} px",
        )
    if not isinstance(options.rescale, str):
        return float(options.rescale), f"rescaled by {options.rescale:g} as asked"
    mine, models = image.spacing(axes), spacing_um and [spacing_um.get(a) for a in axes]
    if options.rescale == "off" or not mine or not models or None in models:
        return 1.0, ""
    wanted = [float(m) for m in models if m is not None]
    scale, note = _scale_by_spacing(mine, wanted)
    return scale, "; ".join(filter(None, [note, _stretched(mine, wanted)]))


def _stretched(mine: tuple[float, ...], models: list[float]) -> str:
    """A warning where voxels have another shape than the model's; one factor for all axes cannot mend that."""
    ratios = np.array(mine) / models
    if ratios.max() <= (1 + _TOLERANCE) ** 2 * ratios.min():
        return ""
    have, want = (" x ".join(f"{s:.3g}" for s in sizes) for sizes in (mine, models))
    what = "voxels" if len(mine) == 3 else "pixels"
    return f"{what} of {have} um have another shape than those of the model, {want} um: objects may be missed"


def _scale_by_spacing(mine: tuple[float, ...], models: list[float]) -> tuple[float, str]:
    have, want = (float(np.prod(sizes)) ** (1 / len(sizes)) for sizes in (mine, models))
    scale = have / want
    if not 1 / _BELIEVABLE <= scale <= _BELIEVABLE:
        return (
            1.0,
            f"not rescaled: the pixel size of {have:.4g} um is hard to believe for a model of {want:.4g} um",
        )
    if abs(scale - 1) <= _TOLERANCE:
        return 1.0, ""
    return scale, f"rescaled by {scale:.3g}: pixels of {have:.3g} um, the model's are {want:.3g} um"


def scaled_shape(shape: tuple[int, ...], scale: float) -> tuple[int, ...]:
    """Shape of an image after rescaling."""
    return tuple(max(1, round(n * scale)) if n else 0 for n in shape)


def read_scaled(
    read: Read, region: tuple[slice, ...], *, shape: tuple[int, ...], scale: float
) -> npt.NDArray[Any]:
    """A region of the rescaled image, by linear interpolation; averaged over the pixels that fall together.

    Every pixel is computed from the same source pixels whatever the region, so that tiles agree where they
    overlap. Pixel edges fall on pixel edges: position p of the source lies at ``(p + 0.5) * scale - 0.5``.

    Parameters
    ----------
    read
        Reads a region ``(C, *spatial)`` of the source image.
    region
        Of the rescaled image.
    shape
        Spatial shape of the source image.
    scale
        The factor.

    Returns
    -------
    ndarray
        ``(C, *spatial)`` float32.
    """
    along = [resampling_weights(part, size, scale) for part, size in zip(region, shape, strict=True)]
    array = read(tuple(slice(start, start + weights.shape[1]) for start, weights in along))
    for axis, (_, weights) in enumerate(along, start=1):
        array = resample_along(weights, array, axis)
    return array
