"""Detection: any number of objects, each with box and class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torchvision.ops import batched_nms

from ..errors import ConfigError
from ..geometry.tiles import Tile
from ..metrics.detection import DetectionMetrics, score_boxes
from ..results import Boxes
from .from_settings import check_names, check_number, with_settings
from .task import Arrays, Batch, Sample

__all__ = ["DetectionTask", "FoundBoxes"]

OF_NETWORK = ("class_names",)
"""Fields of the task that follow from the network and its classes, and are no settings."""

LOSS_WEIGHTS = {"class": "class_weight", "box": "box_weight", "sides": "sides_weight"}
"""Fields that weigh the losses of a network, by their names; others count as they are."""

SCORED_FROM = 0.01
"""Least probability of boxes that the average precision sees."""

_CONSIDERED = 30_000
"""Boxes of a tile, best first, that suppression is asked of."""


class FoundBoxes(NamedTuple):
    """Boxes in pixels of the user's image.

    Attributes
    ----------
    boxes_xyxy
        ``(n, 4)`` float32.
    scores
        ``(n,)`` float32.
    classes
        ``(n,)`` int64.
    """

    boxes_xyxy: Tensor
    scores: Tensor
    classes: Tensor


@dataclass(frozen=True)
class DetectionTask:
    """Boxes with classes.

    A tile answers for the objects whose middle it owns, and reads as far beyond that as the largest object, so that an
    object on a seam is seen whole by the one tile that finds it. Where two tiles differ in where its middle is, it may
    be found twice, or by none; suppression over all tiles takes away the former, and for the latter boxes count up to
    `slack` pixels beyond what a tile owns.
    """

    class_names: tuple[str, ...] = ()
    """One for each class that the network tells apart."""
    prob_threshold: float = 0.25
    """Least probability of an object."""
    nms_threshold: float = 0.6
    """Of two boxes of a class with a larger IoU, the better one is kept."""
    most: int = 3000
    """Objects of an image at most, the most probable; what comes near to it is said."""
    largest: float = 0.0
    """Longest side of the objects in pixels, so far as is known: how far tiles see beyond what they own."""
    slack: float = 4.0
    """Pixels by which tiles may differ in where the middle of an object is."""
    class_weight: float = 1.0
    """Weight of the loss of the class."""
    box_weight: float = 5.0
    """Weight of the loss of the overlap of boxes."""
    sides_weight: float = 1.0
    """Weight of the loss of the distributions of the sides."""

    def __post_init__(self) -> None:
        for name in ("prob_threshold", "nms_threshold"):
            check_number(self, name, 0, 1)
        for name in ("largest", "slack", *LOSS_WEIGHTS.values()):
            check_number(self, name, 0, 1e6)
        if isinstance(self.most, bool) or not isinstance(self.most, int) or self.most < 1:
            raise ConfigError(f"most {self.most!r}: expected a whole number of objects, at least 1")

    @classmethod
    def for_network(
        cls, config: Any, settings: Mapping[str, Any], class_names: Sequence[str]
    ) -> DetectionTask:
        """The task of a network with this config, with settings that were stored beside it.

        Raises
        ------
        ConfigError
            If a setting is unknown or out of range, or there is not a name for each class of the network.
        """
        task = cls(class_names=check_names(class_names, config.n_classes))
        return with_settings(task, settings, besides=OF_NETWORK)

    def target(self, sample: Sample) -> Arrays:
        """``boxes``: ``(n, 4)`` float32 in pixels, and ``classes``: ``(n,)`` int64, of a list each."""
        boxes: Any = sample.annotation
        return {
            "boxes": [np.ascontiguousarray(boxes.boxes_xyxy, dtype=np.float32)],
            "classes": [np.ascontiguousarray(boxes.classes, dtype=np.int64)],
        }

    def loss(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The losses that the network has, weighted."""
        network: Any = model
        boxes, classes = ([one for (one,) in batch[name]] for name in ("boxes", "classes"))
        losses: dict[str, Tensor] = network(batch["image"], boxes, classes)
        return {
            name: value * getattr(self, LOSS_WEIGHTS[name]) if name in LOSS_WEIGHTS else value
            for name, value in losses.items()
        }

    def decode(self, output: Mapping[str, Tensor], tile: Tile) -> FoundBoxes:
        """The objects that a tile answers for.

        Parameters
        ----------
        output
            The network's output for the tile, on the CPU: ``boxes`` ``(N, 4)`` in pixels of what was read, and
            ``scores`` ``(N, n_classes)``.
        tile
            What was read, and what of it counts.
        """
        at, classes = (output["scores"] > self.prob_threshold).nonzero().T
        scores = output["scores"][at, classes].float()
        boxes = output["boxes"][at].float()
        mine = self._owned(boxes, tile)
        boxes, scores, classes = boxes[mine], scores[mine], classes[mine]
        if len(scores) > _CONSIDERED:
            scores, best = scores.topk(_CONSIDERED)
            boxes, classes = boxes[best], classes[best]
        kept = batched_nms(boxes, scores, classes, self.nms_threshold)
        origin = torch.from_numpy(tile.origin[::-1].copy()).float().repeat(2)
        (rows, columns) = tile.target_shape
        edges = (boxes[kept] + origin) / tile.scale
        inside = torch.minimum(edges.clamp_min(0), torch.tensor([columns, rows] * 2, dtype=torch.float32))
        return FoundBoxes(inside, scores[kept], classes[kept])

    def merge(self, parts: Iterable[FoundBoxes]) -> Boxes:
        """The objects of an image, the most probable first."""
        found = FoundBoxes(*(torch.cat(values) for values in zip(*parts, strict=True)))
        flat = (found.boxes_xyxy[:, 2:] > found.boxes_xyxy[:, :2]).all(dim=1)
        boxes, scores, classes = (values[flat] for values in found)
        kept = batched_nms(boxes, scores, classes, self.nms_threshold)[: self.most]
        return Boxes(
            boxes[kept].numpy(),
            classes[kept].numpy().astype(np.int32),
            self.class_names,
            scores[kept].numpy(),
        )

    def score(
        self, predictions: Iterable[Boxes], truths: Iterable[Boxes], names: Sequence[str] | None = None
    ) -> DetectionMetrics:
        """Average precision of all boxes, and counts of those that are probable enough; see `score_boxes`."""
        return score_boxes(predictions, truths, names=names, score_threshold=self.prob_threshold)

    def for_scoring(self) -> dict[str, float]:
        """What options are to be while a model is measured: improbable boxes belong to the average precision."""
        return {"prob_threshold": min(SCORED_FROM, self.prob_threshold)}

    def margin(self, scale: float) -> int:
        """Pixels that tiles must read beyond the network's halo, to see objects whole."""
        return int(np.ceil(self.largest * scale))

    def _owned(self, boxes: Tensor, tile: Tile) -> npt.NDArray[np.bool_]:
        """``(n,)``: whether the middle of a box is in what the tile owns, or nearly."""
        middles = (boxes[:, :2] + boxes[:, 2:]).numpy()[:, ::-1] / 2 + tile.origin
        ends = np.array(tile.known_alone)
        near = (middles >= ends[:, 0] - self.slack) & (middles < ends[:, 1] + self.slack)
        return np.asarray(near.all(axis=1), dtype=np.bool_)
