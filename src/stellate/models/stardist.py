"""StarDist: a U-Net that predicts, at every grid point, how likely an object is and how far its outline lies.

Schmidt, Weigert, Broaddus, Myers: Cell Detection with Star-convex Polygons, MICCAI 2018.
The network is laid out as in the StarDist package, so that its weights can be used as they are::

    image (B, C, H, W)
      stem          per halving of the grid: 2 x conv, max-pool      -> (B, F, H/g, W/g)
      way down      level n: 2 x conv to F * e**n, max-pool          -> skips
      middle        conv to F * e**d, conv to F * e**(d-1)
      way up        level n: nearest x2, concat [up, skip], 2 x conv -> (B, F, H/g, W/g)
      features      conv to `head_channels`
      prob, distances, class_prob: 1x1                               -> (B, 1 | R | N + 1, H/g, W/g)
      foreground    (optional) back to full size beside the stem: conv, 1x1  -> (B, 1, H, W)

The foreground head is stellate's own: it knows each pixel, where a polygon of few rays can only approximate.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ConfigError, InputError
from ..nn.convs import ACTIVATIONS, Convs, widest
from ..nn.strips import Stage, StageRunner, run_whole

__all__ = ["StarDist", "StarDistConfig"]

# Bounds against settings that are slips or attacks; the largest networks in use stay far below.
RANGES = {
    "in_channels": (1, 1024),
    "n_rays": (3, 1024),
    "n_classes": (0, 10_000),
    "depth": (0, 8),
    "base_channels": (1, 4096),
    "max_channels": (0, 65_536),
    "convs_per_level": (1, 16),
    "head_channels": (0, 65_536),
}


@dataclass(frozen=True)
class StarDistConfig:
    """What defines a StarDist network."""

    in_channels: int = 1
    """Channels of the image."""
    n_rays: int = 32
    """Directions in which the distance to the outline is predicted."""
    grid: tuple[int, ...] = (2, 2)
    """Pixels per prediction along each axis; powers of 2."""
    n_classes: int = 0
    """Object classes; 0 if objects are not told apart."""
    depth: int = 3
    """Poolings of the U-Net below the grid."""
    base_channels: int = 32
    """Channels at the first level."""
    expansion: float = 2
    """Factor of channels from level to level."""
    max_channels: int = 0
    """Most channels at any level; 0 for no limit."""
    convs_per_level: int = 2
    """Convolutions at each level, each way."""
    kernel_size: tuple[int, ...] = (3, 3)
    """Sides of the convolution kernels; odd."""
    pool: tuple[int, ...] = (2, 2)
    """Pixels that a level of the U-Net pools into one, along each axis."""
    head_channels: int = 128
    """Channels of the features before the outputs; 0 for none."""
    batch_norm: bool = False
    """Batch normalisation after each convolution of the U-Net."""
    activation: str = "relu"
    """What follows each convolution: relu, elu, selu, silu, tanh or linear."""
    last_activation: str = "relu"
    """What follows the last convolution of the U-Net."""
    foreground: bool = False
    """Also predict, at every pixel, whether it lies in an object (refines outlines)."""

    def __post_init__(self) -> None:
        for name in ("grid", "kernel_size", "pool"):
            object.__setattr__(self, name, _pair(name, getattr(self, name)))
        if any(g < 1 or g & (g - 1) or g > 64 for g in self.grid):
            raise ConfigError(f"grid {self.grid}: every number must be a power of 2 (1, 2, 4, ... 64)")
        if any(k % 2 == 0 or not 1 <= k <= 63 for k in self.kernel_size):
            raise ConfigError(f"kernel_size {self.kernel_size}: must be odd, from 1 to 63")
        if any(not 1 <= p <= 16 for p in self.pool):
            raise ConfigError(f"pool {self.pool}: expected numbers from 1 to 16")
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise ConfigError(f"{name} {value!r}: expected a whole number from {low} to {high}")
        if not isinstance(self.expansion, int | float) or not 0.1 <= self.expansion <= 8:
            raise ConfigError(f"expansion {self.expansion!r}: expected a number from 0.1 to 8")
        for name in ("activation", "last_activation"):
            if getattr(self, name) not in ACTIVATIONS:
                raise ConfigError(f"{name} {getattr(self, name)!r}: there are {', '.join(ACTIVATIONS)}")
        for name in ("batch_norm", "foreground"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{name} {getattr(self, name)!r}: expected true or false")

    @property
    def stride(self) -> tuple[int, ...]:
        """Image sides must be multiples of this."""
        return tuple(g * p**self.depth for g, p in zip(self.grid, self.pool, strict=True))

    @property
    def halo(self) -> tuple[int, ...]:
        """Pixels around a region, aligned to `stride`, that can change what is predicted in it."""
        return self.reaches[0]

    @property
    def reaches(self) -> tuple[tuple[int, int], ...]:
        """Pixels around a region, aligned to `stride`, on which what is predicted in it depends, along each axis.

        First pixels of the image, then those for which the output of each stage must be known, in the order in which
        the network runs them: stem, way down, middle, way up, heads.
        """
        rows, columns = (
            [max(-start, stop - stride) for start, stop in self._depends_on(0, stride, axis)]
            for axis, stride in enumerate(self.stride)
        )
        return tuple(zip(rows, columns, strict=True))

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

    def channels_at(self, level: int) -> int:
        """Channels of U-Net level `level`."""
        channels = max(1, int(self.base_channels * self.expansion**level))
        return min(channels, self.max_channels) if self.max_channels else channels

    def _depends_on(self, start: int, stop: int, axis: int) -> list[tuple[int, int]]:
        """Half-open spans of pixels on which the outputs for ``start:stop`` depend; in the order of `reaches`."""
        pool, margin, size = self.pool[axis], self.kernel_size[axis] // 2, self.grid[axis]
        convs = self.convs_per_level * margin
        start, stop = start // size, -(-stop // size)
        spans = [(start * size, stop * size)]  # from here back to front, in cells of `size` pixels
        if self.head_channels or self.foreground:
            start, stop = start - margin, stop + margin
        for _ in range(self.depth):
            spans.append((start * size, stop * size))
            start, stop, size = (start - convs) // pool, -(-(stop + convs) // pool), size * pool
        spans.append((start * size, stop * size))
        start, stop = start - convs, stop + convs
        for shrink in [pool] * self.depth + [stage[axis] for stage in reversed(self.stem_pools)]:
            spans.append((start * size, stop * size))
            start, stop, size = start * shrink - convs, stop * shrink + convs, size // shrink
        return [(start * size, stop * size), *reversed(spans)]


def _pair(name: str, value: object) -> tuple[int, ...]:
    """Turn a number, or a sequence of two, into a tuple of two."""
    numbers = (value, value) if isinstance(value, int) else value
    if not isinstance(numbers, list | tuple) or len(numbers) != 2:
        raise ConfigError(f"{name} {value!r}: expected 2 numbers, one per image axis")
    if any(isinstance(n, bool) or not isinstance(n, int) for n in numbers):
        raise ConfigError(f"{name} {value!r}: expected whole numbers")
    return tuple(numbers)


class StarDist(nn.Module):
    """StarDist network; see the module's page for its layout.

    Parameters
    ----------
    config
        What defines the network.
    """

    def __init__(self, config: StarDistConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or StarDistConfig()
        self.run_stage: StageRunner = run_whole
        channels = self._make_stem(config)
        channels = self._make_unet(config, channels)
        self.foreground = self._make_foreground(config, channels) if config.foreground else None
        width = config.head_channels or channels
        self.features_class = self.class_prob = None
        if config.n_classes:
            self.features_class = self._make_features(config, channels)
            self.class_prob = nn.Conv2d(width, config.n_classes + 1, 1)
        self.features = self._make_features(config, channels)
        self.prob = nn.Conv2d(width, 1, 1)
        self.distances = nn.Conv2d(width, config.n_rays, 1)
        self.apply(_initialise)

    def _make_stem(self, config: StarDistConfig) -> int:
        channels = config.in_channels
        self.stem = nn.ModuleList()
        for _ in config.stem_pools:
            widths = [config.base_channels] * config.convs_per_level
            self.stem.append(self._convs(channels, widths))
            channels = config.base_channels
        return channels

    def _make_unet(self, config: StarDistConfig, channels: int) -> int:
        norm, more = config.batch_norm, config.convs_per_level - 1
        self.down = nn.ModuleList()
        for level in range(config.depth):
            width = config.channels_at(level)
            self.down.append(self._convs(channels, [width] * (more + 1), norm=norm))
            channels = width
        bottom, above = config.channels_at(config.depth), config.channels_at(max(0, config.depth - 1))
        self.middle = self._convs(channels, [bottom] * more + [above], norm=norm)
        channels = above
        self.up = nn.ModuleList()
        for level in reversed(range(config.depth)):
            skip, out = config.channels_at(level), config.channels_at(max(0, level - 1))
            last = config.last_activation if level == 0 else None
            widths = [skip] * more + [out]
            self.up.append(self._convs(channels + skip, widths, norm=norm, last=last))
            channels = out
        return channels

    def _make_features(self, config: StarDistConfig, channels: int) -> nn.Module:
        if not config.head_channels:
            return nn.Identity()
        return self._convs(channels, [config.head_channels])

    def _make_foreground(self, config: StarDistConfig, channels: int) -> nn.Module:
        beside = config.base_channels if config.stem_pools else 0
        convs = self._convs(channels + beside, [config.base_channels], norm=config.batch_norm)
        return nn.Sequential(convs, nn.Conv2d(config.base_channels, 1, 1))

    def _convs(
        self, channels: int, widths: list[int], *, norm: bool = False, last: str | None = None
    ) -> Convs:
        rows, columns = self.config.kernel_size
        activations = [self.config.activation] * len(widths)
        if last is not None:
            activations[-1] = last
        return Convs(channels, widths, (rows, columns), norm=norm, activations=activations)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Predict from a batch of normalised images.

        Parameters
        ----------
        image
            ``(B, in_channels, H, W)`` float; H and W multiples of ``config.stride``.

        Returns
        -------
        dict
            ``prob`` (logits) ``(B, 1, H/g, W/g)``, ``distances`` in pixels ``(B, n_rays, H/g, W/g)``, where
            there are classes ``class_prob`` (logits; 0 is background) ``(B, n_classes + 1, H/g, W/g)``, and
            where the network has that head ``foreground`` (logits) ``(B, 1, H, W)``.
        """
        if any(n % s for n, s in zip(image.shape[-2:], self.config.stride, strict=True)):
            raise InputError(
                f"an image of {tuple(image.shape[-2:])} pixels: this network takes multiples of {self.config.stride}"
            )
        reaches = iter(self.config.reaches[1:])
        full, x = None, image
        for convs, pool in zip(self.stem, self.config.stem_pools, strict=True):
            keep = self.foreground is not None and full is None
            x, *kept = self._shrink(convs, x, pool, keep=keep, reach=next(reaches))
            full = kept[0] if kept else full
        skips = []
        for convs in self.down:
            x, skip = self._shrink(convs, x, self.config.pool, keep=True, reach=next(reaches))
            skips.append(skip)
        repeats, width = self.config.convs_per_level, widest(self.middle)
        (x,) = self._run(lambda x: (self.middle(x),), x, convs=repeats, reach=next(reaches), channels=width)
        for convs in self.up:
            x = self._grow(convs, x, skips.pop(), reach=next(reaches))
        return self._heads(x, full, reach=next(reaches))

    def _shrink(
        self, convs: nn.Module, x: Tensor, pool: tuple[int, ...], *, keep: bool, reach: tuple[int, ...]
    ) -> tuple[Tensor, ...]:
        """Convolutions and pooling; also returns what was pooled if it is to be kept."""

        def stage(x: Tensor) -> tuple[Tensor, ...]:
            x = convs(x)
            small = functional.max_pool2d(x, pool)
            return (small, x) if keep else (small,)

        repeats = self.config.convs_per_level
        return self._run(stage, x, convs=repeats, pool=pool, reach=reach, channels=widest(convs))

    def _grow(self, convs: nn.Module, x: Tensor, skip: Tensor, *, reach: tuple[int, ...]) -> Tensor:
        """Upsampling, and convolutions beside what was kept on the way down."""

        def stage(x: Tensor, skip: Tensor) -> tuple[Tensor, ...]:
            up = functional.interpolate(x, scale_factor=tuple(map(float, self.config.pool)), mode="nearest")
            return (convs(torch.cat([up, skip], dim=1)),)

        repeats, pool = self.config.convs_per_level, self.config.pool
        (x,) = self._run(stage, x, skip, convs=repeats, pool=pool, reach=reach, channels=widest(convs))
        return x

    def _heads(self, x: Tensor, full: Tensor | None, *, reach: tuple[int, ...]) -> dict[str, Tensor]:
        names = ["prob", "distances"]
        if self.class_prob is not None:
            names.append("class_prob")

        def stage(x: Tensor) -> tuple[Tensor, ...]:
            features = self.features(x)
            maps: tuple[Tensor, ...] = (self.prob(features), self.distances(features))
            if self.class_prob is not None and self.features_class is not None:
                maps = (*maps, self.class_prob(self.features_class(x)))
            return maps

        def pixelwise(x: Tensor, *full: Tensor) -> tuple[Tensor, ...]:
            x = functional.interpolate(x, scale_factor=tuple(map(float, self.config.grid)), mode="nearest")
            return (self.foreground(torch.cat([x, *full], dim=1)),) if self.foreground is not None else ()

        width = max(self.config.head_channels, x.shape[1])
        maps = self._run(stage, x, convs=1, reach=reach, channels=width)
        out = dict(zip(names, maps, strict=True))
        if self.foreground is not None:
            inputs = (x,) if full is None else (x, full)
            grid, width = self.config.grid, widest(self.foreground)
            (out["foreground"],) = self._run(
                pixelwise, *inputs, convs=1, pool=grid, reach=reach, channels=width
            )
        return out

    def _run(
        self,
        stage: Stage,
        *inputs: Tensor,
        convs: int,
        channels: int,
        reach: tuple[int, ...],
        pool: tuple[int, ...] = (1, 1),
    ) -> tuple[Tensor, ...]:
        """Run a stage of so many convolutions, whose coarsest tensor has 1 cell for `pool` cells of the finest."""
        finest = max((x.shape[-2:] for x in inputs), key=lambda size: size[0] * size[1])
        units = tuple(n // p for n, p in zip(finest, pool, strict=True))
        halo = tuple(-(-convs * (k // 2) // p) for k, p in zip(self.config.kernel_size, pool, strict=True))
        return self.run_stage(stage, *inputs, units=units, halo=halo, reach=reach, channels=channels)


def _initialise(module: nn.Module) -> None:
    """Glorot-uniform weights and zero biases, as Keras does."""
    if isinstance(module, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
