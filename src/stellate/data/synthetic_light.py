"""How synthetic nuclei look: chromatin, background, focus and camera."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from .synthetic_layout import PlacedObject

if TYPE_CHECKING:
    from .synthetic import FieldConfig

__all__ = ["expose", "light_field", "smooth_noise", "wide_blur"]

FloatArray = npt.NDArray[np.float32]


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], scale: tuple[float, ...]) -> FloatArray:
    """Random field of zero mean and unit variance whose structures are about `scale` pixels wide.

    Random numbers on a coarse grid, spread by cubic B-splines one axis after another: the cost does not grow
    with the scale, as that of a Gaussian filter does.

    Parameters
    ----------
    rng
        Source of chance.
    shape
        Shape of the field.
    scale
        Width of structures along each axis, in pixels.

    Returns
    -------
    ndarray
        `shape`, float32.
    """
    weights = [_spline_weights(n, max(1.0, s)) for n, s in zip(shape, scale, strict=True)]
    values: FloatArray = rng.standard_normal([w.shape[1] for w in weights], dtype=np.float32)
    for axis, weight in enumerate(weights):
        values = _along(values, weight, axis)
    return values


def _spline_weights(n: int, step: float) -> FloatArray:
    """Cubic B-spline weights of each pixel over a coarse grid, ``(n, m)``, each row of unit length."""
    position = np.arange(n) / step + 1.5
    distance = np.abs(position[:, None] - np.arange(int(n / step) + 5)[None, :])
    near = 2 / 3 - distance**2 + distance**3 / 2
    far = np.clip(2 - distance, 0, None) ** 3 / 6
    weights = np.where(distance < 1, near, far)
    return (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)


def _along(values: FloatArray, matrix: FloatArray, axis: int) -> FloatArray:
    """Apply a matrix along one axis."""
    return np.moveaxis(np.tensordot(matrix, values, axes=(1, axis)), 0, axis)


def wide_blur(values: FloatArray, sigma: tuple[float, ...]) -> FloatArray:
    """Gaussian blur by matrices (quicker than a filter for a large sigma), renormalised at borders."""
    for axis, (n, width) in enumerate(zip(values.shape, sigma, strict=True)):
        at = np.arange(n)
        matrix = np.exp(-0.5 * ((at[:, None] - at[None, :]) / width) ** 2)
        matrix /= matrix.sum(axis=1, keepdims=True)
        values = _along(values, matrix.astype(np.float32), axis)
    return values


def light_field(config: FieldConfig, objects: list[PlacedObject], rng: np.random.Generator) -> FloatArray:
    """Light that reaches the camera, in units of a nucleus of mean brightness.

    Parameters
    ----------
    config
        What the field is like.
    objects
        What lies in it.
    rng
        Source of chance.

    Returns
    -------
    ndarray
        Shape of the field, float32, not negative.
    """
    sharp, defocused = _paint(config, objects, rng)
    blur = tuple(config.blur * s for s in _optical_scale(config))
    light = ndimage.gaussian_filter(sharp, blur, truncate=3)
    if config.defocused:
        wide = tuple(
            b + min(0.06 * config.mean_diameter, 2.5) * s for b, s in zip(blur, config.scale, strict=True)
        )
        light += ndimage.gaussian_filter(defocused, wide, truncate=3)
    if config.halo:
        spread = tuple(0.5 * config.mean_diameter * s for s in config.scale)
        light += config.halo * wide_blur(sharp + defocused, spread)
    light += _background(config, rng)
    light += ndimage.gaussian_filter(_debris(config, rng), blur, truncate=3)
    return np.maximum(light, 0)


def _optical_scale(config: FieldConfig) -> tuple[float, ...]:
    """Pixels per unit length of the optics, which blur more along their axis."""
    if len(config.shape) == 2:
        return config.scale
    return (config.axial_blur * config.scale[0], *config.scale[1:])


def _paint(
    config: FieldConfig, objects: list[PlacedObject], rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Light of the nuclei before the optics: those in focus, and those above or below it."""
    size = config.mean_diameter
    fine, coarse = (
        smooth_noise(rng, config.shape, tuple(share * size * s for s in config.scale))
        for share in (0.05, 0.16)
    )
    mix = rng.uniform(0.2, 0.8)
    chromatin = np.float32(mix) * fine + np.float32(1 - mix) * coarse
    sharp = np.zeros(config.shape, np.float32)
    defocused = np.zeros(config.shape, np.float32)
    for item in objects:
        canvas = defocused if rng.random() < config.defocused else sharp
        light = _nucleus_light(config, item, chromatin[item.window], rng)
        canvas[item.window][item.inside] = light[item.inside]
    return sharp, defocused


