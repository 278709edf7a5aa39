"""A class for every pixel by convolutions at full size.

Every convolution keeps the size, and a 1x1 convolution brings the depth to the classes: all pixels at once, and what
neighbours have in common computed once. But every layer has as many pixels as the image, and each 3x3 convolution adds
only one pixel on each side to what a pixel sees; dilated ones add more at the same cost (Yu & Koltun, Multi-Scale
Context Aggregation by Dilated Convolutions, ICLR 2016). Shapes of tensors, with C image channels, F channels and K
classes::

    image   (B, C, H, W)
    convs   3x3, as many as there are layers    (B, F, H, W)
    classes 1x1                                 (B, K, H, W)
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ..errors import ConfigError
from ..nn.convs import after_convolution
from ..nn.initialisation import initialise_for_relu
from ..nn.receptive_field import Layer, Window, halo, receptive_field
from .checks import check_flags, check_image, check_whole_numbers, whole_numbers

__all__ = ["FullyConvolutional", "FullyConvolutionalConfig"]

RANGES = {
    "in_channels": (1, 1024),
    "n_classes": (2, 10_000),
    "channels": (1, 4096),
    "n_layers": (1, 64),
    "kernel_size": (1, 63),
}


@dataclass(frozen=True)
class FullyConvolutionalConfig:
    """What defines a network of convolutions at full size."""

    in_channels: int = 1
    """Channels of the image."""
    n_classes: int = 2
    """Classes of pixels, the background among them."""
    channels: int = 32
    """Channels of every layer."""
    n_layers: int = 6
    """Convolutions before the classes."""
    kernel_size: int = 3
    """Side of their kernels; odd."""
    dilations: tuple[int, ...] = ()
    """Distance between the pixels that a kernel looks at, for each layer; 1 for all if empty."""
    batch_norm: bool = True
    """Batch normalisation after each convolution."""

    def __post_init__(self) -> None:
        check_whole_numbers(self, RANGES)
        check_flags(self, "batch_norm")
        if self.kernel_size % 2 == 0:
            raise ConfigError(
                f"kernel_size {self.kernel_size}: must be odd, so that convolutions keep the size"
            )
        if not isinstance(self.dilations, list | tuple) or len(self.dilations) not in (0, self.n_layers):
            raise ConfigError(
                f"dilations {self.dilations!r}: expected {self.n_layers} numbers, one per layer"
            )
        object.__setattr__(
            self, "dilations", whole_numbers("dilations", self.dilations or [1] * self.n_layers)
        )
        if any(not 1 <= d <= 1024 for d in self.dilations):
            raise ConfigError(f"dilations {self.dilations}: expected numbers from 1 to 1024")

    @property
    def grid(self) -> tuple[int, ...]:
        """Pixels per prediction along each axis."""
        return (1, 1)

    @property
    def stride(self) -> tuple[int, ...]:
        """Image sides must be multiples of this."""
        return (1, 1)

    @property
    def halo(self) -> tuple[int, ...]:
        """Pixels around a region that can change what is predicted in it."""
        return (halo(self._layers, 1),) * 2

    @property
    def receptive_field(self) -> tuple[int, ...]:
        """Sides, in pixels, of the region of the image that one prediction depends on."""
        return (receptive_field(self._layers),) * 2

    @property
    def _layers(self) -> list[Layer]:
        return [Window(self.kernel_size, dilation=dilation) for dilation in self.dilations]


class FullyConvolutional(nn.Module):
    """Convolutions at full size; see the module's page for the layout.

    Parameters
    ----------
    config
        What defines the network.
    """

    def __init__(self, config: FullyConvolutionalConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or FullyConvolutionalConfig()
        layers: list[nn.Module] = []
        channels = config.in_channels
        for dilation in config.dilations:
            layers.append(
                nn.Conv2d(channels, config.channels, config.kernel_size, padding="same", dilation=dilation)
            )
            layers += after_convolution(config.channels, 2, norm=config.batch_norm, activation="relu")
            channels = config.channels
        self.convs = nn.Sequential(*layers)
        self.classes = nn.Conv2d(channels, config.n_classes, 1)
        self.apply(initialise_for_relu)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Predict from a batch of normalised images.

        Parameters
        ----------
        image
            ``(B, in_channels, H, W)`` float.

        Returns
        -------
        dict
            ``classes``: logits ``(B, n_classes, H, W)``.
        """
        check_image(image, self.config)
        return {"classes": self.classes(self.convs(image))}
