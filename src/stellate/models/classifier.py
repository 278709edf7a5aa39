"""Which class is this image? A backbone turns the image into a vector of features, one layer says what it is.

The backbone is AlexNet, VGG, GoogLeNet, or any other of torchvision's and timm's, without its last layer, which told
apart what its photographs showed. Shapes of tensors, with C image channels, F features and K classes::

    image         (B, C, H, W), H and W those of ``input_size``
    features      (B, F), as the last layer of the backbone was given them
    classes       one layer (B, K)
    auxiliary     of GoogLeNet and Inception, in training: (B, K) from each small classifier on the way (Szegedy et al.,
                  Going deeper with convolutions, CVPR 2015)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..nn.backbones import Backbone, check_backbone
from .checks import check_image, check_share, check_whole_numbers, sides

__all__ = ["Classifier", "ClassifierConfig"]

RANGES = {"in_channels": (1, 1024), "n_classes": (2, 100_000)}
SIDES = (8, 8192)


@dataclass(frozen=True)
class ClassifierConfig:
    """What defines a classifier."""

    in_channels: int = 3
    """Channels of the images."""
    n_classes: int = 2
    """Classes to tell apart."""
    backbone: str = "resnet18"
    """Network of torchvision (alexnet, vgg16, googlenet, resnet50, ...) or timm that sees."""
    input_size: tuple[int, ...] = (224, 224)
    """Height and width in pixels that images are brought to."""
    dropout: float = 0.2
    """Share of the features that each training step leaves out before the last layer."""

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


class Classifier(nn.Module):
    """A network that tells the class of an image; see the module's page.

    Parameters
    ----------
    config
        What defines the network.
    """

    def __init__(self, config: ClassifierConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or ClassifierConfig()
        self.backbone = Backbone(
            config.backbone, config.in_channels, config.input_size, n_auxiliary=config.n_classes
        )
        self.dropout = nn.Dropout(config.dropout)
        self.classes = nn.Linear(self.backbone.n_features, config.n_classes)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Predict from a batch of normalised images.

        Parameters
        ----------
        image
            ``(B, in_channels, *input_size)`` float.

        Returns
        -------
        dict
            ``classes``: logits ``(B, n_classes)``; in training also ``auxiliary``, if there are small classifiers on
            the way: their logits ``(B, n, n_classes)``.
        """
        check_image(image, self.config)
        features, auxiliary = self.backbone(image)
        output = {"classes": self.classes(self.dropout(features))}
        if auxiliary:
            output["auxiliary"] = torch.stack(auxiliary, dim=1)
        return output
