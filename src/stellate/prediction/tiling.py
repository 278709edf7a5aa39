"""From an image that may be larger than memory to what a task knows of each of its tiles."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from ..data.normalization import Normalization
from ..data.pixels import Pixels
from ..errors import ConfigError
from ..geometry.tiles import Tile, plan_tiles
from ..nn.held_memory import values_held
from .rescaling import read_scaled, scaled_shape

__all__ = ["Layout", "computed_ahead", "tile_reader", "tile_side", "values_per_pixel"]

T = TypeVar("T")
R = TypeVar("R")

# What a tile may hold, of images and of volumes. On a CPU: beside an image and its labels there shall be room for torch
# itself, the candidates, what tiles keep for one another (0.1 GB) and this within 2 GB. A tile of a volume needs more,
# as most of a smaller one would be halo.
_CPU_BYTES = {2: 850e6, 3: 1.8e9}
_GPU_SHARE = 0.4
# Measured, of images and of volumes: what a CPU holds over what the tensors hold, for the kernels that copy what they
# read; and of StarDist networks done in strips, over what the largest layer holds.
_ON_CPU = {2: 2.1, 3: 1.3}
_IN_STRIPS = {2: 0.28, 3: 0.75}
# Sides of the image or volume by which a network is judged; of a smaller one most would be the mirror image beyond its
# borders that some networks add.
_JUDGED_BY = {2: 512, 3: 128}


def tile_side(values: float, device: torch.device, n_axes: int = 2) -> int:
    """Side, in pixels, of the largest square or cubic tile that fits into the memory for it.

    Parameters
    ----------
    values
        Values that are held per pixel; see `values_per_pixel`.
    device
        Where the network runs.
    n_axes
        2 for images, 3 for volumes.
    """
    budget = _CPU_BYTES[n_axes]
    if device.type == "cuda":
        budget = _GPU_SHARE * torch.cuda.mem_get_info(device)[0]
    return int((budget / (4 * values)) ** (1 / n_axes))


def values_per_pixel(network: nn.Module, device: torch.device) -> float:
    """Values that are held at a time, per pixel of a tile.

    They are the most that tensors hold while the network runs, or of one that runs in strips of rows what its largest
    layer holds, as measured on this kind of device; its output for this tile and for the one before; and the pixels
    themselves.

    Parameters
    ----------
    network
        Not changed. One that can run in strips (`stellate.nn.strips`) does on a CPU.
    device
        Where it will run.
    """
    config: Any = getattr(network, "config", None)
    stride = getattr(config, "stride", (32, 32))
    n_axes = len(stride)
    shape = [max(2, -(-_JUDGED_BY[n_axes] // s)) * s for s in stride]
    held = values_held(network, (1, getattr(config, "in_channels", 1), *shape))
    at_once: float = held.at_once
    if device.type == "cpu" and hasattr(network, "run_stage"):
        at_once = _IN_STRIPS[n_axes] * held.by_a_layer
    elif device.type == "cpu":
        at_once *= _ON_CPU[n_axes]
    return (at_once + 2 * held.put_out) / math.prod(shape) + 2


@dataclass(frozen=True)
class Layout:
    """How an image may be cut for a network.

    Attributes
    ----------
    shape
        Spatial shape of the image as it is.
    config
        The network's; its ``stride`` and ``halo`` count. A network without a halo sees its images whole.
    scale
        Factor by which the image is rescaled for the network.
    margin
        Added to the halo; nothing if empty.
    """

    shape: tuple[int, ...]
    config: Any
    scale: float = 1.0
    margin: tuple[int, ...] = ()

    @property
    def halo(self) -> tuple[int, ...]:
        """What a tile reads around what it owns; multiples of the stride."""
        margins = self.margin or (0,) * len(self.shape)
        wanted = zip(self.config.halo, margins, self.config.stride, strict=True)
        return tuple(-(-(halo + margin) // stride) * stride for halo, margin, stride in wanted)

    @property
    def least_side(self) -> int:
        """Side of the smallest square or cube for which `cut` finds tiles that own anything; 1 if it does not cut."""
        if getattr(self.config, "halo", None) is None:
            return 1
        return math.ceil(math.prod(self._least) ** (1 / len(self.shape)) - 1e-6)

    @property
    def _least(self) -> tuple[int, ...]:
        """Sides of the smallest tile that owns anything."""
        return tuple(2 * halo + step for halo, step in zip(self.halo, self.config.stride, strict=True))

    def cut(self, side: int) -> Iterator[Tile]:
        """Tiles with at most the area of a square of this side, or the volume of a cube; in pixels for the network.

        Raises
        ------
        ConfigError
            If the image does not fit into one tile, and `side` is less than `least_side`.
        """
        scaled = scaled_shape(self.shape, self.scale)
        if getattr(self.config, "halo", None) is None or all(n <= side for n in scaled):
            yield replace(Tile.whole(scaled), scale=self.scale, target_shape=tuple(self.shape))
            return
        if side < self.least_side:
            raise ConfigError(f"tile {side}: this network needs tiles of at least {self.least_side} pixels")
        for tile in plan_tiles(
            scaled, _sides(scaled, side, self._least), halo=self.halo, multiple=self.config.stride
        ):
            yield replace(tile, scale=self.scale, target_shape=tuple(self.shape))


def tile_reader(
    pixels: Pixels, normalization: Normalization, limits: npt.NDArray[np.float64]
) -> Callable[[Tile], npt.NDArray[np.float32]]:
    """A function that reads a tile, normalised and rescaled: ``(C, *spatial)`` float32."""

    def source(region: tuple[slice, ...]) -> npt.NDArray[np.float32]:
        return normalization.apply(pixels[(slice(None), *region)], limits)

    def read(tile: Tile) -> npt.NDArray[np.float32]:
        if tile.scale == 1:
            return source(tile.read_slices)
        return read_scaled(source, tile.read_slices, shape=tile.target_shape, scale=tile.scale)

    return read


def computed_ahead(compute: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[T, R]]:
    """Apply a function to each item, one ahead in a thread: while a result is used, the next is made."""
    thread = ThreadPoolExecutor(max_workers=1)
    try:
        waiting = None
        for item in items:
            coming = (item, thread.submit(compute, item))
            if waiting:
                yield waiting[0], waiting[1].result()
            waiting = coming
        if waiting:
            yield waiting[0], waiting[1].result()
    finally:
        thread.shutdown(cancel_futures=True)


def _sides(shape: tuple[int, ...], side: int, least: tuple[int, ...]) -> tuple[int, ...]:
    """Sides of a tile with the area, or volume, of a square or cube of `side`.

    They are in the proportions of `least`, so that tiles own the largest share of what they read, and longer where the
    image is narrower than that.
    """
    size, sides = float(side) ** len(shape), dict.fromkeys(range(len(shape)), 0)
    left = sorted(sides, key=lambda axis: shape[axis] / least[axis])
    while left:
        factor = (size / math.prod(least[axis] for axis in left)) ** (1 / len(left))
        axis = left.pop(0)
        sides[axis] = min(shape[axis], int(factor * least[axis] + 1e-6))
        size /= sides[axis]
    return tuple(sides.values())
