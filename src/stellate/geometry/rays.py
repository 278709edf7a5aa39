"""Directions of star-convex shapes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["rays_2d"]


def rays_2d(n_rays: int) -> npt.NDArray[np.float64]:
    """Unit vectors evenly spaced on the circle.

    Parameters
    ----------
    n_rays
        Number of rays, at least 3.

    Returns
    -------
    ndarray
        ``(n_rays, 2)`` float64 in array order: ray k is ``(sin, cos)(2 pi k / n_rays)``.

    References
    ----------
    Schmidt et al., Cell Detection with Star-convex Polygons, MICCAI 2018.
    """
    if n_rays < 3:
        raise ValueError(f"a polygon needs at least 3 rays, got {n_rays}")
    angles = 2 * np.pi * np.arange(n_rays) / n_rays
    return np.stack([np.sin(angles), np.cos(angles)], axis=1)
