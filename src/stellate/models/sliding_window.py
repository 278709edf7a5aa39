"""A class for every pixel by classifying the patch around it.

A small classifier (convolutions, poolings, a fully connected layer) looks at the patch around one pixel, and then at
that around the next one; Ciresan et al. (Deep Neural Networks Segment Neuronal Membranes in Electron Microscopy Images,
NeurIPS 2012) won a challenge that way. Neighbouring patches are almost the same, and almost everything is computed
again and again.

The same weights make a network that computes everything once and gives the same result at every pixel. A convolution
over all patches is a convolution over the image. A pooling halves the patch, whichever pixel it is around, so that it
must be done at every pixel; what were neighbours after it are then 2 pixels apart, and the kernels of all later layers
reach for every second pixel (dilation 2, then 4, ...). The fully connected layer is a convolution as large as what
comes in (Giusti et al., Fast Image Scanning with Deep Max-Pooling Convolutional Neural Networks, ICIP 2013).

Shapes of tensors, for N patches with sides of P pixels, C image channels, F channels at first and K classes::

    patches  (N, C, P, P)
    level n  convs without padding, 2x2 max    (N, F * 2**n, ., .)
    hidden   fully connected                   (N, hidden, 1, 1)
    classes  fully connected                   (N, K, 1, 1)
    or, as convolutions on the mirrored image  (B, K, H, W)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ..errors import ConfigError
from ..nn.borders import mirror
from ..nn.initialisation import initialise_for_relu
from ..nn.receptive_field import Layer, Upscaling, Window, halo, receptive_field
from ..nn.upsampling import nearest
from .checks import check_flags, check_image, check_whole_numbers

__all__ = ["SlidingWindow", "SlidingWindowConfig", "multiplications", "repetition"]

RANGES = {
    "in_channels": (1, 1024),
    "n_classes": (2, 10_000),
    "patch_size": (1, 511),
    "depth": (0, 6),
    "base_channels": (1, 4096),
    "convs_per_level": (1, 16),
    "hidden_channels": (1, 65_536),
    "step": (1, 64),
    "patches_at_a_time": (1, 1 << 20),
}
KERNEL, POOL = 3, 2


class Conv(NamedTuple):
    """A convolution without padding."""

    in_channels: int
    out_channels: int
    kernel: int

    @property
    def per_output(self) -> int:
        """Multiplications for one place of its output."""
        return self.in_channels * self.out_channels * self.kernel**2


@dataclass(frozen=True)
class SlidingWindowConfig:
    """What defines a patch classifier, and how it is run over an image."""

    in_channels: int = 1
    """Channels of the image."""
    n_classes: int = 2
    """Classes of pixels, the background among them."""
    patch_size: int = 32
    """Side of the patch, in pixels; the pixel that is classified is the one at half of it."""
    depth: int = 2
    """Poolings."""
    base_channels: int = 16
    """Channels at the first level; they double with each pooling."""
    convs_per_level: int = 2
    """3x3 convolutions before each pooling."""
    hidden_channels: int = 64
    """Width of the fully connected layer."""
    step: int = 1
    """Classify only every so manyth pixel along each axis; the pixels around it get its class."""
    convolutional: bool = False
    """Compute what patches have in common once: the same weights, run as dilated convolutions over the image."""
    patches_at_a_time: int = 1024
    """Patches in a batch of the loop over the pixels."""

    def __post_init__(self) -> None:
        check_whole_numbers(self, RANGES)
        check_flags(self, "convolutional")
        if self.last_side < 1:
            raise ConfigError(
                f"patch_size {self.patch_size}: {self.convs_per_level} convolutions at each of {self.depth} levels "
                f"leave nothing of it; choose at least {self._least_patch()}"
            )

    @property
    def grid(self) -> tuple[int, ...]:
        """Pixels per prediction along each axis."""
        return (1, 1)

    @property
    def stride(self) -> tuple[int, ...]:
        """Image sides must be multiples of this."""
        return (self.step, self.step)

    @property
    def halo(self) -> tuple[int, ...]:
        """Pixels around a region, aligned to `stride`, that can change what is predicted in it."""
        return (halo(self._layers, self.step),) * 2

    @property
    def receptive_field(self) -> tuple[int, ...]:
        """Sides of the region that one prediction depends on: the patch, less what its poolings leave over."""
        return (receptive_field(self._layers),) * 2

    @property
    def margins(self) -> tuple[int, int]:
        """Pixels of a patch before and after the pixel that it is around."""
        before = self.patch_size // 2
        return before, self.patch_size - 1 - before

    @property
    def last_side(self) -> int:
        """Side of what comes into the fully connected layers."""
        side = self.patch_size
        for _ in range(self.depth):
            side = (side - self.convs_per_level * (KERNEL - 1)) // POOL
        return side

    @property
    def levels(self) -> list[list[Conv]]:
        """The convolutions of each level; those of the last one are the fully connected layers."""
        levels, channels = [], self.in_channels
        for level in range(self.depth):
            width = self.base_channels * 2**level
            inner = [Conv(width, width, KERNEL)] * (self.convs_per_level - 1)
            levels.append([Conv(channels, width, KERNEL), *inner])
            channels = width
        hidden = Conv(channels, self.hidden_channels, self.last_side)
        return [*levels, [hidden, Conv(self.hidden_channels, self.n_classes, 1)]]

    def _least_patch(self) -> int:
        least = 1
        for _ in range(self.depth):
            least = POOL * least + self.convs_per_level * (KERNEL - 1)
        return least

    @property
    def _layers(self) -> list[Layer]:
        """The layers as convolutions, and the choice of every so manyth pixel."""
        layers: list[Layer] = [Window(1, before=self.margins[0])]
        for n, level in enumerate(self.levels):
            if n:
                layers.append(Window(POOL, dilation=POOL ** (n - 1), before=0))
            layers += [Window(conv.kernel, dilation=POOL**n, before=0) for conv in level]
        return [*layers, Window(1, stride=self.step, before=-(self.step // 2)), Upscaling(self.step)]


class SlidingWindow(nn.Module):
    """A patch classifier that is run around every pixel; see the module's page for its layout.

    Parameters
    ----------
    config
        What defines the network.
    """

    def __init__(self, config: SlidingWindowConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or SlidingWindowConfig()
        layers: list[nn.Module] = []
        dilation = 1
        for n, level in enumerate(config.levels):
            if n and config.convolutional:
                layers.append(nn.MaxPool2d(POOL, stride=1, dilation=dilation))
                dilation *= POOL
            elif n:
                layers.append(nn.MaxPool2d(POOL))
            for conv in level:
                layers += [nn.Conv2d(*conv, dilation=dilation), nn.ReLU(inplace=True)]
        self.classifier = nn.Sequential(*layers[:-1])  # what the last one puts out is a logit
        self.apply(initialise_for_relu)

    def to_convolutional(self) -> SlidingWindow:
        """The fully convolutional network with these weights, which gives the same at every pixel.

        Returns
        -------
        SlidingWindow
            A copy whose config says ``convolutional``.
        """
        weight = next(self.parameters())
        twin = SlidingWindow(replace(self.config, convolutional=True)).to(weight.device, weight.dtype)
        twin.load_state_dict(self.state_dict())
        return twin.train(self.training)

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
        step, (height, width) = self.config.step, image.shape[2:]
        larger = mirror(image, [self.config.margins] * 2)
        if self.config.convolutional:
            logits = self.classifier(larger)[..., step // 2 : height : step, step // 2 : width : step]
        else:
            logits = self._slide(larger, (height // step, width // step))
        return {"classes": nearest(logits, (step, step)) if step > 1 else logits}

    def _slide(self, image: Tensor, cells: tuple[int, int]) -> Tensor:
        """Classify the patches of a mirrored image one batch after another; ``(B, n_classes, *cells)``."""
        found = []
        for patches in self._patches(image):
            if torch.is_grad_enabled():  # else the layers of all patches would be held for the way back
                found.append(checkpoint(self.classifier, patches, use_reentrant=False))
            else:
                found.append(self.classifier(patches))
        rows = torch.cat(found).reshape(len(image), *cells, -1)
        return rows.movedim(-1, 1)

    def _patches(self, image: Tensor) -> Iterator[Tensor]:
        """Batches of patches, ``(N, C, P, P)``, pixel by pixel, row by row, image by image."""
        size, step = self.config.patch_size, self.config.step
        first = step // 2
        windows = image[..., first:, first:].unfold(2, size, step).unfold(3, size, step)
        windows = windows.movedim(1, 3)  # (B, rows, columns, C, P, P), a view
        shape = windows.shape[:3]
        for pixels in torch.arange(shape.numel(), device=image.device).split(self.config.patches_at_a_time):
            b, row, column = torch.unravel_index(pixels, shape)
            yield windows[b, row, column]


def multiplications(config: SlidingWindowConfig, shape: tuple[int, int]) -> int:
    """Multiplications that the convolutions of a network do for one image.

    Parameters
    ----------
    config
        Of the network.
    shape
        Rows and columns of the image; multiples of ``config.stride``.
    """
    height, width = (n + config.patch_size - 1 if config.convolutional else config.patch_size for n in shape)
    total, dilation = 0, 1
    for n, level in enumerate(config.levels):
        if n and config.convolutional:
            height, width = height - dilation, width - dilation
            dilation *= POOL
        elif n:
            height, width = height // POOL, width // POOL
        for conv in level:
            reach = dilation * (conv.kernel - 1)
            height, width = height - reach, width - reach
            total += conv.per_output * height * width
    patches = 1 if config.convolutional else shape[0] * shape[1] // config.step**2
    return total * patches


def repetition(config: SlidingWindowConfig) -> float:
    """How many times as much a patch classifier computes as its convolutional twin, in a large image.

    A layer that puts out m x m values per channel of a patch puts out one per pixel of an image: what the twin
    computes once, the patches of m x m pixels around compute anew. With the multiplications c of a layer for one
    place, this is ``sum(c * m**2) / sum(c)``, for a patch at every pixel.

    Examples
    --------
    One 3x3 convolution on a patch of 9x9 pixels and a pooling, to 7x7 and 3x3 values of 1 channel; 9 multiplications
    each. Then fully connected layers of 9 and 1, done once per pixel anyway:

    >>> config = SlidingWindowConfig(patch_size=9, depth=1, base_channels=1, convs_per_level=1, hidden_channels=1)
    >>> repetition(config) == (9 * 7**2 + 9 + 2) / (9 + 9 + 2)
    True
    """
    patch = replace(config, convolutional=False, step=1)
    return multiplications(patch, (1, 1)) / sum(conv.per_output for level in patch.levels for conv in level)
