"""Random shapes of nuclei in two or three dimensions, as level functions on a small grid.

A level is the distance from the centre over the distance of the outline in that direction: below 1 inside,
1 on the outline, more outside.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["ShapeStyle", "random_rotation", "random_shape"]

FloatArray = npt.NDArray[np.float32]

FARTHEST = 1.45
"""Half width of the grid over the largest semi-axis: waviness, bends and lobes reach no farther."""


@dataclass(frozen=True)
class ShapeStyle:
    """How far shapes of one kind stray from balls.

    Attributes
    ----------
    elongation
        Longest axis over the shortest, at most; each shape draws its own between 1 and this.
    waviness
        Size of smooth bumps of the outline, as a fraction of the radius.
    bend
        Sagitta of a bent long axis, as a fraction of the radius.
    lobes
        Number of further lobes that stick out.
    """

    elongation: float = 1.5
    waviness: float = 0.08
    bend: float = 0.0
    lobes: int = 0


def random_rotation(rng: np.random.Generator, ndim: int) -> npt.NDArray[np.float64]:
    """A random orthogonal matrix, ``(ndim, ndim)`` float64."""
    matrix, triangle = np.linalg.qr(rng.standard_normal((ndim, ndim)))
    return matrix * np.sign(np.diag(triangle))


def random_shape(
    rng: np.random.Generator,
    radius: float,
    *,
    scale: tuple[float, ...],
    style: ShapeStyle,
    rotation: npt.NDArray[np.float64] | None = None,
) -> FloatArray:
    """One random shape around the middle of a small grid.

    Parameters
    ----------
    rng
        Source of chance.
    radius
        Radius in pixels of a ball of the same volume, before bumps, bends and lobes.
    scale
        Pixels per unit length along each axis, e.g. ``(0.5, 1, 1)`` where slices lie two pixels apart.
    style
        How irregular it is.
    rotation
        Orthogonal matrix whose first column is the long axis; random if None.

    Returns
    -------
    ndarray
        Levels, float32, an odd number of pixels along each axis.
    """
    ndim = len(scale)
    rotation = random_rotation(rng, ndim) if rotation is None else rotation
    stretch = rng.uniform(1.0, style.elongation)
    radii = np.full(ndim, radius * stretch ** (-1.0 / ndim))
    radii[0] *= stretch
    half = [max(1, int(np.ceil(FARTHEST * radii[0] * s))) for s in scale]
    coordinates = _own_coordinates(rng, half, scale=scale, rotation=rotation, radii=radii)
    coordinates[1] = coordinates[1] + style.bend * (coordinates[0] ** 2 - 0.4)
    level = _wavy_level(rng, coordinates, style.waviness)
    for _ in range(style.lobes):
        level = np.minimum(level, _lobe_level(rng, coordinates))
    return level.astype(np.float32)


def _own_coordinates(
    rng: np.random.Generator,
    half: list[int],
    *,
    scale: tuple[float, ...],
    rotation: npt.NDArray[np.float64],
    radii: npt.NDArray[np.float64],
) -> list[FloatArray]:
    """Coordinates of the grid along the axes of the shape, in its semi-axes; the centre lies off the grid."""
    axes = [
        (np.arange(-h, h + 1, dtype=np.float32) - np.float32(rng.uniform(-0.5, 0.5))) / np.float32(s)
        for h, s in zip(half, scale, strict=True)
    ]
    grids = np.meshgrid(*axes, indexing="ij", sparse=True)
    turned = (rotation / radii).astype(np.float32)
    return [sum(turned[j, i] * grids[j] for j in range(len(grids))) for i in range(len(grids))]  # type: ignore[misc]


def _wavy_level(rng: np.random.Generator, coordinates: list[FloatArray], waviness: float) -> FloatArray:
    """Level of a ball with bumps.

    The bump of order k is the Chebyshev polynomial T_k of the cosine to a random direction, which is
    cos(k angle): smooth everywhere, in any number of dimensions, and without trigonometry for each pixel.
    """
    norm: FloatArray = np.sqrt(sum(c * c for c in coordinates)) + np.float32(1e-6)
    if waviness == 0:
        return norm
    outline = np.ones_like(norm)
    for order in (2, 3, 4, 5):
        direction = rng.standard_normal(len(coordinates))
        direction /= np.linalg.norm(direction)
        amplitude = waviness * rng.standard_normal() * 4 / order**2
        cosine = sum(np.float32(d) * c for d, c in zip(direction, coordinates, strict=True)) / norm
        before, bump = cosine, 2 * cosine * cosine - 1
        for _ in range(order - 2):
            before, bump = bump, 2 * cosine * bump - before
        outline += np.float32(amplitude) * bump
    return np.asarray(norm / np.clip(outline, 0.55, 1.3), np.float32)


def _lobe_level(rng: np.random.Generator, coordinates: list[FloatArray]) -> FloatArray:
    """Level of a smaller ball whose centre lies inside the body, near its outline."""
    direction = rng.standard_normal(len(coordinates))
    offset = rng.uniform(0.5, 0.75) * direction / np.linalg.norm(direction)
    size = rng.uniform(0.4, 0.6)
    squares = sum((c - np.float32(o)) ** 2 for c, o in zip(coordinates, offset, strict=True))
    return np.asarray(np.sqrt(squares) / size, np.float32)
