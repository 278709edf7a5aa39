"""Where synthetic nuclei lie: shapes placed on a canvas apart, touching, in colonies or as dividing pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from .synthetic_shapes import ShapeStyle, random_rotation, random_shape

if TYPE_CHECKING:
    from .synthetic import FieldConfig

__all__ = ["Canvas", "PlacedObject", "lay_out"]

FloatArray = npt.NDArray[np.float32]
PLACES_TRIED = 6
MOST_MISSES = 60
"""Objects in a row that find no place before the field counts as full; or, in all, so many more than are placed."""


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


class Canvas:
    """Labels laid so far, and the objects they belong to.

    Attributes
    ----------
    labels
        Shape of the field, int32; object k of the list has label k + 1.
    objects
        The objects in the order of their labels.
    covered
        Number of pixels that objects cover.
    """

    def __init__(self, config: FieldConfig, rng: np.random.Generator) -> None:
        self.config = config
        self.labels = np.zeros(config.shape, np.int32)
        self.objects: list[PlacedObject] = []
        self.covered = 0
        self._colonies = _colony_centres(config, rng)

    def put(
        self, level: FloatArray, centre: npt.NDArray[np.int64], *, radius: float, condensed: bool
    ) -> bool:
        """Lay an object unless others hide too much of it, or cut it in two; whether it was laid.

        The first owner of a pixel keeps it, as an object that lies above another does.
        """
        cut = self._cut(level, centre)
        if cut is None:
            return False
        window, part = cut
        wanted = part < 1
        inside = wanted & (self.labels[window] == 0)
        n_wanted, n_inside = int(np.count_nonzero(wanted)), int(np.count_nonzero(inside))
        if n_inside < 4 or n_inside < (1 - self.config.overlap) * n_wanted:
            return False
        whole = n_inside == n_wanted and part.shape == level.shape
        if not whole and ndimage.label(inside)[1] != 1:
            return False
        self._add(PlacedObject(window, inside, part, centre, radius, condensed))
        return True

    def _cut(
        self, level: FloatArray, centre: npt.NDArray[np.int64]
    ) -> tuple[tuple[slice, ...], FloatArray] | None:
        """Where a shape comes to lie, and the part of it on the canvas; None if it lies outside."""
        corner = centre - np.array(level.shape) // 2
        low = np.maximum(corner, 0)
        high = np.minimum(corner + level.shape, self.labels.shape)
        if np.any(low >= high):
            return None
        window = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        part = tuple(slice(int(a), int(b)) for a, b in zip(low - corner, high - corner, strict=True))
        return window, level[part]

    def _add(self, placed: PlacedObject) -> None:
        """Give an object its pixels."""
        self.objects.append(placed)
        self.covered += int(np.count_nonzero(placed.inside))
        self.labels[placed.window][placed.inside] = len(self.objects)

    def free_centre(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """A centre in a colony; or anywhere, a little outside the field too, so that the border cuts objects."""
        config, shape = self.config, np.array(self.config.shape)
        if self._colonies is None:
            margin = 0.35 * config.diameter[1] * np.array(config.scale)
            position = rng.uniform(-margin, shape - 1 + margin)
        else:
            colony = self._colonies[rng.integers(len(self._colonies))]
            spread = np.minimum(0.15 * shape, 4 * config.diameter[1] * np.array(config.scale))
            position = rng.normal(colony * shape, spread)
        return np.rint(position).astype(np.int64)

    def finish(self) -> tuple[npt.NDArray[np.int32], list[PlacedObject]]:
        """Labels and objects, once all are placed."""
        return self.labels, self.objects


def lay_out(
    config: FieldConfig, rng: np.random.Generator, canvas: Canvas | None = None
) -> tuple[npt.NDArray[np.int32], list[PlacedObject]]:
    """Place objects until the wanted share of the canvas is covered, or nothing more fits.

    Parameters
    ----------
    config
        What the field is like.
    rng
        Source of chance.
    canvas
        What to place them on; a plain canvas if None.

    Returns
    -------
    labels
        Shape of the field, int32; object k of the list has label k + 1; each label is one connected piece.
    objects
        The objects in the order of their labels.
    """
    canvas = Canvas(config, rng) if canvas is None else canvas
    wanted = config.density * canvas.labels.size
    misses = in_all = 0
    while canvas.covered < wanted and misses < MOST_MISSES and in_all < MOST_MISSES + len(canvas.objects):
        placed = _place_next(canvas, config, rng)
        misses = 0 if placed else misses + 1
        in_all += not placed
    return canvas.finish()


def _place_next(canvas: Canvas, config: FieldConfig, rng: np.random.Generator) -> bool:
    """Draw one object (or a dividing pair) and look for a place; False if there is none."""
    radius = _draw_radius(config, rng)
    if rng.random() < config.dividing:
        return _place_pair(canvas, config, rng, 0.75 * radius)
    condensed = bool(rng.random() < config.condensed)
    if condensed:
        radius = max(config.diameter[0] / 2, radius * rng.uniform(0.55, 0.8))
    level = random_shape(rng, radius, scale=config.scale, style=_draw_style(config, rng, condensed))
    touch = bool(canvas.objects) and rng.random() < config.touching
    for attempt in range(PLACES_TRIED):
        if touch and attempt < PLACES_TRIED - 1:
            centre = _contact_centre(canvas, config, rng, radius, attempt)
        else:
            centre = canvas.free_centre(rng)
        if canvas.put(level, centre, radius=radius, condensed=condensed):
            return True
    return False


def _place_pair(canvas: Canvas, config: FieldConfig, rng: np.random.Generator, radius: float) -> bool:
    """Two plates that face one another, as in anaphase; or one, if the other finds no room (metaphase)."""
    centre = canvas.free_centre(rng)
    rotation = random_rotation(rng, len(config.shape))
    across = rotation[:, 1] * np.array(config.scale)
    gap = radius * rng.uniform(0.9, 2.2)
    style = ShapeStyle(elongation=2.4, waviness=0.12)
    found = False
    for side in (-0.5, 0.5):
        level = random_shape(rng, radius, scale=config.scale, style=style, rotation=rotation)
        place = centre + np.rint(side * gap * across).astype(np.int64)
        if canvas.put(level, place, radius=radius, condensed=True):
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


def _contact_centre(
    canvas: Canvas, config: FieldConfig, rng: np.random.Generator, radius: float, attempt: int
) -> npt.NDArray[np.int64]:
    """A centre beside an object that is there; closest first, so that the first free place touches it."""
    neighbour = canvas.objects[rng.integers(len(canvas.objects))]
    direction = rng.standard_normal(len(config.shape))
    direction /= np.linalg.norm(direction)
    distance = (neighbour.radius + radius) * (0.85 + 0.08 * attempt)
    return neighbour.centre + np.rint(distance * direction * np.array(config.scale)).astype(np.int64)
