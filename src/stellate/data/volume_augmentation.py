"""Augmentation of 3D patches: as of 2D ones, but nothing is turned from one axis to another of a different pixel size.

The resampling is MONAI's. Importing it takes seconds, so that it is only imported where volumes are resampled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

from ..geometry.labels import relabel
from .annotations import pixel_ids
from .augmentation import Augmentation, choose_zoom
from .intensity import blur
from .placement import UNKNOWN, choose_corner, cut_out
from .samples import Sample

__all__ = ["SAME_SIZE", "take_volume_patch"]

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]
Matrix = npt.NDArray[np.float64]

SAME_SIZE = 1.2
"""Voxel sizes that differ by less than this factor count as equal: those measured from objects are never exact."""
# Volumes that are made smaller than this are blurred first, as images are.
BLUR_BELOW = 0.8


def take_volume_patch(
    sample: Sample,
    size: tuple[int, ...],
    *,
    augmentation: Augmentation,
    anisotropy: Sequence[float],
    foreground_chance: float,
    rng: np.random.Generator,
) -> tuple[FloatArray, IntArray]:
    """Cut a patch out of a volume, magnified, turned and mirrored.

    Turns by any angle are about any axis where all voxel sizes are about equal and the volume is deep enough, else
    about the z axis. Quarter turns exchange only axes along which the voxel sizes and the sides of the patch are equal.

    Parameters
    ----------
    sample
        Pixels ``(C, Z, Y, X)``; labels, or classes of a mask, ``(Z, Y, X)``.
    size
        Sides of the patch along (z, y, x).
    augmentation
        What may vary.
    anisotropy
        Size of a voxel along (z, y, x), in any unit.
    foreground_chance
        Chance that the patch is placed where an object lies.
    rng
        Source of all choices.

    Returns
    -------
    pixels : ndarray
        ``(C, *size)`` float32; beyond the volume its reflection.
    labels : ndarray
        ``size`` int32; -1 beyond the volume.
    """
    zoom = choose_zoom(augmentation, sample.diameter, rng)
    turn = np.eye(3)
    if rng.random() < augmentation.rotation_chance:
        turn = _rotation(pixel_ids(sample.annotation).shape, size, zoom, anisotropy, rng)
    step = turn / zoom
    moved = not np.array_equal(step, np.eye(3))
    source = _source(step, size) if moved else size
    pixels, labels = cut_out(sample, choose_corner(sample, source, foreground_chance, rng), source)
    if moved:
        pixels, labels = _resample(pixels, labels, step, size)
    if augmentation.flips:
        pixels, labels = _mirror(pixels, labels, anisotropy, rng)
    return pixels, labels


def _rotation(
    shape: Sequence[int],
    size: Sequence[int],
    zoom: float,
    anisotropy: Sequence[float],
    rng: np.random.Generator,
) -> Matrix:
    """A rotation about any axis or about z, or none, as the voxel sizes and the depth of the volume permit."""
    about_z, tilted = _about_z(rng.uniform(0, 2 * math.pi)), _any_rotation(rng)
    if _alike(anisotropy):
        # what tilting would take from beyond a thin volume would be unknown
        depth = max(shape[0], _source(np.eye(3) / zoom, size)[0])
        return tilted if _source(tilted / zoom, size)[0] <= depth else about_z
    return about_z if _alike(anisotropy[1:]) else np.eye(3)


def _about_z(angle: float) -> Matrix:
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[1, 0, 0], [0, cos, -sin], [0, sin, cos]])


def _any_rotation(rng: np.random.Generator) -> Matrix:
    """A rotation, each as likely as any other: that of a random unit quaternion (Shoemake, Graphics Gems III, 1992)."""
    q = rng.standard_normal(4)
    w, x, y, z = q / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def _source(step: Matrix, size: Sequence[int]) -> tuple[int, ...]:
    """Sides of the box that a patch is resampled from; a voxel of margin on each side feeds the interpolation."""
    return tuple(math.ceil(side) + 2 for side in np.abs(step) @ np.asarray(size, dtype=np.float64))


def _alike(sizes: Sequence[float]) -> bool:
    return max(sizes) <= SAME_SIZE * min(sizes)


def _resample(
    pixels: FloatArray, labels: IntArray, step: Matrix, size: tuple[int, ...]
) -> tuple[FloatArray, IntArray]:
    """Interpolate a patch: a voxel further along axis `b` of it is ``step[:, b]`` further in what is given."""
    from monai.networks.layers import AffineTransform

    matrix = np.eye(4)
    matrix[:3, :3] = step
    matrix[:3, 3] = (np.array(labels.shape) - 1) / 2 - step @ ((np.array(size) - 1) / 2)  # the centres agree
    theta = torch.from_numpy(matrix.astype(np.float32))

    def move(x: torch.Tensor, mode: str) -> npt.NDArray[np.float32]:
        resample = AffineTransform(size, mode=mode, padding_mode="border", align_corners=False)
        return np.asarray(resample(x[np.newaxis], theta)[0].numpy())

    image = torch.from_numpy(np.ascontiguousarray(pixels))
    shrinking = float(np.linalg.norm(step[:, 0]))
    if shrinking > 1 / BLUR_BELOW:
        image = blur(image, [0.4 * shrinking] * 3, 2)
    # ids of a whole volume may exceed what float32 holds exactly; those of a patch do not
    compact, ids = relabel(labels)
    moved = move(torch.from_numpy(compact.astype(np.float32))[np.newaxis], "nearest")[0].astype(np.int32)
    table = np.concatenate([[UNKNOWN, 0], ids]).astype(np.int32)
    return move(image, "bilinear"), table[moved + 1]


def _mirror(
    pixels: FloatArray, labels: IntArray, anisotropy: Sequence[float], rng: np.random.Generator
) -> tuple[FloatArray, IntArray]:
    """Mirror along each axis by chance, and exchange axes that are alike, which together gives all quarter turns."""
    order = np.arange(3)
    for first in (0, 1):
        if len(set(labels.shape[first:])) == 1 and _alike(anisotropy[first:]):
            order[first:] = rng.permutation(order[first:])
            break
    labels = labels.transpose(order)
    pixels = pixels.transpose(0, *order + 1)
    along = np.flatnonzero(rng.random(3) < 0.5)
    return np.flip(pixels, tuple(along + 1)), np.flip(labels, tuple(along))
