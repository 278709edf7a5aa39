"""Augmentation of 2D patches: where and how large a piece of an image is taken, and how its intensities vary.

All choices come from the generator that is given, so that a patch is the same on every machine and in every loader
process. Star distances and other targets are made afterwards, from the augmented labels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as T

__all__ = ["Augmentation", "take_patch", "vary_intensity"]

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]

UNKNOWN = -1
"""Label of pixels outside the image: nothing is known of them."""

# Magnified labels get steps as large as their pixels were. Beyond this factor each object is moved as a layer of its
# own, so that outlines stay smooth; only as long as there are few, since every layer costs as much as an image.
SMOOTH_ABOVE = 1.4
SMOOTH_AT_MOST = 64


@dataclass(frozen=True)
class Augmentation:
    """How much training patches vary. The chances are per patch."""

    flips: bool = True
    """Mirror and turn by quarter turns."""
    scale: tuple[float, float] = (0.75, 1.33)
    """Factors of magnification."""
    rotation_chance: float = 0.3
    """Chance of a turn by any angle."""
    diameters: tuple[float, float] | None = None
    """Range, in pixels, to which the typical object of an image is brought; None to keep sizes."""
    diameter_chance: float = 0.4
    """Chance that a patch is brought to a size in `diameters`."""
    intensity: float = 1.0
    """Strength of all changes of intensity; 0 for none."""

    @classmethod
    def none(cls) -> Augmentation:
        """Patches as they are, for validation."""
        return cls(flips=False, scale=(1.0, 1.0), rotation_chance=0.0, intensity=0.0)


def take_patch(
    pixels: FloatArray,
    labels: IntArray,
    size: tuple[int, int],
    *,
    augmentation: Augmentation,
    diameter: float | None,
    foreground_chance: float,
    rng: np.random.Generator,
) -> tuple[FloatArray, IntArray]:
    """Cut a patch out of an image, magnified, turned and mirrored.

    Parameters
    ----------
    pixels
        ``(C, H, W)`` float32.
    labels
        ``(H, W)`` int32, at most 2**24 different ids.
    size
        Height and width of the patch.
    augmentation
        What may vary.
    diameter
        Typical object diameter of the image in pixels, if known.
    foreground_chance
        Chance that the patch is placed where an object lies.
    rng
        Source of all choices.

    Returns
    -------
    pixels : ndarray
        ``(C, *size)`` float32; beyond the image its reflection.
    labels : ndarray
        ``size`` int32; -1 beyond the image.
    """
    zoom = _zoom(augmentation, diameter, rng)
    angle = rng.uniform(0, 360) if rng.random() < augmentation.rotation_chance else 0.0
    spread = abs(math.cos(math.radians(angle))) + abs(math.sin(math.radians(angle)))
    # a pixel of margin on each side feeds the interpolation
    source = tuple(
        math.ceil(max(size) * spread / zoom) + 2 if (zoom, angle) != (1.0, 0.0) else s for s in size
    )
    corner = _corner(labels, source, foreground_chance, rng)
    patch, patch_labels = _crop(pixels, labels, corner, source)
    if (zoom, angle) != (1.0, 0.0):
        patch, patch_labels = _warp(patch, patch_labels, size, zoom=zoom, angle=angle)
    if augmentation.flips:
        patch, patch_labels = _mirror(patch, patch_labels, rng)
    return patch, patch_labels


def _zoom(augmentation: Augmentation, diameter: float | None, rng: np.random.Generator) -> float:
    low, high = augmentation.scale
    zoom = math.exp(rng.uniform(math.log(low), math.log(high))) if low < high else low
    if diameter and augmentation.diameters and rng.random() < augmentation.diameter_chance:
        smallest, largest = augmentation.diameters
        wanted = math.exp(rng.uniform(math.log(smallest), math.log(largest)))
        zoom = min(max(wanted / diameter, 0.5), 5.0)
    return zoom


def _corner(
    labels: IntArray, source: tuple[int, ...], foreground_chance: float, rng: np.random.Generator
) -> tuple[int, ...]:
    """First pixel of the region: inside the image where it fits, centred on it where not."""
    centre = None
    if rng.random() < foreground_chance:
        inside = np.flatnonzero(labels > 0)
        if inside.size:
            centre = np.unravel_index(inside[rng.integers(inside.size)], labels.shape)
    corner = []
    for axis, (side, full) in enumerate(zip(source, labels.shape, strict=True)):
        if side >= full:
            corner.append((full - side) // 2)
        elif centre is None:
            corner.append(int(rng.integers(full - side + 1)))
        else:
            start = int(centre[axis]) - int(rng.integers(side))
            corner.append(min(max(start, 0), full - side))
    return tuple(corner)


def _crop(
    pixels: FloatArray, labels: IntArray, corner: tuple[int, ...], side: tuple[int, ...]
) -> tuple[FloatArray, IntArray]:
    inner, margins = [], []
    for start, length, full in zip(corner, side, labels.shape, strict=True):
        inner.append(slice(max(start, 0), min(start + length, full)))
        margins.append((max(-start, 0), max(start + length - full, 0)))
    patch = pixels[(slice(None), *inner)]
    patch_labels = labels[tuple(inner)]
    if any(m != (0, 0) for m in margins):
        patch = np.pad(patch, [(0, 0), *margins], mode="symmetric")
        patch_labels = np.pad(patch_labels, margins, constant_values=UNKNOWN)
    return patch, patch_labels


def _warp(
    pixels: FloatArray, labels: IntArray, size: tuple[int, int], *, zoom: float, angle: float
) -> tuple[FloatArray, IntArray]:
    image = torch.from_numpy(np.ascontiguousarray(pixels))
    if zoom < 0.8:
        image = T.gaussian_blur(image, 5, [0.4 / zoom] * 2)
    how = {"angle": angle, "translate": [0, 0], "scale": zoom, "shear": [0.0, 0.0]}
    margin = [(max(s - n, 0) + 1) // 2 for s, n in zip(size, labels.shape, strict=True)]
    padding = [margin[1], margin[0], margin[1], margin[0]]

    def move(x: Tensor, interpolation: InterpolationMode) -> Tensor:
        return T.center_crop(T.affine(T.pad(x, padding), interpolation=interpolation, **how), list(size))

    # ids of a whole image may exceed what float32 holds exactly; those of a patch do not
    ids, compact = np.unique(labels, return_inverse=True)
    compact = compact.reshape(labels.shape)
    if zoom > SMOOTH_ABOVE and ids.size <= SMOOTH_AT_MOST:
        layers = torch.from_numpy(compact == np.arange(ids.size)[:, None, None]).float()
        moved = move(T.gaussian_blur(layers, 3, [0.6, 0.6]), InterpolationMode.BILINEAR).argmax(0)
    else:
        moved = move(torch.from_numpy(compact.astype(np.float32))[None], InterpolationMode.NEAREST)[0].long()
    return move(image, InterpolationMode.BILINEAR).numpy(), ids[moved.numpy()].astype(np.int32)


def _mirror(pixels: FloatArray, labels: IntArray, rng: np.random.Generator) -> tuple[FloatArray, IntArray]:
    if rng.random() < 0.5:
        pixels, labels = pixels[:, :, ::-1], labels[:, ::-1]
    if labels.shape[0] == labels.shape[1]:
        turns = int(rng.integers(4))
        return np.rot90(pixels, turns, axes=(1, 2)), np.rot90(labels, turns)
    if rng.random() < 0.5:
        return pixels[:, ::-1], labels[::-1]
    return pixels, labels


def vary_intensity(
    pixels: FloatArray, labels: IntArray, *, strength: float, rng: np.random.Generator
) -> FloatArray:
    """Vary contrast, brightness, background, texture, blur and noise of a patch.

    Parameters
    ----------
    pixels
        ``(C, H, W)`` float32, about 0..1.
    labels
        ``(H, W)`` int32; objects may differ in brightness.
    strength
        1 for the usual amount, 0 for none.
    rng
        Source of all choices.

    Returns
    -------
    ndarray
        ``(C, H, W)`` float32.
    """
    x = torch.from_numpy(np.ascontiguousarray(pixels))
    if strength <= 0:
        return x.numpy()
    if rng.random() < 0.3:
        x = x * _object_brightness(labels, strength, rng)
    if rng.random() < 0.25:
        grain = _smooth_noise(x.shape, int(rng.integers(2, 9)), rng)
        x = x * (1 + strength * rng.uniform(0.1, 0.5) * grain)
    if rng.random() < 0.5:
        x = _gamma(x, math.exp(strength * rng.uniform(-0.6, 0.6)))
    if rng.random() < 0.3:
        x = x + strength * rng.uniform(0, 0.3) * _smooth_noise(x.shape, max(2, max(x.shape) // 3), rng)
    if rng.random() < 0.3:
        sigma = strength * rng.uniform(0.4, 2.0)
        x = T.gaussian_blur(x, 2 * math.ceil(2 * sigma) + 1, [sigma, sigma])
    x = x * math.exp(strength * rng.uniform(-0.35, 0.35)) + strength * rng.uniform(-0.15, 0.15)
    if rng.random() < 0.5:
        x = x + strength * rng.uniform(0, 0.12) * _normal(x.shape, rng)
    return x.numpy()


def _normal(shape: torch.Size | tuple[int, ...], rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))


def _smooth_noise(shape: torch.Size, grain: int, rng: np.random.Generator) -> Tensor:
    """Noise of unit deviation whose features are about `grain` pixels wide."""
    coarse = _normal((1, shape[0], *(s // grain + 2 for s in shape[1:])), rng)
    return F.interpolate(coarse, size=list(shape[1:]), mode="bicubic", align_corners=False)[0]


def _object_brightness(labels: IntArray, strength: float, rng: np.random.Generator) -> Tensor:
    ids, compact = np.unique(labels, return_inverse=True)
    factors = np.exp(0.4 * strength * rng.standard_normal(ids.size)).astype(np.float32)
    factors[ids <= 0] = 1
    field = torch.from_numpy(factors[compact].reshape(1, *labels.shape))
    return T.gaussian_blur(field, 5, [1.0, 1.0])


def _gamma(x: Tensor, gamma: float) -> Tensor:
    """Bend the range 0..1, leaving its ends; what lies beyond goes on as a straight line."""
    return torch.where((x > 0) & (x < 1), x.clamp(1e-6, 1) ** gamma, x)
