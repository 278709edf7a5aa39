"""Synthetic fluorescence fields in two and three dimensions, with exact ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..errors import ConfigError
from ..results import Instances
from .synthetic_layout import lay_out
from .synthetic_light import expose, light_field

__all__ = ["FieldConfig", "field_image", "generate_field", "random_config"]


@dataclass(frozen=True)
class FieldConfig:
    """What a synthetic field is like. Brightness is in units of a nucleus of mean brightness."""

    shape: tuple[int, ...] = (256, 256)
    """Shape of the field in pixels: (rows, columns), or (slices, rows, columns)."""
    diameter: tuple[float, float] = (18.0, 30.0)
    """Smallest and largest mean diameter of nuclei, in pixels of a row."""
    density: float = 0.2
    """Share of the field that nuclei cover, from 0 to 1; above about 0.6 no more fit."""
    touching: float = 0.3
    """Share of nuclei that are put in contact with another."""
    overlap: float = 0.08
    """Share of a nucleus that others may hide."""
    colonies: int = 0
    """Number of colonies that nuclei gather in; 0 spreads them everywhere."""
    elongation: float = 1.5
    """Longest axis over the shortest, at most."""
    waviness: float = 0.06
    """Size of smooth bumps of the outline, as a share of the radius."""
    irregular: float = 0.1
    """Share of bent or lobed nuclei."""
    dividing: float = 0.03
    """Share of dividing nuclei (two plates, each an object)."""
    condensed: float = 0.03
    """Share of small bright nuclei."""
    brightness_spread: float = 0.25
    """Standard deviation of the logarithm of the brightness between nuclei."""
    roundness: float = 0.3
    """How much brightness falls towards the outline: 0 for flat nuclei, 0.5 for the thickness of a ball."""
    texture: float = 0.15
    """Contrast of chromatin."""
    nucleoli: float = 1.0
    """Mean number of dark spots in a nucleus."""
    bright_spots: float = 0.3
    """Mean number of bright spots (chromocentres) in a nucleus."""
    blur: float = 1.0
    """Standard deviation of the optical blur in pixels of a row."""
    defocused: float = 0.05
    """Share of nuclei out of focus."""
    halo: float = 0.05
    """Light scattered far around nuclei."""
    background: float = 0.1
    """Mean background."""
    unevenness: float = 0.2
    """Standard deviation of the logarithm of the background over the field."""
    wisps: float = 0.02
    """Brightness of cytoplasm and fibres."""
    debris: float = 0.02
    """Specks per area of a nucleus."""
    photons: float = 300.0
    """Photo-electrons of a pixel of mean brightness: fewer give more shot noise."""
    read_noise: float = 3.0
    """Standard deviation of the camera's own noise, in electrons."""
    hot_pixels: float = 0.0
    """Share of hot pixels."""
    bits: int = 16
    """Bits of the camera: 8 to 16; 8 gives uint8, more give uint16."""
    exposure: float = 0.25
    """Share of the camera's range that a pixel of mean brightness fills."""
    offset: float = 0.01
    """Share of the camera's range that no light gives."""
    anisotropy: float = 2.0
    """Distance of slices over that of rows (3D only)."""
    axial_blur: float = 2.5
    """Optical blur along the optical axis over that within a slice (3D only)."""
    pixel_um: float | None = None
    """Pixel size of a row and a column in micrometres, if the image shall state it."""

    def __post_init__(self) -> None:
        """Refuse what cannot be made."""
        if len(self.shape) not in (2, 3) or min(self.shape) < 8:
            raise ConfigError(f"shape: expected 2 or 3 lengths of at least 8 pixels, got {self.shape}")
        if not 2 <= self.diameter[0] <= self.diameter[1]:
            raise ConfigError(
                f"diameter: expected smallest <= largest, at least 2 pixels, got {self.diameter}"
            )
        if not 8 <= self.bits <= 16:
            raise ConfigError(f"bits: expected 8 to 16, got {self.bits}")
        if not (self.photons > 0 and self.exposure > 0 and self.anisotropy > 0 and self.axial_blur > 0):
            raise ConfigError("photons, exposure, anisotropy and axial_blur must be above 0")
        for name in ("density", "touching", "overlap", "irregular", "dividing", "condensed", "defocused"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name}: expected a share from 0 to 1, got {getattr(self, name)}")

    @property
    def scale(self) -> tuple[float, ...]:
        """Pixels per pixel of a row, along each axis."""
        return (1.0, 1.0) if len(self.shape) == 2 else (1.0 / self.anisotropy, 1.0, 1.0)

    @property
    def mean_diameter(self) -> float:
        """Middle of the range of diameters, in pixels of a row."""
        return (self.diameter[0] + self.diameter[1]) / 2


