"""Synthetic fluorescence volumes: what microscopes add to fields in 3D, with exact ground truth."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ..axes import Image
from ..errors import ConfigError
from ..results import Instances
from .synthetic import FieldConfig, field_image, random_config
from .synthetic_layout import lay_out
from .synthetic_light import expose, light_field, wide_blur
from .synthetic_shapes import ShapeStyle, random_shape
from .synthetic_tissue import TISSUES, TissueCanvas

__all__ = ["VolumeConfig", "generate_volume", "random_volume_config"]

FloatArray = npt.NDArray[np.float32]

SLICES_ACROSS = 3.5
"""Fewest slices through a nucleus of mean diameter: with fewer, its shape along z is a guess."""


@dataclass(frozen=True)
class VolumeConfig(FieldConfig):
    """What a synthetic volume is like. Brightness is in units of a nucleus of mean brightness."""

    shape: tuple[int, ...] = (48, 128, 128)
    """Shape of the volume in voxels: (slices, rows, columns)."""
    tissue: str = "everywhere"
    """How nuclei gather: everywhere, in layers, in a ball, or in the shell of a ball."""
    squeeze: float = 0.0
    """Share of a nucleus that neighbours may press away; 0 keeps shapes whole, hidden parts aside."""
    haze: float = 0.0
    """Light from out of focus, which widens away from its slice."""
    attenuation: float = 0.0
    """Logarithm of how much the light falls from the first slice to the last; below 0 from the last to the first."""
    scatter: float = 0.0
    """Further blur within the deepest slice, in pixels of a row."""
    flicker: float = 0.0
    """Standard deviation of the logarithm of the brightness between slices."""
    rods: int = 0
    """Number of bright bodies that are no nuclei, much longer than thick."""
    smoothing: float = 0.0
    """Standard deviation of a blur after the camera, as of denoised or resampled volumes, in voxels."""

    def __post_init__(self) -> None:
        """Refuse what cannot be made."""
        super().__post_init__()
        if len(self.shape) != 3:
            raise ConfigError(f"shape: expected (slices, rows, columns), got {self.shape}")
        if self.tissue not in TISSUES:
            raise ConfigError(f"tissue: expected one of {', '.join(TISSUES)}, got {self.tissue!r}")
        if not 0 <= self.squeeze < 1:
            raise ConfigError(f"squeeze: expected a share from 0 to below 1, got {self.squeeze}")
        for name in ("haze", "scatter", "flicker", "rods", "smoothing"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ConfigError(f"{name}: expected a number of at least 0, got {getattr(self, name)}")


def generate_volume(config: VolumeConfig, seed: int) -> tuple[Image, Instances]:
    """Make one volume and its ground truth.

    Parameters
    ----------
    config
        What it is like.
    seed
        The same configuration and seed give the same volume.

    Returns
    -------
    image
        Axes ``ZYX``, uint8 or uint16, with the voxel size where the configuration states one.
    truth
        Labels of the same shape; each label is one connected piece.

    Examples
    --------
    >>> image, truth = generate_volume(VolumeConfig(shape=(16, 40, 48), pixel_um=0.5), seed=1)
    >>> image.axes, image.shape == truth.labels.shape, image.spacing("ZYX")
    ('ZYX', True, (1.0, 0.5, 0.5))
    """
    # one stream each, so that a change of the light leaves the layout as it is
    layout, light, camera = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
    labels, objects = lay_out(config, layout, TissueCanvas(config, layout))
    field = _through_depth(config, light_field(config, objects, light) + _rods(config, light), light)
    counts = _smoothed(expose(config, field, camera), config.smoothing)
    return field_image(config, counts, seed), Instances(labels)


def _rods(config: VolumeConfig, rng: np.random.Generator) -> FloatArray:
    """Bright fibres and clumps that carry no label."""
    light = np.zeros(config.shape, np.float32)
    for _ in range(config.rods):
        style = ShapeStyle(elongation=12.0, waviness=0.1)
        level = random_shape(
            rng, config.mean_diameter * rng.uniform(0.2, 0.45), scale=config.scale, style=style
        )
        centre = rng.integers(0, config.shape)
        brightness = np.float32(rng.uniform(0.5, 3.0))
        low = centre - np.array(level.shape) // 2
        start, stop = np.maximum(low, 0), np.minimum(low + level.shape, config.shape)
        window = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
        part = tuple(slice(a, b) for a, b in zip(start - low, stop - low, strict=True))
        light[window] += brightness * np.clip(1 - level[part], 0, 0.5)
    return light


def _through_depth(config: VolumeConfig, light: FloatArray, rng: np.random.Generator) -> FloatArray:
    """What of the light leaves the sample: scattered and absorbed with depth, mixed with that of other slices."""
    depth = np.linspace(0, 1, config.shape[0], dtype=np.float32)[:, None, None]
    into = depth if config.attenuation >= 0 else 1 - depth
    if config.scatter:
        blurred = ndimage.gaussian_filter(light, (0, config.scatter, config.scatter), truncate=3)
        light = (1 - into) * light + into * blurred
    light = light * np.exp(np.float32(-abs(config.attenuation)) * into)
    if config.haze:
        for share, along, across in ((0.6, 0.5, 0.3), (0.4, 1.4, 0.9)):
            sigma = tuple(
                config.mean_diameter * f * s
                for f, s in zip((along, across, across), config.scale, strict=True)
            )
            light = light + np.float32(config.haze * share) * wide_blur(light, sigma)
    if config.flicker:
        steps = rng.standard_normal(config.shape[0]).astype(np.float32)
        light = light * np.exp(np.float32(config.flicker) * steps)[:, None, None]
    return light


def _smoothed(counts: npt.NDArray[Any], sigma: float) -> npt.NDArray[Any]:
    """Counts after a blur, of the same type."""
    if sigma == 0:
        return counts
    return np.rint(ndimage.gaussian_filter(counts.astype(np.float32), sigma, truncate=3)).astype(counts.dtype)


def random_volume_config(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    *,
    diameter: tuple[float, float] = (8.0, 50.0),
    anisotropy: tuple[float, float] = (1.0, 5.0),
) -> VolumeConfig:
    """Draw a configuration, so that a model sees every kind of volume (domain randomisation).

    Parameters
    ----------
    rng
        Source of chance.
    shape
        Shape of the volume in voxels.
    diameter
        Range that the mean diameter of a volume is drawn from in pixels of a row, evenly in its logarithm; more
        where slices lie so far apart that too few would cut a nucleus.
    anisotropy
        Range of the distance of slices over that of rows, evenly in its logarithm.

    Returns
    -------
    VolumeConfig
        Loose or dense, sharp or hazy, clean or noisy, all independently.
    """
    steps = _log_uniform(rng, *anisotropy)
    smallest = max(diameter[0], SLICES_ACROSS * steps)
    middle = _log_uniform(rng, smallest, max(diameter[1], smallest))
    field = random_config(rng, shape, diameter=(middle, middle))
    # a large nucleus shows through more noise than a small one
    photons = _log_uniform(rng, float(np.clip(120 / middle, 4, 15)), 2000)
    return VolumeConfig(
        **{
            **asdict(field),
            "anisotropy": steps,
            "axial_blur": rng.uniform(1.2, 4.0),
            "pixel_um": _log_uniform(rng, 0.08, 1.0),
            "photons": photons,
            "read_noise": min(field.read_noise, 0.5 * photons**0.5),
            "roundness": rng.uniform(-0.2, 0.8),
            **_random_tissue(rng),
            **_random_depth(rng, middle),
        }
    )


def _random_tissue(rng: np.random.Generator) -> dict[str, Any]:
    if rng.random() < 0.4:
        return {}
    return {
        "tissue": str(rng.choice(TISSUES)),
        "squeeze": rng.uniform(0.05, 0.4),
        "density": rng.uniform(0.1, 0.75),
        "touching": rng.uniform(0.4, 1.0),
        "colonies": 0,
    }


def _random_depth(rng: np.random.Generator, diameter: float) -> dict[str, Any]:
    """What spoils volumes; each of it is absent from half of them."""
    values = {
        "haze": rng.uniform(0.0, 0.8),
        "attenuation": rng.uniform(-1.5, 1.5),
        "scatter": rng.uniform(0.0, 0.1 * diameter),
        "flicker": rng.uniform(0.0, 0.15),
        "smoothing": rng.uniform(0.3, 0.9),
    }
    chosen = {name: value for name, value in values.items() if rng.random() < 0.5}
    return {**chosen, "rods": int(rng.poisson(2)) if rng.random() < 0.25 else 0}


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
