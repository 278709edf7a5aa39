"""What defines a StarDist network, and on how much of the image its outputs depend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..errors import ConfigError
from ..geometry.rays import Rays3D, rays_3d
from ..nn.convs import ACTIVATIONS, same_padding
from ..nn.residual import FIRST_KERNELS
from .checks import check_choice, check_flags, check_whole_numbers, per_axis

__all__ = ["StarDistConfig"]

# Bounds against settings that are slips or attacks; the largest networks in use stay far below.
RANGES = {
    "in_channels": (1, 1024),
    "n_rays": (3, 1024),
    "n_classes": (0, 10_000),
    "depth": (0, 8),
    "base_channels": (1, 4096),
    "max_channels": (0, 65_536),
    "convs_per_level": (1, 16),
    "n_blocks": (1, 64),
    "convs_per_block": (2, 16),
    "head_channels": (0, 65_536),
}


@dataclass(frozen=True)
class StarDistConfig:
    """What defines a StarDist network, for images (two numbers in `grid`) or volumes (three)."""

    in_channels: int = 1
    """Channels of the image."""
    n_rays: int = 32
    """Directions in which the distance to the outline is predicted."""
    grid: tuple[int, ...] = (2, 2)
    """Pixels per prediction along each axis; powers of 2. Three numbers make a network for volumes."""
    n_classes: int = 0
    """Object classes; 0 if objects are not told apart."""
    depth: int = 3
    """Poolings of the U-Net below the grid."""
    base_channels: int = 32
    """Channels at the first level."""
    expansion: float = 2
    """Factor of channels from level to level of the U-Net."""
    max_channels: int = 0
    """Most channels at any level of the U-Net; 0 for no limit."""
    convs_per_level: int = 2
    """Convolutions at each level of the U-Net, each way."""
    kernel_size: tuple[int, ...] = ()
    """Sides of the convolution kernels; odd. 3 along each axis if empty."""
    pool: tuple[int, ...] = ()
    """Pixels that a level of the U-Net pools into one, along each axis. 2 along each axis if empty."""
    head_channels: int = 128
    """Channels of the features before the outputs; 0 for none."""
    batch_norm: bool = False
    """Batch normalisation after each convolution of the U-Net, or of the blocks of the ResNet."""
    activation: str = "relu"
    """What follows each convolution: relu, elu, selu, silu, tanh or linear."""
    last_activation: str = "relu"
    """What follows the last convolution of the U-Net."""
    foreground: bool = False
    """Also predict, at every pixel, whether it lies in an object (refines outlines); with a U-Net."""
    backbone: str = "unet"
    """The network before the heads: ``unet`` or ``resnet``. A ResNet doubles its channels where it halves the grid."""
    n_blocks: int = 4
    """Blocks of the ResNet."""
    convs_per_block: int = 3
    """Convolutions in each block of the ResNet."""
    anisotropy: tuple[float, ...] = ()
    """Distance between voxels along (z, y, x) over the smallest, for which rays are even in space; see `rays_3d`.
    Ones if empty."""
    ray_vertices: tuple[tuple[float, ...], ...] = ()
    """Rays of a network for volumes, (z, y, x) each; along a golden spiral if empty."""
    ray_faces: tuple[tuple[int, ...], ...] = ()
    """Triangles between `ray_vertices`: three numbers of rays each."""

    def __post_init__(self) -> None:
        self._check_axes()
        check_whole_numbers(self, RANGES)
        if not isinstance(self.expansion, int | float) or not 0.1 <= self.expansion <= 8:
            raise ConfigError(f"expansion {self.expansion!r}: expected a number from 0.1 to 8")
        check_choice(self, "activation", ACTIVATIONS)
        check_choice(self, "last_activation", ACTIVATIONS)
        check_flags(self, "batch_norm", "foreground")
        self._check_backbone()
        self._check_rays()

    def _check_axes(self) -> None:
        n_axes = len(self.grid) if isinstance(self.grid, list | tuple) else 2
        if n_axes not in (2, 3):
            raise ConfigError(f"grid {self.grid!r}: expected 2 numbers (images) or 3 (volumes)")
        for name, default in (("grid", 2), ("kernel_size", 3), ("pool", 2)):
            value = getattr(self, name)
            value = default if isinstance(value, list | tuple) and not value else value
            object.__setattr__(self, name, per_axis(name, value, n_axes))
        if any(g < 1 or g & (g - 1) or g > 64 for g in self.grid):
            raise ConfigError(f"grid {self.grid}: every number must be a power of 2 (1, 2, 4, ... 64)")
        if any(k % 2 == 0 or not 1 <= k <= 63 for k in self.kernel_size):
            raise ConfigError(f"kernel_size {self.kernel_size}: must be odd, from 1 to 63")
        if any(not 1 <= p <= 16 for p in self.pool):
            raise ConfigError(f"pool {self.pool}: expected numbers from 1 to 16")

    def _check_backbone(self) -> None:
        if self.backbone not in ("unet", "resnet"):
            raise ConfigError(f"backbone {self.backbone!r}: there are unet and resnet")
        if self.backbone == "resnet" and self.n_blocks < len(self.stem_pools):
            raise ConfigError(
                f"n_blocks {self.n_blocks}: a ResNet with grid {self.grid} needs at least {len(self.stem_pools)}, for "
                "each halves it once"
            )
        if self.backbone == "resnet" and self.foreground:
            raise ConfigError("foreground: only a U-Net predicts it; choose backbone 'unet'")

    def _check_rays(self) -> None:
        anisotropy = _rows("anisotropy", [self.anisotropy], (0, 3), int | float)[0]
        vertices = _rows("ray_vertices", self.ray_vertices, (3,), int | float)
        faces = _rows("ray_faces", self.ray_faces, (3,), int)
        for name, rows in (("anisotropy", anisotropy), ("ray_vertices", vertices), ("ray_faces", faces)):
            object.__setattr__(self, name, rows)
        if len(self.grid) == 2:
            if anisotropy or vertices or faces:
                raise ConfigError(
                    "anisotropy, ray_vertices and ray_faces are for volumes, with 3 numbers in grid"
                )
            return
        if not all(0.01 <= a <= 100 for a in anisotropy):
            raise ConfigError(f"anisotropy {anisotropy}: expected numbers from 0.01 to 100")
        object.__setattr__(self, "anisotropy", tuple(float(a) for a in anisotropy) or (1.0, 1.0, 1.0))
        if len(vertices) not in (0, self.n_rays) or bool(vertices) != bool(faces):
            raise ConfigError(
                f"{len(vertices)} ray_vertices and {len(faces)} ray_faces: expected {self.n_rays} (n_rays) and the "
                "triangles between them, or none of both"
            )
        if vertices:
            _ = self.rays  # which checks them
        elif self.n_rays < 5:
            raise ConfigError(f"n_rays {self.n_rays}: in volumes, rays along a spiral must be at least 5")

    @cached_property
    def rays(self) -> Rays3D | None:
        """Rays of a network for volumes; None for images, where they are evenly spaced on the circle."""
        if len(self.grid) == 2:
            return None
        try:
            if self.ray_vertices:
                return Rays3D(self.ray_vertices, self.ray_faces)  # type: ignore[arg-type]
            z, y, x = self.anisotropy
            return rays_3d(self.n_rays, (z, y, x))
        except ValueError as error:
            raise ConfigError(f"the rays of this network make no polyhedron: {error}") from error

    @property
    def stride(self) -> tuple[int, ...]:
        """Image sides must be multiples of this."""
        if self.backbone == "resnet":
            return self.grid
        return tuple(g * p**self.depth for g, p in zip(self.grid, self.pool, strict=True))

    @property
    def halo(self) -> tuple[int, ...]:
        """Pixels around a region, aligned to `stride`, that can change what is predicted in it."""
        return self.reaches[0]

    @property
    def reaches(self) -> tuple[tuple[int, ...], ...]:
        """Pixels around a region, aligned to `stride`, on which what is predicted in it depends, along each axis.

        First pixels of the image, then those for which the output of each stage must be known, in the order in which
        the network runs them: stem, way down, middle, way up, heads. A ResNet runs as one, before the heads.
        """
        by_axis = [
            [max(-start, stop - stride) for start, stop in self._depends_on(0, stride, axis)]
            for axis, stride in enumerate(self.stride)
        ]
        return tuple(zip(*by_axis, strict=True))

    @property
    def receptive_field(self) -> tuple[int, ...]:
        """Sides, in pixels, of the largest region of the image that one prediction can depend on."""
        fields = []
        for axis, (stride, grid) in enumerate(zip(self.stride, self.grid, strict=True)):
            spans = [self._depends_on(cell, cell + grid, axis)[0] for cell in range(0, stride, grid)]
            fields.append(max(stop - start for start, stop in spans))
        return tuple(fields)

    @property
    def stem_pools(self) -> tuple[tuple[int, ...], ...]:
        """Max-pooling of each stage of the stem: halved along the axes whose grid is not reached yet."""
        stages = max(self.grid).bit_length() - 1
        return tuple(tuple(2 if 2**i < g else 1 for g in self.grid) for i in range(stages))

    @property
    def block_strides(self) -> tuple[tuple[int, ...], ...]:
        """Strides of each block of the ResNet: 2 along the axes whose grid is not reached yet."""
        whole = (1,) * len(self.grid)
        return (*self.stem_pools, *[whole] * (self.n_blocks - len(self.stem_pools)))

    def channels_at(self, level: int) -> int:
        """Channels of U-Net level `level`."""
        channels = max(1, int(self.base_channels * self.expansion**level))
        return min(channels, self.max_channels) if self.max_channels else channels

    def _depends_on(self, start: int, stop: int, axis: int) -> list[tuple[int, int]]:
        """Half-open spans of pixels on which the outputs for ``start:stop`` depend; in the order of `reaches`."""
        margin, size = self.kernel_size[axis] // 2, self.grid[axis]
        start, stop = start // size, -(-stop // size)
        heads = (start * size, stop * size)  # from here back to front, in cells of `size` pixels
        if self.head_channels or self.foreground:
            start, stop = start - margin, stop + margin
        if self.backbone == "resnet":
            return [self._resnet_depends_on(start, stop, axis), heads]
        return [*self._unet_depends_on(start, stop, axis), heads]

    def _unet_depends_on(self, start: int, stop: int, axis: int) -> list[tuple[int, int]]:
        """Spans of pixels for cells ``start:stop`` of the U-Net's output: of the image and after each stage."""
        pool, size = self.pool[axis], self.grid[axis]
        convs = self.convs_per_level * (self.kernel_size[axis] // 2)
        spans = []
        for _ in range(self.depth):
            spans.append((start * size, stop * size))
            start, stop, size = (start - convs) // pool, -(-(stop + convs) // pool), size * pool
        spans.append((start * size, stop * size))
        start, stop = start - convs, stop + convs
        for shrink in [pool] * self.depth + [stage[axis] for stage in reversed(self.stem_pools)]:
            spans.append((start * size, stop * size))
            start, stop, size = start * shrink - convs, stop * shrink + convs, size // shrink
        return [(start * size, stop * size), *reversed(spans)]

    def _resnet_depends_on(self, start: int, stop: int, axis: int) -> tuple[int, int]:
        """Pixels of the image for cells ``start:stop`` of the ResNet's output."""
        kernel = self.kernel_size[axis]
        margin = (self.convs_per_block - 1) * (kernel // 2)
        for strides in reversed(self.block_strides):
            before, _ = same_padding(kernel, strides[axis])
            start = (start - margin) * strides[axis] - before
            stop = (stop + margin - 1) * strides[axis] - before + kernel
        margin = sum(k // 2 for k in FIRST_KERNELS)
        return start - margin, stop + margin


def _rows(name: str, rows: Sequence[Any], lengths: tuple[int, ...], kind: Any) -> tuple[tuple[Any, ...], ...]:
    """Turn a table, with as many numbers to a row as may be, into tuples."""
    for row in rows if isinstance(rows, list | tuple) else [None]:
        if not isinstance(row, list | tuple) or len(row) not in lengths:
            raise ConfigError(f"{name} {str(row)[:60]}: expected {lengths[-1]} numbers, for z, y and x")
        if any(isinstance(n, bool) or not isinstance(n, kind) for n in row):
            raise ConfigError(f"{name} {str(row)[:60]}: expected numbers")
    return tuple(tuple(row) for row in rows)
