"""Exactly one object: where is it, and which class? One backbone, two heads.

The heads share a map of features, which the backbone computes once. The class does not depend on where the object is,
so its head takes the mean over the map; the box does, so that its head is given the places apart. Shapes of tensors,
with C image channels, F features, p places along each side and K classes::

    image         (B, C, H, W), H and W those of ``input_size``
    map           (B, F, h, w)
    classes       mean (B, F), one layer (B, K)
    box           the map pooled to p x p, (B, F * p * p), a hidden layer, (B, 4): centre x, centre y, width and height
                  as fractions of the image, between 0 and 1
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ..nn.backbones import FeatureMap, check_backbone
from .checks import check_image, check_share, check_whole_numbers, sides

__all__ = ["Localizer", "LocalizerConfig"]

RANGES = {
    "in_channels": (1, 1024),
    "n_classes": (1, 100_000),
    "places": (1, 64),
    "hidden": (1, 65_536),
    "reduced": (1, 65_536),
}
SIDES = (8, 8192)


@dataclass(frozen=True)
class LocalizerConfig:
    """What defines a localizer."""

    in_channels: int = 3
    """Channels of the images."""
    n_classes: int = 2
    """Classes of objects."""
    backbone: str = "resnet18"
    """Network of torchvision (alexnet, vgg16, googlenet, resnet50, ...) or timm that sees, with a map of features."""
    input_size: tuple[int, ...] = (224, 224)
    """Height and width in pixels that images are brought to."""
    places: int = 7
    """Places along each side of the map that the head of the box is given."""
    reduced: int = 64
    """Channels that the head of the box reduces the map to."""
    hidden: int = 256
    """Units of its hidden layer."""
    dropout: float = 0.2
    """Share of what each head is given that each training step leaves out."""

    def __post_init__(self) -> None:
        check_whole_numbers(self, RANGES)
        check_backbone(self.backbone)
        object.__setattr__(self, "input_size", sides("input_size", self.input_size, *SIDES))
        check_share(self, "dropout")

    @property
    def grid(self) -> tuple[int, ...]:
        """The number of axes of an image is that of this; nothing is predicted by place."""
        return (1, 1)

    @property
    def stride(self) -> tuple[int, ...]:
        """Image sides must be multiples of this; images are brought to just this size."""
        return self.input_size


class Localizer(nn.Module):
    """A network that tells the class and the box of the one object of an image; see the module's page.

    Parameters
    ----------
    config
        What defines the network.
    """

    def __init__(self, config: LocalizerConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or LocalizerConfig()
        self.backbone = FeatureMap(config.backbone, config.in_channels, config.input_size)
        n_features = self.backbone.n_features
        self.classes = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(config.dropout),
            nn.Linear(n_features, config.n_classes),
        )
        self.box = nn.Sequential(
            nn.Conv2d(n_features, config.reduced, 1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(config.places),
            nn.Flatten(),
            nn.Linear(config.reduced * config.places**2, config.hidden),
            nn.ReLU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, 4),
            nn.Sigmoid(),
        )

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Predict from a batch of normalised images.

        Parameters
        ----------
        image
            ``(B, in_channels, *input_size)`` float.

        Returns
        -------
        dict
            ``classes``: logits ``(B, n_classes)``. ``box``: ``(B, 4)``, centre x, centre y, width and height as
            fractions of the image.
        """
        check_image(image, self.config)
        features = self.backbone(image)
        return {"classes": self.classes(features), "box": self.box(features)}