def generate_field(config: FieldConfig, seed: int) -> tuple[Image, Instances]:
    """Make one field and its ground truth.

    Parameters
    ----------
    config
        What it is like.
    seed
        The same configuration and seed give the same field.

    Returns
    -------
    image
        Axes ``YX`` or ``ZYX``, uint8 or uint16.
    truth
        Labels of the same shape; each label is one connected piece.

    Examples
    --------
    >>> image, truth = generate_field(FieldConfig(shape=(64, 96)), seed=1)
    >>> image.shape == truth.labels.shape
    True
    """
    # one stream each, so that a change of the light leaves the layout as it is
    layout, light, camera = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
    labels, objects = lay_out(config, layout)
    array = expose(config, light_field(config, objects, light), camera)
    return field_image(config, array, seed), Instances(labels)


def field_image(config: FieldConfig, array: npt.NDArray[Any], seed: int) -> Image:
    """Name the axes of a field, and state the size of its pixels where the configuration does."""
    axes = "ZYX"[-len(config.shape) :]
    spacing = {}
    if config.pixel_um is not None:
        spacing = {a: config.pixel_um / s for a, s in zip(axes, config.scale, strict=True)}
    return Image(array, axes, spacing, name=f"synthetic_{seed}", bits=config.bits)


def random_config(
    rng: np.random.Generator, shape: tuple[int, ...], *, diameter: tuple[float, float] = (8.0, 120.0)
) -> FieldConfig:
    """Draw a configuration, so that a model sees every kind of field (domain randomisation).

    Parameters
    ----------
    rng
        Source of chance.
    shape
        Shape of the field in pixels.
    diameter
        Range that the mean diameter of a field is drawn from, evenly in its logarithm.

    Returns
    -------
    FieldConfig
        Sparse or crowded, sharp or blurred, clean or noisy, all independently.
    """
    middle = float(np.exp(rng.uniform(np.log(diameter[0]), np.log(diameter[1]))))
    spread = rng.uniform(0.15, 0.45)
    return FieldConfig(
        shape=shape,
        diameter=(max(4.0, middle * (1 - spread)), max(4.0, middle * (1 + spread))),
        **_random_layout(rng),
        **_random_nuclei(rng),
        **_random_optics(rng, middle),
    )


def _sometimes(rng: np.random.Generator, value: float) -> float:
    """The value or 0, evenly: much of what spoils images is absent from many."""
    return value if rng.random() < 0.5 else 0.0


def _random_layout(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "density": rng.uniform(0.03, 0.5),
        "touching": rng.uniform(0.0, 0.8),
        "overlap": rng.uniform(0.02, 0.15),
        "colonies": int(rng.integers(1, 5)) if rng.random() < 0.25 else 0,
        "anisotropy": rng.uniform(1.0, 4.0),
    }


def _random_nuclei(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "elongation": rng.uniform(1.1, 2.2),
        "waviness": rng.uniform(0.01, 0.08),
        "irregular": _sometimes(rng, rng.uniform(0.0, 0.5)),
        "dividing": rng.uniform(0.0, 0.08),
        "condensed": rng.uniform(0.0, 0.1),
        "brightness_spread": rng.uniform(0.1, 0.6),
        "roundness": rng.uniform(0.0, 0.8),
        "texture": rng.uniform(0.03, 0.35),
        "nucleoli": rng.uniform(0.0, 3.0),
        "bright_spots": _sometimes(rng, rng.uniform(0.0, 5.0)),
    }


def _random_optics(rng: np.random.Generator, diameter: float) -> dict[str, Any]:
    exposure = float(np.exp(rng.uniform(np.log(0.08), np.log(0.6))))
    return {
        "blur": rng.uniform(0.5, 0.8 + 0.03 * min(diameter, 60)),
        "defocused": _sometimes(rng, rng.uniform(0.0, 0.4)),
        "halo": rng.uniform(0.0, 0.3),
        "background": float(np.exp(rng.uniform(np.log(0.01), np.log(0.6)))),
        "unevenness": rng.uniform(0.0, 0.5),
        "wisps": _sometimes(rng, rng.uniform(0.0, 0.15)),
        "debris": _sometimes(rng, rng.uniform(0.0, 0.1)),
        "photons": float(np.exp(rng.uniform(np.log(15), np.log(2000)))),
        "read_noise": rng.uniform(0.5, 5.0),
        "hot_pixels": _sometimes(rng, rng.uniform(0.0, 1e-3)),
        "bits": int(rng.choice([8, 12, 16])),
        "exposure": exposure,
        "offset": rng.uniform(0.0, 0.05),
    }
