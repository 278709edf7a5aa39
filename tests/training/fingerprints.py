"""What data is like that settings are chosen for."""

from __future__ import annotations

from typing import Any

from stellate.data.fingerprint import Fingerprint


def fingerprint(**known: Any) -> Fingerprint:
    """Ten grey images with a hundred objects of 20 pixels, but for what is known otherwise."""
    typical = {
        "n_images": 10,
        "n_objects": 100,
        "axes": {known.get("spatial_axes", "YX"): 10},
        "dtypes": {"uint8": 10},
        "channels": {"1": 10},
        "spatial_axes": "YX",
        "shape_min": (256, 256),
        "shape_median": (512, 512),
        "shape_max": (1024, 1024),
        "intensities": {},
        "object_diameters": {"50": 20.0, "99": 20.0},
        "object_extents": {"50": 20.0, "99": 20.0},
        "median_extent": (20.0, 20.0),
        "objects_per_image": (1, 10, 20),
        "images_without_objects": 0,
        "foreground_share": 0.2,
        "spacing_um": None,
    }
    return Fingerprint(**{**typical, **known})
