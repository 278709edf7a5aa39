"""Down, and up again: most of the work is done on small maps.

Each pooling quarters what the layers after it cost, and doubles what their kernels see. The way down finds *what* is
there, at the price of *where*; the way up spreads it over the pixels again, in one of five ways
(`stellate.nn.upsampling`).
Shapes of tensors, with C image channels, F channels at the first level, depth d and K classes::

    image         (B, C, H, W)
    way down      level n: convs (B, F * 2**n, H/2**n, W/2**n), 2x2 max; its places are remembered for max unpooling
    middle        convs to F * 2**d, the last one back to F * 2**(d-1)
    way up        level n: x2 by one of five ways (B, F * 2**n, H/2**n, W/2**n), convs, the last one to F * 2**(n-1)
    classes       1x1 (B, K, H, W)
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ..errors import ConfigError
from ..nn.convs import Convs
from ..nn.initialisation import initialise_for_relu
from ..nn.receptive_field import Interpolation, Layer, Upscaling, Window, halo, receptive_field
from ..nn.upsampling import UPSCALINGS, Upscale, max_pool
from .checks import check_choice, check_flags, check_image, check_whole_numbers

__all__ = ["EncoderDecoder", "EncoderDecoderConfig"]

RANGES = {
    "in_channels": (1, 1024),
    "n_classes": (2, 10_000),
    "depth": (0, 8),
    "base_channels": (1, 4096),
    "convs_per_level": (1, 16),
    "kernel_size": (1, 63),
    "transposed_kernel": (2, 16),
}
POOL = (2, 2)


@dataclass(frozen=True)
class EncoderDecoderConfig:
    """What defines a network that goes down and up again."""

    in_channels: int = 1
    """Channels of the image."""
    n_classes: int = 2
    """Classes of pixels, the background among them."""
    depth: int = 3
    """Poolings on the way down, and enlargements on the way up."""
    base_channels: int = 32
    """Channels at the first level; they double with each pooling."""
    convs_per_level: int = 2
    """Convolutions at each level, each way."""
    kernel_size: int = 3
    """Side of their kernels; odd."""
    upscaling: str = "bilinear"
    """The way up: nearest, bilinear, bed-of-nails, max-unpooling or transposed."""
    transposed_kernel: int = 2
    """Side of the kernels of transposed convolutions; odd ones leave the pattern of a checkerboard."""
    batch_norm: bool = True
    """Batch normalisation after each convolution."""

    def __post_init__(self) -> None:
        check_whole_numbers(self, RANGES)
        check_choice(self, "upscaling", UPSCALINGS)
        check_flags(self, "batch_norm")
        if self.kernel_size % 2 == 0:
            raise ConfigError(
                f"kernel_size {self.kernel_size}: must be odd, so that convolutions keep the size"
            )

    @property
    def grid(self) -> tuple[int, ...]:
        """Pixels per prediction along each axis."""
        return (1, 1)

    @property
    def stride(self) -> tuple[int, ...]:
        """Image sides must be multiples of this."""
        return tuple(n**self.depth for n in POOL)

    @property
    def halo(self) -> tuple[int, ...]:
        """Pixels around a region, aligned to `stride`, that can change what is predicted in it."""
        return tuple(halo(self._layers, stride) for stride in self.stride)

    @property
    def receptive_field(self) -> tuple[int, ...]:
        """Sides, in pixels, of the largest region of the image that one prediction can depend on."""
        return tuple(receptive_field(self._layers, range(stride)) for stride in self.stride)

    def channels_at(self, level: int) -> int:
        """Channels of level `level`."""
        return self.base_channels * 2**level

    @property
    def _layers(self) -> list[Layer]:
        convs: list[Layer] = [Window(self.kernel_size)] * self.convs_per_level
        kernel = {"transposed": self.transposed_kernel, "bed-of-nails": 1}.get(self.upscaling, 0)
        larger = Interpolation(2) if self.upscaling == "bilinear" else Upscaling(2, kernel)
        return [
            *[*convs, Window(2, stride=2, before=0)] * self.depth,
            *convs,
            *[larger, *convs] * self.depth,
        ]


class EncoderDecoder(nn.Module):
    """A network that goes down and up again; see the module's page for its layout.

    Parameters
    ----------
    config
        What defines the network.
    """

    def __init__(self, config: EncoderDecoderConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or EncoderDecoderConfig()
        more = config.convs_per_level - 1
        channels = config.in_channels
        self.down = nn.ModuleList()
        for level in range(config.depth):
            width = config.channels_at(level)
            self.down.append(self._convs(channels, [width] * (more + 1)))
            channels = width
        above = config.channels_at(max(0, config.depth - 1))
        self.middle = self._convs(channels, [config.channels_at(config.depth)] * more + [above])
        self.larger, self.up = nn.ModuleList(), nn.ModuleList()
        for level in reversed(range(config.depth)):
            width, above = config.channels_at(level), config.channels_at(max(0, level - 1))
            self.larger.append(
                Upscale(config.upscaling, width, POOL, (config.transposed_kernel,) * len(POOL))
            )
            self.up.append(self._convs(width, [width] * more + [above]))
        self.classes = nn.Conv2d(config.base_channels, config.n_classes, 1)
        self.apply(initialise_for_relu)

    def _convs(self, channels: int, widths: list[int]) -> Convs:
        sides = (self.config.kernel_size,) * 2
        activations = ["relu"] * len(widths)
        return Convs(channels, widths, sides, norm=self.config.batch_norm, activations=activations)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Predict from a batch of normalised images.

        Parameters
        ----------
        image
            ``(B, in_channels, H, W)`` float; the sides multiples of ``config.stride``.

        Returns
        -------
        dict
            ``classes``: logits ``(B, n_classes, H, W)``.
        """
        check_image(image, self.config)
        x, remembered = image, []
        for convs in self.down:
            x, places = max_pool(convs(x), POOL)
            remembered.append(places)
        x = self.middle(x)
        for larger, convs in zip(self.larger, self.up, strict=True):
            x = convs(larger(x, remembered.pop()))
        return {"classes": self.classes(x)}