def _nucleus_light(
    config: FieldConfig, item: PlacedObject, chromatin: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Brightness of one nucleus: its thickness, chromatin, bright and dark spots."""
    brightness = np.exp(config.brightness_spread * rng.standard_normal())
    if item.condensed:
        brightness *= rng.uniform(1.3, 2.5)
    inner = np.clip(1 - item.level**2, 0.0, 1.0)
    light = (0.15 + 0.85 * inner) ** np.float32(config.roundness)
    contrast = config.texture * rng.uniform(0.5, 1.5)
    light = light * np.maximum(1 + np.float32(contrast) * chromatin, 0.2)
    if not item.condensed:
        for _ in range(rng.poisson(config.nucleoli)):
            size = item.radius * rng.uniform(0.1, 0.22)
            light *= 1 - np.float32(rng.uniform(0.3, 0.8)) * _spot(item, config, rng, size)
    for _ in range(rng.poisson(config.bright_spots)):
        size = item.radius * rng.uniform(0.06, 0.16)
        light += np.float32(rng.uniform(0.4, 1.5)) * _spot(item, config, rng, size)
    return np.float32(brightness) * light


def _spot(item: PlacedObject, config: FieldConfig, rng: np.random.Generator, sigma: float) -> FloatArray:
    """A round spot of height 1 somewhere within the inner three quarters of an object."""
    direction = rng.standard_normal(len(config.shape))
    reach = 0.75 * item.radius * rng.random() ** (1 / len(config.shape))
    spot = np.ones((), np.float32)
    offset = item.centre + reach * direction / np.linalg.norm(direction) * np.array(config.scale)
    for axis, (window, scale) in enumerate(zip(item.window, config.scale, strict=True)):
        at = (np.arange(window.start, window.stop) - offset[axis]) / (sigma * scale)
        profile = np.exp(-0.5 * at * at).astype(np.float32)
        spot = np.multiply.outer(spot, profile)
    return spot


def _background(config: FieldConfig, rng: np.random.Generator) -> FloatArray:
    """Uneven background: a slope, slow clouds, and wisps of cytoplasm or fibres."""
    light = np.full(config.shape, config.background, np.float32)
    if config.unevenness:
        slow = smooth_noise(rng, config.shape, tuple(0.6 * n for n in config.shape))
        light *= np.exp(np.float32(config.unevenness) * slow)
    if config.wisps:
        size = config.mean_diameter
        field = smooth_noise(rng, config.shape, tuple(1.5 * size * s for s in config.scale))
        where = smooth_noise(rng, config.shape, tuple(2.5 * size * s for s in config.scale))
        ridges = np.exp(-((field / np.float32(0.12)) ** 2)) * np.clip(where, 0, None)
        clouds = np.clip(where + np.float32(0.3) * field, 0, None) ** 2
        light += np.float32(config.wisps) * (0.6 * ridges + 0.4 * clouds)
    return light


def _debris(config: FieldConfig, rng: np.random.Generator) -> FloatArray:
    """Specks far smaller than a nucleus, which carry no label."""
    light = np.zeros(config.shape, np.float32)
    ndim = len(config.shape)
    n_specks = rng.poisson(config.debris * light.size / config.mean_diameter**ndim)
    at = tuple(rng.integers(0, n, n_specks) for n in config.shape)
    light[at] = rng.exponential(0.5, n_specks)
    return light * np.float32((2 * max(config.blur, 0.4)) ** ndim)


def expose(config: FieldConfig, light: FloatArray, rng: np.random.Generator) -> npt.NDArray[Any]:
    """What the camera makes of the light: shot noise, read-out noise, hot pixels, offset, and whole numbers.

    Parameters
    ----------
    config
        What the camera is like.
    light
        Light in units of a nucleus of mean brightness.
    rng
        Source of chance.

    Returns
    -------
    ndarray
        Shape of `light`, uint8 or uint16 as the bits ask; saturated where the range ends.
    """
    electrons = rng.poisson(light.astype(np.float64) * config.photons).astype(np.float64)
    electrons += config.read_noise * rng.standard_normal(light.shape, dtype=np.float32)
    n_hot = rng.poisson(config.hot_pixels * light.size)
    at = tuple(rng.integers(0, n, n_hot) for n in light.shape)
    electrons[at] += rng.uniform(0.5, 3.0, n_hot) * config.photons
    top = 2**config.bits - 1
    counts = config.offset * top + electrons * (config.exposure * top / config.photons)
    return np.clip(np.rint(counts), 0, top).astype(np.uint8 if config.bits <= 8 else np.uint16)
