"""What defines a U-Net, and on how much of the image its outputs depend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import ConfigError
from ..nn.encoders import check_encoder
from ..nn.receptive_field import Interpolation, Layer, Upscaling, Window, halo, receptive_field
from .checks import check_choice, check_flags, check_whole_numbers, per_axis

__all__ = ["UNetConfig"]

RANGES = {
    "in_channels": (1, 1024),
    "n_classes": (2, 10_000),
    "depth": (0, 8),
    "base_channels": (1, 4096),
    "max_channels": (0, 65_536),
    "convs_per_level": (1, 16),
    "encoder_halo": (0, 4096),
}


@dataclass(frozen=True)
class UNetConfig:
    """What defines a U-Net, for images or volumes."""

    in_channels: int = 1
    """Channels of the image."""
    n_classes: int = 2
    """Classes of pixels, the background among them."""
    grid: tuple[int, ...] = (1, 1)
    """Pixels per prediction along each axis: (1, 1), or (1, 1, 1) for volumes."""
    depth: int = 4
    """Poolings."""
    base_channels: int = 32
    """Channels at the first level, 64 in the paper; they double with each pooling."""
    max_channels: int = 0
    """Most channels at any level; 0 for no limit."""
    convs_per_level: int = 2
    """Convolutions at each level, each way."""
    kernel_size: tuple[int, ...] = ()
    """Sides of the kernels; odd. 3 along each axis if empty."""
    pool: tuple[int, ...] = ()
    """Pixels that a level pools into one, along each axis. 2 along each axis if empty."""
    upscaling: str = "transposed"
    """The way up: transposed (the paper's), nearest or bilinear."""
    padding: str = "same"
    """``same``: zeros around each map. ``valid``: none, as in the paper; the image is mirrored beyond its borders."""
    batch_norm: bool = True
    """Batch normalisation after each convolution."""
    dropout: float = 0.0
    """Share of the values in the middle that are left out in training."""
    encoder: str = ""
    """Way down to take from segmentation-models-pytorch, such as resnet34; its own if empty."""
    encoder_halo: int = 256
    """Pixels that tiles overlap by with an encoder by name. Some see the whole image; what is far hardly counts."""

    def __post_init__(self) -> None:
        check_whole_numbers(self, RANGES)
        check_choice(self, "upscaling", ("transposed", "nearest", "bilinear"))
        check_choice(self, "padding", ("same", "valid"))
        check_flags(self, "batch_norm")
        n_axes = len(self.grid) if isinstance(self.grid, list | tuple) else 0
        if n_axes not in (2, 3) or any(type(g) is not int or g != 1 for g in self.grid):
            raise ConfigError(f"grid {self.grid!r}: expected (1, 1) for images or (1, 1, 1) for volumes")
        object.__setattr__(self, "grid", tuple(self.grid))
        for name, default in (("kernel_size", 3), ("pool", 2)):
            value = getattr(self, name)
            value = default if isinstance(value, list | tuple) and not value else value
            object.__setattr__(self, name, per_axis(name, value, n_axes))
        if any(k % 2 == 0 or not 1 <= k <= 63 for k in self.kernel_size):
            raise ConfigError(f"kernel_size {self.kernel_size}: must be odd, from 1 to 63")
        if any(not 1 <= p <= 16 for p in self.pool):
            raise ConfigError(f"pool {self.pool}: expected numbers from 1 to 16")
        is_number = isinstance(self.dropout, int | float) and not isinstance(self.dropout, bool)
        if not is_number or not 0 <= self.dropout < 1:
            raise ConfigError(f"dropout {self.dropout!r}: expected a number from 0, and less than 1")
        if self.padding == "valid" and self.upscaling == "bilinear":
            raise ConfigError(
                "upscaling 'bilinear' looks beyond the borders, which padding 'valid' forbids; choose transposed or "
                "nearest"
            )
        if self.encoder:
            self._check_encoder()

    def _check_encoder(self) -> None:
        check_encoder(self.encoder, self.depth)
        own = UNetConfig()
        fixed = (
            "grid",
            "max_channels",
            "convs_per_level",
            "kernel_size",
            "pool",
            "upscaling",
            "padding",
            "dropout",
        )
        changed = [name for name in (*fixed, "batch_norm") if getattr(self, name) != getattr(own, name)]
        if changed:
            raise ConfigError(
                f"{', '.join(changed)}: cannot be chosen with encoder {self.encoder!r}, which brings its own "
                "layers, for images"
            )

    @property
    def stride(self) -> tuple[int, ...]:
        """Image sides must be multiples of this."""
        return tuple(p**self.depth for p in self.pool)

    @property
    def halo(self) -> tuple[int, ...]:
        """Pixels around a region, aligned to `stride`, that can change what is predicted in it.

        With an encoder by name, that for what matters of it.
        """
        if self.encoder:
            return (self.encoder_halo,) * 2
        return tuple(halo(self._layers(axis), stride) for axis, stride in enumerate(self.stride))

    @property
    def receptive_field(self) -> tuple[int, ...]:
        """Sides, in pixels, of the largest region of the image that one prediction can depend on.

        With an encoder by name, of that which matters.
        """
        if self.encoder:
            return tuple(2 * h + 1 for h in self.halo)
        return tuple(
            receptive_field(self._layers(axis), range(stride)) for axis, stride in enumerate(self.stride)
        )

    def channels_at(self, level: int) -> int:
        """Channels of level `level`."""
        channels = self.base_channels * 2**level
        return min(channels, self.max_channels) if self.max_channels else channels

    def margins(self, sides: Sequence[int]) -> list[tuple[int, int]]:
        """Pixels to add before and after each axis, so that an unpadded network predicts at least these many pixels."""
        pairs = []
        for axis, side in enumerate(sides):
            taken, given = self._least_sizes(side, axis)
            before = (taken - given) // 2
            pairs.append((before, taken - side - before))
        return pairs

    def _least_sizes(self, side: int, axis: int) -> tuple[int, int]:
        """Least size of an image for which at least `side` pixels are predicted without padding, and how many are.

        From the last map back to the middle, sizes are rounded up to whole cells.
        """
        pool, lost = self.pool[axis], self.convs_per_level * (self.kernel_size[axis] - 1)
        for _ in range(self.depth):
            side = -(-(side + lost) // pool)
        taken, given = side + lost, side  # of the middle
        for _ in range(self.depth):
            taken, given = taken * pool + lost, given * pool - lost
        return taken, given

    def _layers(self, axis: int) -> list[Layer]:
        """The longest way through the network, down to the middle and up; what is kept at a level sees less."""
        kernel, pool, valid = self.kernel_size[axis], self.pool[axis], self.padding == "valid"
        convs: list[Layer] = [Window(kernel, before=0 if valid else None)] * self.convs_per_level
        larger = Interpolation(pool) if self.upscaling == "bilinear" else Upscaling(pool)
        layers = [
            *[*convs, Window(pool, stride=pool, before=0)] * self.depth,
            *convs,
            *[larger, *convs] * self.depth,
        ]
        if not valid:
            return layers
        taken, given = self._least_sizes(1, axis)
        return [Window(1, before=(taken - given) // 2), *layers]
