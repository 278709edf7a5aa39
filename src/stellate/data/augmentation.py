"""Augmentation of 2D patches: which piece of an image is taken, and how it is magnified, turned and mirrored.

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
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as T

from .placement import choose_corner, cut_out
from .samples import Sample

__all__ = ["Augmentation", "choose_zoom", "take_patch"]

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]

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
    scale_chance: float = 1.0
    """Chance that a patch is magnified."""
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
    sample: Sample,
    size: tuple[int, ...],
    *,
    augmentation: Augmentation,
    foreground_chance: float,
    rng: np.random.Generator,
) -> tuple[FloatArray, IntArray]:
    """Cut a patch out of an image, magnified, turned and mirrored.

    Parameters
    ----------
    sample
        Pixels ``(C, H, W)``; labels, or classes of a mask, ``(H, W)``, at most 2**24 different ids in a patch.
    size
        Height and width of the patch.
    augmentation
        What may vary.
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
    zoom = choose_zoom(augmentation, sample.diameter, rng)
    angle = rng.uniform(0, 360) if rng.random() < augmentation.rotation_chance else 0.0
    spread = abs(math.cos(math.radians(angle))) + abs(math.sin(math.radians(angle)))
    # a pixel of margin on each side feeds the interpolation
    source = tuple(
        math.ceil(max(size) * spread / zoom) + 2 if (zoom, angle) != (1.0, 0.0) else s for s in size
    )
    corner = choose_corner(sample, source, foreground_chance, rng)
    patch, patch_labels = cut_out(sample, corner, source)
    if (zoom, angle) != (1.0, 0.0):
        patch, patch_labels = _warp(patch, patch_labels, size, zoom=zoom, angle=angle)
    if augmentation.flips:
        patch, patch_labels = _mirror(patch, patch_labels, rng)
    return patch, patch_labels


def choose_zoom(augmentation: Augmentation, diameter: float | None, rng: np.random.Generator) -> float:
    """Magnification of a patch.

    Parameters
    ----------
    augmentation
        What may vary.
    diameter
        Typical object diameter of the image in pixels, if known.
    rng
        Source of all choices.
    """
    low, high = augmentation.scale
    if augmentation.scale_chance < 1 and rng.random() >= augmentation.scale_chance:
        low = high = 1.0
    zoom = math.exp(rng.uniform(math.log(low), math.log(high))) if low < high else low
    if diameter and augmentation.diameters and rng.random() < augmentation.diameter_chance:
        smallest, largest = augmentation.diameters
        wanted = math.exp(rng.uniform(math.log(smallest), math.log(largest)))
        zoom = min(max(wanted / diameter, 0.5), 5.0)
    return zoom


def _warp(
    pixels: FloatArray, labels: IntArray, size: tuple[int, ...], *, zoom: float, angle: float
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
