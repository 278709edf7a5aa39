"""StarDist: a U-Net that predicts, at every grid point, how likely an object is and how far its outline lies.

Schmidt, Weigert, Broaddus, Myers: Cell Detection with Star-convex Polygons, MICCAI 2018.
The network is laid out as in the StarDist package, so that its weights can be used as they are::

    image (B, C, H, W)
      stem          per halving of the grid: 2 x conv, max-pool         -> (B, F, H/g, W/g)
      way down      level n: 2 x conv to F * e**n, max-pool             -> skips
      middle        conv to F * e**d, conv to F * e**(d-1)
      way up        level n: nearest x2, concat [up, skip], 2 x conv    -> (B, F, H/g, W/g)
      features      conv to `head_channels`
      prob, distances, class_prob: 1x1                                  -> (B, ..., H/g, W/g)
      foreground    (optional) back to full size beside the stem: conv, 1x1  -> (B, 1, H, W)

The foreground head is stellate's own: it knows each pixel, where a polygon of few rays can only approximate.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ConfigError

__all__ = ["StarDist", "StarDistConfig"]


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
    """Halvings of the U-Net below the grid."""
    base_channels: int = 32
    """Channels at the first level."""
    expansion: float = 2
    """Factor of channels from level to level."""
    max_channels: int = 0
    """Most channels at any level; 0 for no limit."""
    convs_per_level: int = 2
    """Convolutions at each level, each way."""
    kernel_size: int = 3
    """Side of the convolution kernels; odd."""
    head_channels: int = 128
    """Channels of the features before the outputs; 0 for none."""
    batch_norm: bool = False
    """Batch normalisation after each convolution of the U-Net."""
    foreground: bool = False
    """Also predict, at every pixel, whether it lies in an object (refines outlines)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "grid", tuple(self.grid))
        if len(self.grid) != 2:
            raise ConfigError(f"grid {self.grid}: expected 2 numbers, one per image axis")
        if any(g < 1 or g & (g - 1) for g in self.grid):
            raise ConfigError(f"grid {self.grid}: every number must be a power of 2 (1, 2, 4, ...)")
        if self.n_rays < 3:
            raise ConfigError(f"n_rays {self.n_rays}: a polygon needs at least 3 rays")
        if self.kernel_size < 1 or self.kernel_size % 2 == 0:
            raise ConfigError(f"kernel_size {self.kernel_size}: must be odd")
        for name in ("in_channels", "depth", "base_channels", "convs_per_level"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} {getattr(self, name)}: must be at least 1")

    @property
    def stride(self) -> tuple[int, ...]:
        """Image sides must be multiples of this."""
        return tuple(g * 2**self.depth for g in self.grid)

    @property
    def receptive_field(self) -> tuple[int, ...]:
        """Side, in pixels, of the square of input that one output can depend on (an upper bound)."""
        return tuple(self._reach(g) for g in self.grid)

    def channels_at(self, level: float) -> int:
        """Channels of U-Net level `level`."""
        channels = round(self.base_channels * self.expansion**level)
        return min(channels, self.max_channels) if self.max_channels else channels

    def _reach(self, grid: int) -> int:
        grow = self.kernel_size - 1
        field, step = 1, 1
        while step < grid:
            field += 2 * grow * step + step
            step *= 2
        for _ in range(self.depth):
            field += self.convs_per_level * grow * step + step
            step *= 2
        field += self.convs_per_level * grow * step
        for _ in range(self.depth):
            step //= 2
            field += self.convs_per_level * grow * step + step
        return field + (grow * step if self.head_channels else 0)


class Convs(nn.Sequential):
    """Convolutions at one size, each followed by an optional batch norm and ReLU."""

    def __init__(self, in_channels: int, widths: list[int], config: StarDistConfig, *, norm: bool) -> None:
        layers: list[nn.Module] = []
        for width in widths:
            layers.append(nn.Conv2d(in_channels, width, config.kernel_size, padding="same"))
            if norm:
                layers.append(nn.BatchNorm2d(width, eps=1e-3, momentum=0.01))
            layers.append(nn.ReLU(inplace=True))
            in_channels = width
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
        repeats = config.convs_per_level
        halvings = [
            tuple(2 if 2**i < g else 1 for g in config.grid) for i in range(max(config.grid).bit_length() - 1)
        ]

        channels = config.in_channels
        self.stem_pools = halvings
        self.stem = nn.ModuleList()
        for _ in halvings:
            self.stem.append(Convs(channels, [config.base_channels] * 2, config, norm=config.batch_norm))
            channels = config.base_channels

        self.down = nn.ModuleList()
        for level in range(config.depth):
            width = config.channels_at(level)
            self.down.append(Convs(channels, [width] * repeats, config, norm=config.batch_norm))
            channels = width
        bottom, above = config.channels_at(config.depth), config.channels_at(max(0, config.depth - 1))
        self.middle = Convs(channels, [bottom] * (repeats - 1) + [above], config, norm=config.batch_norm)
        channels = above
        self.up = nn.ModuleList()
        for level in reversed(range(config.depth)):
            skip, out = config.channels_at(level), config.channels_at(max(0, level - 1))
            widths = [skip] * (repeats - 1) + [out]
            self.up.append(Convs(channels + skip, widths, config, norm=config.batch_norm))
            channels = out

        self.foreground = None
        if config.foreground:
            beside = config.base_channels if halvings else 0
            self.foreground = nn.Sequential(
                Convs(channels + beside, [config.base_channels], config, norm=config.batch_norm),
                nn.Conv2d(config.base_channels, 1, 1),
            )
        self.features_class = self.class_prob = None
        if config.n_classes:
            self.features_class = self._head(channels)
            self.class_prob = nn.Conv2d(config.head_channels or channels, config.n_classes + 1, 1)
        self.features = self._head(channels)
        channels = config.head_channels or channels
        self.prob = nn.Conv2d(channels, 1, 1)
        self.distances = nn.Conv2d(channels, config.n_rays, 1)
        self.apply(_initialise)

    def _head(self, channels: int) -> nn.Module:
        if not self.config.head_channels:
            return nn.Identity()
        return Convs(channels, [self.config.head_channels], self.config, norm=False)

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
        x = image
        full = None
        for convs, pool in zip(self.stem, self.stem_pools, strict=True):
            x = convs(x)
            full = x if full is None else full
            x = functional.max_pool2d(x, pool)
        skips = []
        for convs in self.down:
            x = convs(x)
            skips.append(x)
            x = functional.max_pool2d(x, 2)
        x = self.middle(x)
        for convs in self.up:
            x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
            x = convs(torch.cat([x, skips.pop()], dim=1))

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


def _initialise(module: nn.Module) -> None:
    """Glorot-uniform weights and zero biases, as Keras does."""
    if isinstance(module, nn.Conv2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
