"""Tiles: the pieces in which a large image is read, predicted and put together again.

Every tile *reads* a region with a margin (the halo) around the part it *owns*. The owned parts partition
the image, so each pixel and each object centre belongs to exactly one tile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

__all__ = ["Tile", "plan_tiles"]


@dataclass(frozen=True)
class Tile:
    """A piece of an image, in pixels of the image, array order.

    Attributes
    ----------
    read
        Half-open ``(start, stop)`` per axis of what is read; inside the image.
    owns
        Half-open ``(start, stop)`` per axis of what this tile answers for; inside `read`.
    shape
        Shape of the whole image.
    scale
        Pixels of this image per pixel of the image that the user gave: other than 1 where the image was
        rescaled for the network.
    target_shape
        Shape of the image that the user gave; the result has it.
    """

    read: tuple[tuple[int, int], ...]
    owns: tuple[tuple[int, int], ...]
    shape: tuple[int, ...]
    scale: float = 1.0
    target_shape: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.target_shape:
            object.__setattr__(self, "target_shape", self.shape)

    @property
    def read_slices(self) -> tuple[slice, ...]:
        """What is read, as an index of the image."""
        return tuple(slice(a, b) for a, b in self.read)

    @property
    def own_slices(self) -> tuple[slice, ...]:
        """What is owned, as an index of the image."""
        return tuple(slice(a, b) for a, b in self.owns)

    @property
    def own_in_read(self) -> tuple[slice, ...]:
        """What is owned, as an index of the region that was read."""
        return tuple(slice(a - r, b - r) for (a, b), (r, _) in zip(self.owns, self.read, strict=True))

    @property
    def halos(self) -> tuple[int, ...]:
        """Most pixels along each axis that are read on one side of what is owned."""
        return tuple(max(a - r, z - b) for (a, b), (r, z) in zip(self.owns, self.read, strict=True))

    def to_target(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
        """Positions in this image, ``(n, ndim)``, as positions in the image that the user gave.

        Pixel edges fall on pixel edges, so centres move by half a pixel's difference.
        """
        if self.scale == 1.0:
            return points
        return (points + 0.5) / self.scale - 0.5

    @property
    def origin(self) -> npt.NDArray[np.float64]:
        """First pixel read, ``(ndim,)``."""
        return np.array([a for a, _ in self.read], dtype=np.float64)

    @property
    def is_whole(self) -> bool:
        """Whether this one tile is the whole image."""
        return all(a == 0 and b == n for (a, b), n in zip(self.owns, self.shape, strict=True))

    @property
    def known_alone(self) -> tuple[tuple[float, float], ...]:
        """What it owns, without end where it ends with the image."""
        return tuple(
            (-np.inf if start == 0 else start, np.inf if stop == size else stop)
            for (start, stop), size in zip(self.owns, self.shape, strict=True)
        )

    @property
    def known_so_far(self) -> tuple[tuple[float, float], ...]:
        """The part of the image that this tile and those before it in row-major order own in common, as a box.

        Empty but at the end of a row of tiles.
        """
        stops = [stop for _, stop in self.known_alone]
        return tuple((-np.inf, stop) for stop in stops) if stops[-1] == np.inf else ()

    @classmethod
    def whole(cls, shape: tuple[int, ...]) -> Tile:
        """The one tile that is the whole image."""
        full = tuple((0, n) for n in shape)
        return cls(read=full, owns=full, shape=tuple(shape))


def plan_tiles(
    shape: tuple[int, ...], tile: tuple[int, ...], *, halo: tuple[int, ...], multiple: tuple[int, ...]
) -> Iterator[Tile]:
    """Cut an image into as few tiles as possible, which read regions of nearly equal size.

    Parameters
    ----------
    shape
        Shape of the image.
    tile
        Largest region to read per axis, halo included.
    halo
        Margin that is read and not owned, on each side that is not a border of the image.
    multiple
        Starts of `read` and of `owns` are multiples of this, so that a network's grid falls on the same
        pixels in every tile.

    Yields
    ------
    Tile
        In row-major order. An axis that fits into `tile` is not cut.

    Raises
    ------
    ValueError
        If the halo leaves nothing of the tile to own.
    """
    spans = [list(_spans(n, t, h, m)) for n, t, h, m in zip(shape, tile, halo, multiple, strict=True)]
    for pieces in product(*spans):
        yield Tile(read=tuple(p[0] for p in pieces), owns=tuple(p[1] for p in pieces), shape=tuple(shape))


def _spans(
    size: int, tile: int, halo: int, multiple: int
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """``(read, owns)`` along one axis."""
    if size <= tile:
        yield (0, size), (0, size)
        return
    halo = -(-halo // multiple) * multiple
    largest = tile // multiple * multiple
    if largest <= 2 * halo:
        raise ValueError(f"a tile of {tile} pixels with a halo of {halo} on each side owns nothing")
    # `count` tiles of length t cover count * t - 2 * halo * (count - 1): those at the ends need one halo only
    count = -(-(size - 2 * halo) // (largest - 2 * halo))
    length = -(-(size + 2 * halo * (count - 1)) // (count * multiple)) * multiple
    start, stop = 0, length - halo
    while start < size:
        if stop + halo >= size:
            stop = size
        yield (max(0, start - halo), min(size, stop + halo)), (start, stop)
        start, stop = stop, stop + length - 2 * halo
