"""Where synthetic nuclei lie: shapes placed on a canvas apart, touching, in colonies or as dividing pairs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from .synthetic_shapes import ShapeStyle, random_rotation, random_shape

if TYPE_CHECKING:
    from .synthetic import FieldConfig

__all__ = ["PlacedObject", "lay_out"]

FloatArray = npt.NDArray[np.float32]
PLACES_TRIED = 6
MOST_MISSES = 60
"""Objects in a row that find no place before the field counts as full."""


@dataclass(frozen=True, eq=False)
class PlacedObject:
    """One object on the canvas.

    Attributes
    ----------
    window
        Where it lies on the canvas.
    inside
        Boolean, the shape of the window: its pixels, exactly those that carry its label.
    level
        Float32, the shape of the window: 0 at the centre, 1 on the outline.
    centre
        Centre pixel, possibly off the canvas.
    radius
        Mean radius in pixels.
    condensed
        Whether its chromatin is packed: smaller, brighter, without nucleoli.
    """

    window: tuple[slice, ...]
    inside: npt.NDArray[np.bool_]
    level: FloatArray
    centre: npt.NDArray[np.int64]
    radius: float
    condensed: bool = False


class _Canvas:
    """Labels laid so far, and the objects they belong to."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.labels = np.zeros(shape, np.int32)
        self.objects: list[PlacedObject] = []
        self.covered = 0

    def put(
        self, level: FloatArray, centre: npt.NDArray[np.int64], *, radius: float, overlap: float
    ) -> PlacedObject | None:
        """Lay an object unless others hide too much of it, or cut it in two.

        The first owner of a pixel keeps it, as an object that lies above another does.
        """
        corner = centre - np.array(level.shape) // 2
        low = np.maximum(corner, 0)
        high = np.minimum(corner + level.shape, self.labels.shape)
        if np.any(low >= high):
            return None
        window = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        part = level[tuple(slice(int(a), int(b)) for a, b in zip(low - corner, high - corner, strict=True))]
        wanted = part < 1
        inside = wanted & (self.labels[window] == 0)
        n_wanted, n_inside = int(np.count_nonzero(wanted)), int(np.count_nonzero(inside))
        if n_inside < 4 or n_inside < (1 - overlap) * n_wanted:
            return None
        whole = n_inside == n_wanted and part.shape == level.shape
        if not whole and ndimage.label(inside)[1] != 1:
            return None
        placed = PlacedObject(window, inside, part, centre, radius)
        self.objects.append(placed)
        self.covered += n_inside
        self.labels[window][inside] = len(self.objects)
        return placed

    def replace_last(self, placed: PlacedObject) -> None:
        self.objects[-1] = placed


def lay_out(
    config: FieldConfig, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int32], list[PlacedObject]]:
    """Place objects until the wanted share of the canvas is covered, or nothing more fits.

    Parameters
    ----------
    config
        What the field is like.
    rng
        Source of chance.

    Returns
    -------
    labels
        Shape of the field, int32; object k of the list has label k + 1; each label is one connected piece.
    objects
        The objects in the order of their labels.
    """
    canvas = _Canvas(config.shape)
    colonies = _colony_centres(config, rng)
    wanted = config.density * canvas.labels.size
    misses = 0
    while canvas.covered < wanted and misses < MOST_MISSES:
        placed = _place_next(canvas, config, rng, colonies)
        misses = 0 if placed else misses + 1
    return canvas.labels, canvas.objects


