"""From an image that may be larger than memory to what a task knows of each of its tiles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
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

__all__ = ["computed_ahead", "cut", "tile_reader", "tile_side"]

T = TypeVar("T")
R = TypeVar("R")

# What the network may hold at a time. On a CPU: beside an image of 1 GB and its labels there shall be room
# for torch itself and the candidates within 2 GB.
_CPU_BYTES = 700e6
_GPU_SHARE = 0.4


def tile_side(network: nn.Module, device: torch.device, *, value_bytes: int = 4) -> int:
    """Side, in pixels, of the largest square tile whose activations fit into the memory for them."""
    budget = _CPU_BYTES
    if device.type == "cuda":
        budget = _GPU_SHARE * torch.cuda.mem_get_info(device)[0]
    return int((budget / (value_bytes * _values_per_pixel(network))) ** 0.5)


def cut(
    shape: tuple[int, ...],
    config: Any,
    *,
    side: int,
    scale: float = 1.0,
    margin: tuple[int, ...] | None = None,
) -> Iterator[Tile]:
    """Tiles of an image, in its size for the network.

    Parameters
    ----------
    shape
        Spatial shape of the image as it is.
    config
        The network's; its ``stride`` and ``halo`` count. A network without a halo sees its images whole.
    side
        Largest side of a tile.
    scale
        Factor by which the image is rescaled.
    margin
        Added to the halo.

    Raises
    ------
    ConfigError
        If `side` is too small for the network's halo.
    """
    scaled = scaled_shape(shape, scale) if scale != 1 else tuple(shape)
    halo = getattr(config, "halo", None)
    if halo is None:
        yield replace(Tile.whole(scaled), scale=scale, target_shape=tuple(shape))
        return
    stride = tuple(config.stride)
    halo = tuple(-(-(h + m) // s) * s for h, m, s in zip(halo, margin or (0, 0), stride, strict=True))
    least = max(2 * h + s for h, s in zip(halo, stride, strict=True))
    if side < least and any(n > side for n in scaled):
        raise ConfigError(f"tile {side}: this network needs tiles of at least {least} pixels")
    for tile in plan_tiles(scaled, _sides(scaled, side), halo=halo, multiple=stride):
        yield replace(tile, scale=scale, target_shape=tuple(shape))


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


def _values_per_pixel(network: nn.Module) -> float:
    """Most values that a layer reads and writes, per pixel of the image; measured on a small one."""
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
            network(torch.zeros((1, getattr(config, "in_channels", 1), *shape), device=weight.device))
    finally:
        for hook in hooks:
            hook.remove()
    return most / float(np.prod(shape))
