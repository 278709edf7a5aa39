"""U-Net: down, and up again beside what was kept on the way down.

Ronneberger, Fischer, Brox: U-Net, MICCAI 2015; for volumes Cicek et al., 3D U-Net, MICCAI 2016. At each level of the
way up, the map that comes from below (*what*) is joined by that of the same level of the way down (*where*). Shapes of
tensors, with C image channels, F channels at the first level, depth d and K classes; with one more axis for volumes::

    image         (B, C, H, W)
    way down      level n: convs (B, F * 2**n, H/2**n, W/2**n), kept; 2x2 max
    middle        convs (B, F * 2**d, H/2**d, W/2**d)
    way up        level n: transposed conv to F * 2**n, x2; concat [kept, up]; convs (B, F * 2**n, H/2**n, W/2**n)
    classes       1x1 (B, K, H, W)

The paper's convolutions are not padded, so that each takes pixels off the borders and 572x572 pixels give 388x388. To
predict all pixels, the image is continued beyond its borders by its mirror image (the paper's figure 2).

Instead of the way down, an encoder that was trained on ImageNet can be taken (`stellate.nn.encoders`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..nn.borders import mirror
from ..nn.convs import CONVOLUTIONS, Convs
from ..nn.encoders import load_encoder_weights, unet_with_encoder
from ..nn.initialisation import initialise_for_relu
from ..nn.upsampling import TransposedConvolution, Upscale
from .checks import check_image
from .unet_config import UNetConfig

__all__ = ["UNet", "UNetConfig"]

POOLINGS: dict[int, Any] = {2: functional.max_pool2d, 3: functional.max_pool3d}


class UNet(nn.Module):
    """U-Net for images or volumes; see the module's page for its layout.

    Parameters
    ----------
    config
        What defines the network.
    """

    def __init__(self, config: UNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or UNetConfig()
        self.encoded: nn.Module | None = None
        if config.encoder:
            widths = [config.channels_at(level) for level in range(config.depth)]
            self.encoded = unet_with_encoder(
                config.encoder, config.in_channels, config.n_classes, widths=widths
            )
            return
        self.down, self.larger, self.up = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = config.in_channels
        for level in range(config.depth):
            self.down.append(self._convs(channels, config.channels_at(level)))
            channels = config.channels_at(level)
        self.middle = self._convs(channels, config.channels_at(config.depth))
        self.dropout = nn.Dropout(config.dropout)
        channels = config.channels_at(config.depth)
        for level in reversed(range(config.depth)):
            width = config.channels_at(level)
            if config.upscaling == "transposed":
                self.larger.append(TransposedConvolution(channels, width, config.pool))
                channels = width
            else:
                self.larger.append(Upscale(config.upscaling, channels, config.pool))
            self.up.append(self._convs(channels + width, width))
            channels = width
        self.classes = CONVOLUTIONS[len(config.grid)](channels, config.n_classes, 1)
        self.apply(initialise_for_relu)

    def _convs(self, channels: int, width: int) -> Convs:
        config = self.config
        widths, activations = [width] * config.convs_per_level, ["relu"] * config.convs_per_level
        return Convs(
            channels,
            widths,
            config.kernel_size,
            norm=config.batch_norm,
            activations=activations,
            padding=config.padding,
        )

    def load_encoder_weights(self, weights: str = "imagenet") -> None:
        """Fetch the weights that the encoder was trained to elsewhere, and begin with them.

        Parameters
        ----------
        weights
            Their name in segmentation-models-pytorch.

        Raises
        ------
        ConfigError
            If this network has no encoder by name, the encoder no such weights, or they cannot be fetched.
        """
        load_encoder_weights(self.encoded, self.config.encoder, weights, in_channels=self.config.in_channels)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Predict from a batch of normalised images.

        Parameters
        ----------
        image
            ``(B, in_channels, H, W)`` float, ``(B, in_channels, D, H, W)`` for volumes; the sides multiples of
            ``config.stride``.

        Returns
        -------
        dict
            ``classes``: logits ``(B, n_classes, *spatial)``.
        """
        check_image(image, self.config)
        if self.encoded is not None:
            return {"classes": self.encoded(image)}
        if self.config.padding == "same":
            return {"classes": self.without_padding(image)}
        sides = image.shape[2:]
        inside: tuple[Any, ...] = (..., *map(slice, sides))
        return {"classes": self.without_padding(mirror(image, self.config.margins(sides)))[inside]}

    def without_padding(self, image: Tensor) -> Tensor:
        """The network itself, which in the paper's form puts out less than the image that it is given.

        Parameters
        ----------
        image
            ``(B, in_channels, *spatial)``; with padding ``"valid"``, of a size for which every pooling comes out even,
            such as 572.

        Returns
        -------
        Tensor
            Logits ``(B, n_classes, *smaller)``, such as 388.
        """
        x, kept = image, []
        for convs in self.down:
            x = convs(x)
            kept.append(x)
            x = POOLINGS[x.ndim - 2](x, self.config.pool)
        x = self.dropout(self.middle(x))
        for larger, convs in zip(self.larger, self.up, strict=True):
            x = larger(x)
            x = convs(torch.cat([_middle_of(kept.pop(), x.shape[2:]), x], dim=1))
        logits: Tensor = self.classes(x)
        return logits


def _middle_of(x: Tensor, size: torch.Size) -> Tensor:
    """The middle of a map, of that size."""
    for axis, length in enumerate(size, start=2):
        x = x.narrow(axis, (x.shape[axis] - length) // 2, length)
    return x