def _place_next(
    canvas: _Canvas, config: FieldConfig, rng: np.random.Generator, colonies: FloatArray | None
) -> bool:
    """Draw one object (or a dividing pair) and look for a place; False if there is none."""
    radius = _draw_radius(config, rng)
    if rng.random() < config.dividing:
        return _place_pair(canvas, config, rng, _free_centre(config, rng, colonies), 0.75 * radius)
    condensed = bool(rng.random() < config.condensed)
    if condensed:
        radius = max(config.diameter[0] / 2, radius * rng.uniform(0.55, 0.8))
    level = random_shape(rng, radius, scale=config.scale, style=_draw_style(config, rng, condensed))
    touch = bool(canvas.objects) and rng.random() < config.touching
    for attempt in range(PLACES_TRIED):
        if touch and attempt < PLACES_TRIED - 1:
            centre = _contact_centre(canvas, config, rng, radius, attempt)
        else:
            centre = _free_centre(config, rng, colonies)
        placed = canvas.put(level, centre, radius=radius, overlap=config.overlap)
        if placed is not None:
            canvas.replace_last(replace(placed, condensed=condensed))
            return True
    return False


def _place_pair(
    canvas: _Canvas,
    config: FieldConfig,
    rng: np.random.Generator,
    centre: npt.NDArray[np.int64],
    radius: float,
) -> bool:
    """Two plates that face one another, as in anaphase; or one, if the other finds no room (metaphase)."""
    ndim = len(config.shape)
    rotation = random_rotation(rng, ndim)
    across = rotation[:, 1] * np.array(config.scale)
    gap = radius * rng.uniform(0.9, 2.2)
    style = ShapeStyle(elongation=2.4, waviness=0.12)
    found = False
    for side in (-0.5, 0.5):
        level = random_shape(rng, radius, scale=config.scale, style=style, rotation=rotation)
        place = centre + np.rint(side * gap * across).astype(np.int64)
        placed = canvas.put(level, place, radius=radius, overlap=config.overlap)
        if placed is not None:
            canvas.replace_last(replace(placed, condensed=True))
            found = True
    return found


def _draw_radius(config: FieldConfig, rng: np.random.Generator) -> float:
    """Radii cluster around the middle of the range, as those of one cell type do."""
    low, high = config.diameter
    return float(low + (high - low) * rng.beta(2.5, 2.5)) / 2


def _draw_style(config: FieldConfig, rng: np.random.Generator, condensed: bool) -> ShapeStyle:
    if rng.random() < config.irregular and not condensed:
        if rng.random() < 0.5:
            return ShapeStyle(config.elongation + 0.4, 1.5 * config.waviness, bend=rng.uniform(0.25, 0.6))
        return ShapeStyle(config.elongation, 1.5 * config.waviness, lobes=int(rng.integers(1, 4)))
    return ShapeStyle(config.elongation, config.waviness)


def _colony_centres(config: FieldConfig, rng: np.random.Generator) -> FloatArray | None:
    """Centres of colonies as fractions of the field, ``(n, ndim)``; None where cells lie anywhere."""
    if config.colonies == 0:
        return None
    return rng.uniform(0.05, 0.95, (config.colonies, len(config.shape))).astype(np.float32)


def _free_centre(
    config: FieldConfig, rng: np.random.Generator, colonies: FloatArray | None
) -> npt.NDArray[np.int64]:
    """A centre anywhere, a little outside the field too, so that the border cuts objects; or in a colony."""
    shape = np.array(config.shape)
    if colonies is None:
        margin = 0.35 * config.diameter[1] * np.array(config.scale)
        position = rng.uniform(-margin, shape - 1 + margin)
    else:
        colony = colonies[rng.integers(len(colonies))]
        spread = np.minimum(0.15 * shape, 4 * config.diameter[1] * np.array(config.scale))
        position = rng.normal(colony * shape, spread)
    return np.rint(position).astype(np.int64)


def _contact_centre(
    canvas: _Canvas, config: FieldConfig, rng: np.random.Generator, radius: float, attempt: int
) -> npt.NDArray[np.int64]:
    """A centre beside an object that is there; closest first, so that the first free place touches it."""
    neighbour = canvas.objects[rng.integers(len(canvas.objects))]
    direction = rng.standard_normal(len(config.shape))
    direction /= np.linalg.norm(direction)
    distance = (neighbour.radius + radius) * (0.85 + 0.08 * attempt)
    return neighbour.centre + np.rint(distance * direction * np.array(config.scale)).astype(np.int64)
