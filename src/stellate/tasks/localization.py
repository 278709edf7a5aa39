"""Localization: exactly one object is there. Where, and which class?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn
from torch.nn import functional as F

from ..errors import ConfigError, InputError
from ..geometry.tiles import Tile
from ..losses.boxes import BOX_LOSSES, box_loss
from ..losses.class_weights import checked_weights
from ..metrics.localization import LocalizationMetrics, score_single_boxes
from ..results import Boxes
from .from_settings import check_names, check_number, with_settings
from .task import Arrays, Batch, Sample

__all__ = ["LocalizationTask", "LocatedObject"]

OF_NETWORK = ("class_names",)
"""Fields of the task that follow from the network and its classes, and are no settings."""


@dataclass(frozen=True, eq=False)
class LocatedObject:
    """The object of an image, as a network found it.

    Attributes
    ----------
    box_xyxy
        ``(4,)`` float32, in pixels of the user's image, at pixel edges.
    probabilities
        ``(n_classes,)`` float32.
    """

    box_xyxy: npt.NDArray[np.float32]
    probabilities: npt.NDArray[np.float32]


@dataclass(frozen=True)
class LocalizationTask:
    """The box and the class of the one object of an image.

    The loss is that of the class plus `box_weight` times that of the box.
    """

    class_names: tuple[str, ...] = ()
    """One for each class that the network tells apart."""
    box_loss: str = "l2"
    """Loss of the box, as fractions of the image: l2, smooth-l1 or giou."""
    box_weight: float = 30.0
    """Weight of the loss of the box beside that of the class. Squares of fractions are small, so that l2 needs a large
    one; for smooth-l1 and giou, whose values are about 1 at the start, 1 to 10 suits. --sweep box-weight tries some."""
    label_smoothing: float = 0.1
    """Share of what is held for true that is spread over all classes (Szegedy et al., CVPR 2016)."""
    class_weights: tuple[float, ...] = ()
    """How much an object of each class counts in the loss of the class; empty where all count the same."""

    def __post_init__(self) -> None:
        if self.box_loss not in BOX_LOSSES:
            raise ConfigError(f"box_loss {self.box_loss!r}: there are {', '.join(BOX_LOSSES)}")
        check_number(self, "box_weight", 0, 1e6)
        check_number(self, "label_smoothing", 0, 0.99)
        object.__setattr__(self, "class_weights", checked_weights(self.class_weights, self.class_names))

    @classmethod
    def for_network(
        cls, config: Any, settings: Mapping[str, Any], class_names: Sequence[str]
    ) -> LocalizationTask:
        """The task of a network with this config, with settings that were stored beside it.

        Raises
        ------
        ConfigError
            If a setting is unknown or out of range, or there is not a name for each class of the network.
        """
        task = cls(class_names=check_names(class_names, config.n_classes))
        return with_settings(task, settings, besides=OF_NETWORK)

    def target(self, sample: Sample) -> Arrays:
        """``class``: the id of the class, a scalar; ``box``: ``(4,)`` float32, centre x, centre y, width and height.

        They are fractions of the image as the network sees it.

        Raises
        ------
        InputError
            If there is not exactly one box.
        """
        boxes: Any = sample.annotation
        if len(boxes) != 1:
            raise InputError(f"{len(boxes)} boxes in an image of which exactly one object is learned")
        rows, columns = sample.pixels.shape[1:]
        x1, y1, x2, y2 = boxes.boxes_xyxy[0] / (columns, rows, columns, rows)
        box = np.array([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], dtype=np.float32)
        return {"class": np.asarray(boxes.classes[0], dtype=np.int64), "box": box}

    def loss(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """``class``: cross-entropy, or binary cross-entropy where there is one class; ``box``, weighted."""
        output = model(batch["image"])
        logits, true = output["classes"].float(), batch["class"]
        if logits.shape[1] == 1:
            of_class = F.binary_cross_entropy_with_logits(logits[:, 0], (true == 0).to(logits.dtype))
        else:
            weights = logits.new_tensor(self.class_weights) if self.class_weights else None
            of_class = F.cross_entropy(logits, true, weights, label_smoothing=self.label_smoothing)
        of_box = box_loss(self.box_loss, output["box"].float(), batch["box"])
        return {"class": of_class, "box": self.box_weight * of_box}

    def decode(self, output: Mapping[str, Tensor], tile: Tile) -> LocatedObject:
        """The object of an image, in pixels of the user's image.

        Parameters
        ----------
        output
            The network's output for the image: ``classes`` and ``box`` without batch axis, on the CPU.
        tile
            The whole image as the network saw it, and by what factor it was scaled.
        """
        logits = output["classes"].double()
        probabilities = logits.sigmoid() if len(logits) == 1 else logits.softmax(dim=0)
        x, y, width, height = output["box"].double().tolist()
        (rows, columns), (full_rows, full_columns) = tile.shape, tile.target_shape
        corners = np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
        edges = corners * (columns, rows, columns, rows) / tile.scale
        inside = edges.clip(0, [full_columns, full_rows, full_columns, full_rows])
        return LocatedObject(inside.astype(np.float32), probabilities.float().numpy())

    def merge(self, parts: Iterable[LocatedObject]) -> Boxes:
        """The one box of an image, of which there is one part."""
        (found,) = parts
        best = int(found.probabilities.argmax())
        return Boxes(
            found.box_xyxy[np.newaxis],
            np.array([best], dtype=np.int32),
            self.class_names,
            found.probabilities[[best]],
        )

    def score(
        self, predictions: Iterable[Boxes], truths: Iterable[Boxes], names: Sequence[str] | None = None
    ) -> LocalizationMetrics:
        """How well the box fits and how often the class is right; see `score_single_boxes`."""
        return score_single_boxes(predictions, truths, names=names)
