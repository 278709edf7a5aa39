"""From an image that may be larger than memory to what a task knows of each of its tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
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
from .rescaling import read_scaled, scaled_shape

__all__ = ["Layout", "computed_ahead", "tile_reader", "tile_side", "values_per_pixel"]

T = TypeVar("T")
R = TypeVar("R")

# What a tile may hold. On a CPU: beside an image and its labels there shall be room for torch itself, the
# candidates, what tiles keep for one another (0.1 GB) and this within 2 GB.
_CPU_BYTES = 850e6
_GPU_SHARE = 0.4
# Measured on StarDist networks: share of the largest layer that is held where it is done in strips of rows.
_IN_STRIPS = 0.28


def tile_side(values: float, device: torch.device) -> int:
    """Side, in pixels, of the largest square tile that fits into the memory for it.

    Parameters
    ----------
    values
        Values that are held per pixel; see `values_per_pixel`.
    device
        Where the network runs.
    """
    budget = _CPU_BYTES
    if device.type == "cuda":
        budget = _GPU_SHARE * torch.cuda.mem_get_info(device)[0]
    return int((budget / (4 * values)) ** 0.5)


def values_per_pixel(network: nn.Module, *, in_strips: bool = False) -> float:
    """Values that are held at a time, per pixel of a tile.

    They are the most that a layer reads and writes (measured on a small image), the network's output for this tile
    and for the one before, and the pixels themselves.

    Parameters
    ----------
    network
        Not changed.
    in_strips
        Whether it will run in strips of rows (`stellate.nn.strips`).
    """
    config: Any = getattr(network, "config", None)
    shape = [2 * s for s in getattr(config, "stride", (32, 32))]
    most = 0

    def note(_: nn.Module, inputs: tuple[torch.Tensor, ...], output: Any) -> None:
        nonlocal most
        if isinstance(output, torch.Tensor):
            most = max(most, output.numel() + sum(x.numel() for x in inputs))

    hooks = [layer.register_forward_hook(note) for layer in network.modules() if not list(layer.children())]
    try:
        weight = next(network.parameters())
        with torch.inference_mode():
            output = network(
                torch.zeros((1, getattr(config, "in_channels", 1), *shape), device=weight.device)
            )
    finally:
        for hook in hooks:
            hook.remove()
    maps = output.values() if isinstance(output, Mapping) else [output]
    put_out = sum(x.numel() for x in maps if isinstance(x, torch.Tensor))
    pixels = float(np.prod(shape))
    return ((_IN_STRIPS if in_strips else 1) * most + 2 * put_out) / pixels + 2


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
        Added to the halo.
    """

    shape: tuple[int, ...]
    config: Any
    scale: float = 1.0
    margin: tuple[int, ...] = (0, 0)

    @property
    def halo(self) -> tuple[int, ...]:
        """What a tile reads around what it owns; multiples of the stride."""
        wanted = zip(self.config.halo, self.margin, self.config.stride, strict=True)
        return tuple(-(-(halo + margin) // stride) * stride for halo, margin, stride in wanted)

    @property
    def least_side(self) -> int:
        """Smallest side of a tile that owns anything; 1 if the image is not cut."""
        if getattr(self.config, "halo", None) is None:
            return 1
        return max(2 * halo + stride for halo, stride in zip(self.halo, self.config.stride, strict=True))

    def cut(self, side: int) -> Iterator[Tile]:
        """Tiles with at most the area of a square of this side, in the image's size for the network.

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
        for tile in plan_tiles(scaled, _sides(scaled, side), halo=self.halo, multiple=self.config.stride):
            yield replace(tile, scale=self.scale, target_shape=tuple(self.shape))


def tile_reader(
    pixels: Pixels, normalization: Normalization, limits: npt.NDArray[np.float64]
) -> Callable[[Tile], npt.NDArray[np.float32]]:
    """A function that reads a tile, normalised and rescaled: ``(C, rows, columns)`` float32."""

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


def _sides(shape: tuple[int, ...], side: int) -> tuple[int, ...]:
    """Sides of a tile with the area of a square of `side`: longer where the image is narrower than that."""
    area, sides = float(side) ** len(shape), dict.fromkeys(range(len(shape)), 0)
    for left, axis in zip(range(len(shape), 0, -1), sorted(sides, key=lambda a: shape[a]), strict=True):
        sides[axis] = min(shape[axis], int(area ** (1 / left) + 1e-6))
        area /= sides[axis]
    return tuple(sides.values())
