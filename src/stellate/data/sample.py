"""The sample image that ships: a synthetic field, so that its truth is exact and its licence free."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
from skimage.io import imread

from ..axes import Image
from ..results import Instances
from .synthetic import FieldConfig

__all__ = ["SAMPLE_CONFIG", "SAMPLE_SEED", "sample", "sample_path", "sample_truth_path"]

SAMPLE_SEED = 7
SAMPLE_CONFIG = FieldConfig(
    shape=(512, 512),
    diameter=(24.0, 50.0),
    density=0.3,
    touching=0.45,
    waviness=0.04,
    dividing=0.05,
    texture=0.22,
    nucleoli=2.0,
    blur=1.1,
    wisps=0.05,
    photons=250.0,
    bits=12,
    pixel_um=0.325,
)


def sample_path() -> Path:
    """Path of the sample image: 512x512, 16 bit TIFF with its pixel size."""
    return Path(str(files("stellate") / "sample" / "sample_nuclei.tif"))


def sample_truth_path() -> Path:
    """Path of the label image that belongs to the sample."""
    return Path(str(files("stellate") / "sample" / "sample_nuclei_truth.tif"))


def sample() -> tuple[Image, Instances]:
    """The sample image and its true objects.

    Returns
    -------
    image
        Axes ``YX``, ``(512, 512)`` uint16, 0.325 micrometres to a pixel.
    truth
        The nuclei in it.
    """
    path = sample_path()
    pixel = SAMPLE_CONFIG.pixel_um or 1.0
    image = Image(
        imread(path), "YX", {"Y": pixel, "X": pixel}, name=path.stem, path=path, bits=SAMPLE_CONFIG.bits
    )
    return image, Instances(imread(sample_truth_path()).astype(np.int32))
