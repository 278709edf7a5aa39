"""Any image as a picture to look at: contrast stretched, channels in colours, smaller where it is huge."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..axes import Image, presumed_axes
from ..errors import InputError

__all__ = ["backdrop", "reduce_labels", "show_plane"]

Picture = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]

# Percentiles that become black and white, as in most viewers; those of a photograph keep its mood.
_STRETCH = (1.0, 99.8)
_STRETCH_PHOTOGRAPH = (0.1, 99.9)
# Fluorescence: most of the picture below this share of white is shown with this exponent.
_DARK, _GAMMA = 0.2, np.float32(0.65)
_SAMPLED = 1 << 20
_STRIP_PIXELS = 1 << 22

# Colours of 1, 2, 3 and more channels; magenta and green are told apart by everyone, and add up to white.
_GREY = ((1.0, 1.0, 1.0),)
_TWO = ((1.0, 0.0, 1.0), (0.0, 1.0, 0.0))
_MORE = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 1))


def show_plane(image: Image | npt.NDArray[Any]) -> Image:
    """The plane of an image that is shown: axes ``YX``, or these and ``C``, in any order.

    Of other axes the middle position is taken.

    Raises
    ------
    InputError
        If a bare array can be read in several ways.
    """
    if not isinstance(image, Image):
        image = Image(image, presumed_axes(np.shape(image)))
    for axis, size in image.sizes.items():
        if axis not in "YXC":
            image = image.select(axis, size // 2)
    if not all(image.shape):
        raise InputError(f"{image.name}: no pixels to show (shape {image.shape})")
    return image


def backdrop(image: Image | npt.NDArray[Any], *, max_side: int | None = None) -> tuple[Picture, int]:
    """Turn an image into a picture.

    Parameters
    ----------
    image
        Grey, colour or of many channels; any dtype. It may be lazy: it is read in strips.
    max_side
        Longest side of the picture; larger images are averaged over squares of pixels. None for no limit.

    Returns
    -------
    picture : (h, w, 3) uint8
        Each channel is stretched from its 1st to its 99.8th percentile, brightened where it is dark, and
        shown in a colour of its own; a photograph (8 bits in red, green and blue) keeps its colours.
    step : int
        Pixels of the image per pixel of the picture.
    """
    plane = show_plane(image)
    longest = max(plane.sizes["Y"], plane.sizes["X"])
    step = 1 if max_side is None else max(1, -(-longest // max_side))
    if _is_photograph(plane):
        channels = np.stack([_reduced(plane.select("C", k), step) for k in range(3)], axis=-1)
        return _to_bytes(_stretched(channels, _STRETCH_PHOTOGRAPH)), step
    if "C" not in plane.axes:
        grey = _to_bytes(_brightened(_stretched(_reduced(plane, step), _STRETCH)))
        return np.repeat(grey[..., np.newaxis], 3, axis=-1), step
    colours = {1: _GREY, 2: _TWO}.get(plane.channels, _MORE)
    total: Any = 0.0
    for k in range(plane.channels):
        channel = _brightened(_stretched(_reduced(plane.select("C", k), step), _STRETCH))
        total = total + channel[..., np.newaxis] * np.asarray(colours[k % len(colours)], dtype=np.float32)
    return _to_bytes(total), step


def reduce_labels(labels: npt.NDArray[Any], step: int) -> npt.NDArray[Any]:
    """The labels of a picture that has every `step`-th pixel; 3D label images give their middle plane.

    Returns
    -------
    (h, w)
        A view, of the same shape as the picture from `backdrop`.
    """
    while labels.ndim > 2:
        labels = labels[labels.shape[0] // 2]
    height, width = (max(1, size // step) for size in labels.shape)
    top, left = (min(step, size) // 2 for size in labels.shape)
    return labels[top::step, left::step][:height, :width]


def _is_photograph(plane: Image) -> bool:
    """Whether the channels are red, green and blue, not stains."""
    colour = plane.axes == "YXC" and plane.channels in (3, 4)
    return colour and plane.array.dtype == np.uint8 and not plane.channel_names


def _reduced(plane: Image, step: int) -> Plane:
    """Means over squares of `step` x `step` pixels, ``(h, w)`` float32; read in strips."""
    rows, columns = plane.sizes["Y"], plane.sizes["X"]
    height, width = max(1, rows // step), max(1, columns // step)
    # Rows read in one go; a picture narrower than a square is taken as it is.
    down, across = min(step, rows), min(step, columns)
    strip = max(1, _STRIP_PIXELS // (columns * down))
    out = np.empty((height, width), dtype=np.float32)
    for top in range(0, height, strip):
        bottom = min(height, top + strip)
        index = [slice(None), slice(None)]
        index[plane.axes.index("Y")] = slice(top * down, bottom * down)
        block = np.asarray(plane.array[tuple(index)])
        block = block if plane.axes == "YX" else block.T
        out[top:bottom] = _square_means(block[:, : width * across], down, across)
    return out


def _square_means(block: npt.NDArray[Any], down: int, across: int) -> Plane:
    """Means over rectangles of `down` x `across` pixels. Slices are added up: short axes are slow to reduce."""
    if down == across == 1:
        return block.astype(np.float32)
    total = block[::down].astype(np.float32)
    for k in range(1, down):
        total += block[k::down]
    columns = total[:, ::across].copy()
    for k in range(1, across):
        columns += total[:, k::across]
    return columns / np.float32(down * across)


def _stretched(values: Plane, percentiles: tuple[float, float]) -> Plane:
    """Values with the percentiles at 0 and 1, clipped; what is no number is 0."""
    flat = values.reshape(-1)
    sample = flat[:: max(1, flat.size // _SAMPLED)]
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return np.zeros_like(values)
    low, high = np.percentile(sample, percentiles)
    if high <= low:
        low, high = sample.min(), sample.max()
    if high <= low:
        return np.full_like(values, 0.5)
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = (values - np.float32(low)) / np.float32(high - low)
    return np.clip(np.nan_to_num(scaled, nan=0.0, posinf=1.0, neginf=0.0), 0, 1)


def _brightened(values: Plane) -> Plane:
    """Dim objects on a dark ground made visible beside bright ones."""
    dark = float(np.median(values.reshape(-1)[:: max(1, values.size // _SAMPLED)])) < _DARK
    return values**_GAMMA if dark else values


def _to_bytes(values: Plane) -> Picture:
    return (np.clip(values, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
