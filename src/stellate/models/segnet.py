"""SegNet: down as VGG-16 does, and up by remembered maxima.

Badrinarayanan, Kendall, Cipolla: SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image Segmentation, IEEE
TPAMI 2017. Each pooling remembers where its maxima were; on the way up, values return to these places, and convolutions
fill what lies between. That keeps outlines sharp and costs one number per maximum, where U-Net keeps whole maps.
Two variants, with C image channels and K classes::

    vgg16   3x3 convs, batch norm and ReLU after each
            down    64 64 | 128 128 | 256 256 256 | 512 512 512 | 512 512 512, a pooling after each group
            up      512 512 512 | 512 512 256 | 256 256 128 | 128 64 | 64 K, an unpooling before each group
    basic   7x7 convs without bias, batch norm after each, ReLU on the way down only
            down    64 | 64 | 64 | 64
            up      64 | 64 | 64 | 64, then 1x1 to K
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ..nn.convs import Convs
from ..nn.initialisation import initialise_for_relu
from ..nn.receptive_field import Layer, Upscaling, Window, halo, receptive_field
from ..nn.upsampling import max_pool, max_unpool
from .checks import check_choice, check_image, check_whole_numbers

__all__ = ["SegNet", "SegNetConfig"]

RANGES = {"in_channels": (1, 1024), "n_classes": (2, 10_000), "base_channels": (1, 1024)}
POOL = (2, 2)

# Channels after each convolution, in multiples of the first level's.
ENCODERS: dict[str, list[list[int]]] = {
    "vgg16": [[1, 1], [2, 2], [4, 4, 4], [8, 8, 8], [8, 8, 8]],
    "basic": [[1], [1], [1], [1]],
}
DECODERS: dict[str, list[list[int]]] = {
    "vgg16": [[8, 8, 8], [8, 8, 4], [4, 4, 2], [2, 1], [1]],
    "basic": [[1], [1], [1], [1]],
}
KERNELS = {"vgg16": 3, "basic": 7}
LAST_KERNELS = {"vgg16": 3, "basic": 1}


@dataclass(frozen=True)
class SegNetConfig:
    """What defines a SegNet."""

    in_channels: int = 1
    """Channels of the image."""
    n_classes: int = 2
    """Classes of pixels, the background among them."""
    variant: str = "vgg16"
    """``vgg16`` (13 convolutions each way), or the smaller ``basic`` (4 each way, 7 pixels wide)."""
    base_channels: int = 64
    """Channels at the first level, 64 in the paper; the others follow."""

    def __post_init__(self) -> None:
        check_whole_numbers(self, RANGES)
        check_choice(self, "variant", ENCODERS)

    @property
    def grid(self) -> tuple[int, ...]:
        """Pixels per prediction along each axis."""
        return (1, 1)

    @property
    def stride(self) -> tuple[int, ...]:
        """Image sides must be multiples of this."""
        return tuple(n ** len(ENCODERS[self.variant]) for n in POOL)

    @property
    def halo(self) -> tuple[int, ...]:
        """Pixels around a region, aligned to `stride`, that can change what is predicted in it."""
        return tuple(halo(self._layers, stride) for stride in self.stride)

    @property
    def receptive_field(self) -> tuple[int, ...]:
        """Sides, in pixels, of the largest region of the image that one prediction can depend on."""
        return tuple(receptive_field(self._layers, range(stride)) for stride in self.stride)

    @property
    def _layers(self) -> list[Layer]:
        conv, pool, unpool = Window(KERNELS[self.variant]), Window(2, stride=2, before=0), Upscaling(2)
        layers: list[Layer] = []
        for group in ENCODERS[self.variant]:
            layers += [conv] * len(group) + [pool]
        for group in DECODERS[self.variant]:
            layers += [unpool, *[conv] * len(group)]
        return [*layers, Window(LAST_KERNELS[self.variant])]


class SegNet(nn.Module):
    """SegNet or SegNet-Basic; see the module's page for their layout.

    Parameters
    ----------
    config
        What defines the network.
    """

    def __init__(self, config: SegNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or SegNetConfig()
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        channels = config.in_channels
        for group in ENCODERS[config.variant]:
            self.down.append(self._convs(channels, group, "relu"))
            channels = group[-1] * config.base_channels
        for group in DECODERS[config.variant]:
            self.up.append(self._convs(channels, group, "linear" if config.variant == "basic" else "relu"))
            channels = group[-1] * config.base_channels
        self.classes = nn.Conv2d(channels, config.n_classes, LAST_KERNELS[config.variant], padding="same")
        self.apply(initialise_for_relu)

    def _convs(self, channels: int, group: list[int], activation: str) -> Convs:
        variant = self.config.variant
        widths = [n * self.config.base_channels for n in group]
        return Convs(
            channels,
            widths,
            (KERNELS[variant],) * 2,
            norm=True,
            activations=[activation] * len(widths),
            bias=variant != "basic",
        )

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
        for convs in self.up:
            x = convs(max_unpool(x, remembered.pop(), POOL))
        return {"classes": self.classes(x)}
