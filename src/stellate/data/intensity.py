"""How the intensities of patches vary, in images and in volumes. All choices come from the generator that is given."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.v2 import functional as T

__all__ = ["blur", "vary_intensity"]


def vary_intensity(
    pixels: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int32],
    *,
    strength: float,
    rng: np.random.Generator,
    anisotropy: Sequence[float] = (1.0, 1.0, 1.0),
) -> npt.NDArray[np.float32]:
    """Vary contrast, brightness, background, texture, blur and noise of a patch.

    Parameters
    ----------
    pixels
        ``(C, *spatial)`` float32, about 0..1; 2D or 3D.
    labels
        Spatial shape, int32, contiguous from 1; objects may differ in brightness.
    strength
        1 for the usual amount, 0 for none.
    rng
        Source of all choices.
    anisotropy
        Size of a voxel along (z, y, x) in any unit: blur and texture are as wide along each, in that unit. Not used for
        images.

    Returns
    -------
    ndarray
        ``(C, *spatial)`` float32.
    """
    x = torch.from_numpy(np.ascontiguousarray(pixels))
    if strength <= 0:
        return x.numpy()
    steps = _steps(labels.ndim, anisotropy)
    if rng.random() < 0.3:
        x = x * _object_brightness(labels, strength, steps, rng)
    if rng.random() < 0.25:
        grain = _smooth_noise(x.shape, int(rng.integers(2, 9)) / steps, rng)
        x = x * (1 + strength * rng.uniform(0.1, 0.5) * grain)
    if rng.random() < 0.5:
        x = _gamma(x, math.exp(strength * rng.uniform(-0.6, 0.6)))
    if rng.random() < 0.3:
        x = x + strength * rng.uniform(0, 0.3) * _smooth_noise(
            x.shape, max(2, max(x.shape) // 3) / steps, rng
        )
    if rng.random() < 0.3:
        sigma = strength * rng.uniform(0.4, 2.0)
        x = blur(x, sigma / steps, 2 * sigma)
    x = x * math.exp(strength * rng.uniform(-0.35, 0.35)) + strength * rng.uniform(-0.15, 0.15)
    if rng.random() < 0.5:
        x = x + strength * rng.uniform(0, 0.12) * _normal(x.shape, rng)
    return x.numpy()


def _steps(ndim: int, anisotropy: Sequence[float]) -> npt.NDArray[np.float64]:
    """Size of a pixel along each spatial axis over the smallest."""
    sizes = np.ones(2) if ndim == 2 else np.array(anisotropy, dtype=np.float64)
    return np.asarray(sizes / sizes.min())


def _normal(shape: Sequence[int], rng: np.random.Generator) -> Tensor:
    return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))


def _smooth_noise(shape: torch.Size, grain: npt.NDArray[np.float64], rng: np.random.Generator) -> Tensor:
    """Noise of unit deviation whose features are about `grain` pixels wide along each axis."""
    widths = [max(1, int(g)) for g in grain]
    coarse = _normal((1, shape[0], *(s // w + 2 for s, w in zip(shape[1:], widths, strict=True))), rng)
    mode = "bicubic" if len(widths) == 2 else "trilinear"
    return F.interpolate(coarse, size=list(shape[1:]), mode=mode, align_corners=False)[0]


def _object_brightness(
    labels: npt.NDArray[np.int32], strength: float, steps: npt.NDArray[np.float64], rng: np.random.Generator
) -> Tensor:
    """A factor for each object, 1 elsewhere, smooth at the edges."""
    others = sum(bool((labels == ground).any()) for ground in (-1, 0))
    drawn = rng.standard_normal(others + int(labels.max(initial=0)))[others:]
    factors = np.concatenate([np.ones(2), np.exp(0.4 * strength * drawn)]).astype(np.float32)
    return blur(torch.from_numpy(factors[labels + 1])[np.newaxis], 1.0 / steps, 2.0)


def blur(x: Tensor, sigmas: Iterable[float], reach: float) -> Tensor:
    """Gaussian blur of a patch.

    Parameters
    ----------
    x
        ``(C, H, W)`` or ``(C, Z, Y, X)`` float32; beyond its border it is taken to go on.
    sigmas
        Width along each spatial axis, in pixels.
    reach
        Where the widest kernel ends, in pixels from its middle; the others end after as many widths.
    """
    widths = [float(s) for s in sigmas]
    if len(widths) == 2:
        return T.gaussian_blur(x, 2 * math.ceil(reach) + 1, widths)
    # MONAI takes seconds to import; only volumes need it
    from monai.networks.layers import gaussian_1d, separable_filtering

    truncated = reach / max(widths)
    kernels = [gaussian_1d(torch.tensor(s), truncated, approx="sampled", normalize=True) for s in widths]
    return separable_filtering(x[np.newaxis], kernels, mode="replicate")[0]


def _gamma(x: Tensor, gamma: float) -> Tensor:
    """Bend the range 0..1, leaving its ends; what lies beyond goes on as a straight line."""
    return torch.where((x > 0) & (x < 1), x.clamp(1e-6, 1) ** gamma, x)
