"""Semantic segmentation: a class for every pixel."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from torch import Tensor, nn

from ..errors import ConfigError, suggestion
from ..geometry.tiles import Tile
from ..losses.class_maps import PIXEL_WEIGHTED, class_map_losses
from ..losses.class_weights import checked_weights
from ..losses.terms import LossTerm, parse_losses
from ..metrics.masks import MaskMetrics, score_masks
from ..results import Annotation, Mask
from .class_maps import checked_width, class_map, pixel_weights
from .from_settings import check_names
from .map_parts import MaskPart, mask_part, put_together, reach_of_rescaling
from .task import Arrays, Batch, Sample

__all__ = ["DEFAULT_LOSS", "MaskPart", "SegmentationTask"]

DEFAULT_LOSS = "cross-entropy+dice"
PAPERS_BORDER_WEIGHT = 10.0

OF_NETWORK = ("class_names", "blended")
"""Fields of the task that follow from the network and its classes, and are no settings."""

OF_PREDICTION = ("probabilities",)
"""Fields that belong to the way a model is used, and are not stored with it."""


@dataclass(frozen=True)
class SegmentationTask:
    """A class for every pixel of images or volumes, learned from class masks or from objects.

    What the values in the masks meant is not the task's: `ModelInfo.masks` holds it, as
    ``{"kind": "classes", "values": ..., "names": ..., "ignore": ..., "tolerance": ...}`` (`MaskClasses.to_dict` but for
    the kind), or ``{"kind": "instances"}`` where the classes were made of objects. `mask` gives what an annotation
    of either kind is compared as.
    """

    class_names: tuple[str, ...] = ()
    """One for each class that the network tells apart."""
    blended: bool = False
    """Whether tiles overlap in what they say, since the network's halo is not exact."""
    loss_terms: str = DEFAULT_LOSS
    """Losses by name and their sum, e.g. ``0.5*dice+focal``; see `stellate.losses.class_maps`."""
    class_weights: tuple[float, ...] = ()
    """How much each class counts in the loss; empty where all count the same. For training, ``none`` and ``balanced``
    (median frequency) are understood as well."""
    border_weights: float = 0.0
    """Most that the gaps between objects add to the weight 1 of their pixels in the cross-entropy; 10 in the U-Net
    paper, which ``true`` stands for."""
    border_width: int = 1
    """Of objects: pixels of an object so near to another one are a class of their own, the border; 0 for none."""
    probabilities: bool = False
    """Whether results hold the probabilities of all classes."""

    def __post_init__(self) -> None:
        if self.border_weights is True:
            object.__setattr__(self, "border_weights", PAPERS_BORDER_WEIGHT)
        object.__setattr__(self, "border_weights", _number("border_weights", self.border_weights))
        checked_width(self.border_width)
        if not isinstance(self.loss_terms, str):
            raise ConfigError(f"loss {self.loss_terms!r}: expected names of losses, e.g. {DEFAULT_LOSS}")
        weighted = any(term.name in PIXEL_WEIGHTED for term in self.terms)
        if self.border_weights and not weighted:
            raise ConfigError(
                f"border_weights weigh pixels in {' and '.join(PIXEL_WEIGHTED)}, and the loss is {self.loss_terms}; "
                "add it, or leave border_weights out"
            )
        object.__setattr__(self, "class_weights", checked_weights(self.class_weights, self.class_names))

    @classmethod
    def for_network(
        cls, config: Any, settings: Mapping[str, Any], class_names: Sequence[str]
    ) -> SegmentationTask:
        """The task of a network with this config, with settings that were stored beside it.

        Raises
        ------
        ConfigError
            If a setting is unknown or out of range, or there is not a name for each class of the network.
        """
        names = check_names(class_names, config.n_classes)
        known = ["loss" if f.name == "loss_terms" else f.name for f in fields(cls)]
        known = [name for name in known if name not in (*OF_NETWORK, *OF_PREDICTION)]
        for name in settings:
            if name not in known:
                raise ConfigError(f"the task has no setting {name!r}{suggestion(name, known)}")
        task = cls(class_names=names, blended=bool(getattr(config, "encoder", "")))
        values = {"loss_terms" if name == "loss" else name: value for name, value in settings.items()}
        return replace(task, **values)

    @property
    def terms(self) -> tuple[LossTerm, ...]:
        """The losses."""
        return parse_losses(self.loss_terms)

    def mask(self, annotation: Annotation) -> Mask:
        """What an annotation says of the classes of pixels: itself, or what its objects are made into.

        Raises
        ------
        DataError
            If it is neither a mask nor objects.
        """
        return class_map(annotation, self.border_width)

    # -- training ----------------------------------------------------------------------------------------------

    def target(self, sample: Sample) -> Arrays:
        """``classes``: the class of each pixel, -1 where not annotated; and ``weights`` where gaps count more."""
        mask = self.mask(sample.annotation)
        arrays: dict[str, Any] = {"classes": np.ascontiguousarray(mask.classes, dtype=np.int64)}
        if self.border_weights:
            arrays["weights"] = pixel_weights(sample.annotation, self.border_weights)
        return arrays

    def loss(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The losses by name, weighted."""
        logits = model(batch["image"])["classes"].float()
        weights = logits.new_tensor(self.class_weights) if self.class_weights else None
        return class_map_losses(
            self.terms, logits, batch["classes"], weights, pixel_weights=batch.get("weights")
        )

    # -- prediction --------------------------------------------------------------------------------------------

    def decode(self, output: Mapping[str, Tensor], tile: Tile) -> MaskPart:
        """Classes of the pixels that the tile owns, in pixels of the user's image; see `stellate.tasks.map_parts`.

        Parameters
        ----------
        output
            The network's output for one tile: ``classes`` without batch axis, on the CPU.
        tile
            What was read; the network may have seen padding beyond its end.
        """
        return mask_part(output["classes"].float(), tile, blended=self.blended, keep=self.probabilities)

    def merge(self, parts: Iterable[MaskPart]) -> Mask:
        """The class map of an image from those of its tiles, in row-major order."""
        classes, probabilities = put_together(parts, len(self.class_names), keep=self.probabilities)
        return Mask(classes, self.class_names, probabilities)

    def margin(self, scale: float) -> int:
        """Pixels that tiles of an image rescaled by this factor must read beyond the network's halo."""
        return reach_of_rescaling(scale)

    def mirrored(self, output: Mapping[str, Tensor], axes: tuple[int, ...]) -> Mapping[str, Tensor]:
        """The output itself: no channel means a direction."""
        return output

    def check_mirrors(self) -> None:
        """Nothing hinders the use of mirror images."""

    def score(
        self,
        predictions: Iterable[Mask],
        truths: Iterable[Annotation],
        names: Sequence[str] | None = None,
    ) -> MaskMetrics:
        """Agreement of classes pixel by pixel and along boundaries, per image and pooled; see `score_masks`."""
        return score_masks(predictions, (self.mask(truth) for truth in truths), names=names)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) and not value:
        return 0.0
    if not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise ConfigError(f"{name} {value!r}: expected true, false, or a number from 0")
    return float(value)
