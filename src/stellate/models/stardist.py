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

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ConfigError

__all__ = ["ACTIVATIONS", "StarDist", "StarDistConfig"]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: nn.ReLU(inplace=True),
    "elu": nn.ELU,
    "selu": nn.SELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "linear": nn.Identity,
}

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
        halos = []
        for axis, stride in enumerate(self.stride):
            start, stop = self._depends_on(0, stride, axis)
            halos.append(max(-start, stop - stride))
        return tuple(halos)

    @property
    def receptive_field(self) -> tuple[int, ...]:
        """Sides, in pixels, of the largest region of the image that one prediction can depend on."""
        fields = []
        for axis, (stride, grid) in enumerate(zip(self.stride, self.grid, strict=True)):
            spans = (self._depends_on(cell, cell + grid, axis) for cell in range(0, stride, grid))
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

    def _depends_on(self, start: int, stop: int, axis: int) -> tuple[int, int]:
        """Half-open span of pixels that the outputs for pixels ``start:stop`` depend on; back to front."""
        pool, margin = self.pool[axis], self.kernel_size[axis] // 2
        convs = self.convs_per_level * margin
        start, stop = start // self.grid[axis], -(-stop // self.grid[axis])
        if self.head_channels or self.foreground:
            start, stop = start - margin, stop + margin
        for _ in range(self.depth):
            start, stop = (start - convs) // pool, -(-(stop + convs) // pool)
        start, stop = start - convs, stop + convs
        for _ in range(self.depth):
            start, stop = start * pool - convs, stop * pool + convs
        for stage in reversed(self.stem_pools):
            start, stop = start * stage[axis] - convs, stop * stage[axis] + convs
        return start, stop


def _pair(name: str, value: object) -> tuple[int, ...]:
    """Turn a number, or a sequence of two, into a tuple of two."""
    numbers = (value, value) if isinstance(value, int) else value
    if not isinstance(numbers, list | tuple) or len(numbers) != 2:
        raise ConfigError(f"{name} {value!r}: expected 2 numbers, one per image axis")
    if any(isinstance(n, bool) or not isinstance(n, int) for n in numbers):
        raise ConfigError(f"{name} {value!r}: expected whole numbers")
    return tuple(numbers)


class Convs(nn.Sequential):
    """Convolutions at one size, each followed by an optional batch norm and the activation."""

    def __init__(
        self,
        in_channels: int,
        widths: list[int],
        config: StarDistConfig,
        *,
        norm: bool,
        last_activation: str | None = None,
    ) -> None:
        layers: list[nn.Module] = []
        rows, columns = config.kernel_size
        for width in widths:
            layers.append(nn.Conv2d(in_channels, width, (rows, columns), padding="same"))
            if norm:
                # Keras' defaults: its momentum of 0.99 is 1 - 0.99 in torch's sense
                layers.append(nn.BatchNorm2d(width, eps=1e-3, momentum=0.01))
            layers.append(ACTIVATIONS[config.activation]())
            in_channels = width
        if last_activation is not None:
            layers[-1] = ACTIVATIONS[last_activation]()
        super().__init__(*layers)


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
            self.stem.append(Convs(channels, widths, config, norm=False))
            channels = config.base_channels
        return channels

    def _make_unet(self, config: StarDistConfig, channels: int) -> int:
        norm, more = config.batch_norm, config.convs_per_level - 1
        self.down = nn.ModuleList()
        for level in range(config.depth):
            width = config.channels_at(level)
            self.down.append(Convs(channels, [width] * (more + 1), config, norm=norm))
            channels = width
        bottom, above = config.channels_at(config.depth), config.channels_at(max(0, config.depth - 1))
        self.middle = Convs(channels, [bottom] * more + [above], config, norm=norm)
        channels = above
        self.up = nn.ModuleList()
        for level in reversed(range(config.depth)):
            skip, out = config.channels_at(level), config.channels_at(max(0, level - 1))
            last = config.last_activation if level == 0 else None
            widths = [skip] * more + [out]
            self.up.append(Convs(channels + skip, widths, config, norm=norm, last_activation=last))
            channels = out
        return channels

    @staticmethod
    def _make_features(config: StarDistConfig, channels: int) -> nn.Module:
        if not config.head_channels:
            return nn.Identity()
        return Convs(channels, [config.head_channels], config, norm=False)

    @staticmethod
    def _make_foreground(config: StarDistConfig, channels: int) -> nn.Module:
        beside = config.base_channels if config.stem_pools else 0
        convs = Convs(channels + beside, [config.base_channels], config, norm=config.batch_norm)
        return nn.Sequential(convs, nn.Conv2d(config.base_channels, 1, 1))

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
        full = None
        x = image
        for convs, pool in zip(self.stem, self.config.stem_pools, strict=True):
            x = convs(x)
            full = x if full is None else full
            x = functional.max_pool2d(x, pool)
        x = self._unet(x)
        features = self.features(x)
        out = {"prob": self.prob(features), "distances": self.distances(features)}
        if self.class_prob is not None and self.features_class is not None:
            out["class_prob"] = self.class_prob(self.features_class(x))
        if self.foreground is not None:
            if full is not None:
                x = functional.interpolate(x, size=full.shape[-2:], mode="nearest")
                x = torch.cat([x, full], dim=1)
            out["foreground"] = self.foreground(x)
        return out

    def _unet(self, x: Tensor) -> Tensor:
        pool = self.config.pool
        skips = []
        for convs in self.down:
            x = convs(x)
            skips.append(x)
            x = functional.max_pool2d(x, pool)
        x = self.middle(x)
        for convs in self.up:
            x = functional.interpolate(x, scale_factor=tuple(float(p) for p in pool), mode="nearest")
            x = convs(torch.cat([x, skips.pop()], dim=1))
        return x


def _initialise(module: nn.Module) -> None:
    """Glorot-uniform weights and zero biases, as Keras does."""
    if isinstance(module, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
