"""Classification: which class is an image?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn
from torch.nn import functional as F

from ..geometry.tiles import Tile
from ..losses.class_weights import checked_weights
from ..metrics.classification import ClassificationMetrics, score_classes
from ..results import Scores
from .from_settings import check_names, check_number, with_settings
from .task import Arrays, Batch, Sample

__all__ = ["ClassificationTask"]

OF_NETWORK = ("class_names",)
"""Fields of the task that follow from the network and its classes, and are no settings."""


@dataclass(frozen=True)
class ClassificationTask:
    """One class for a whole image."""

    class_names: tuple[str, ...] = ()
    """One for each class that the network tells apart."""
    label_smoothing: float = 0.1
    """Share of what is held for true that is spread over all classes (Szegedy et al., CVPR 2016): keeps a network that
    has seen few images from being too sure."""
    class_weights: tuple[float, ...] = ()
    """How much an image of each class counts in the loss; empty where all count the same."""
    auxiliary_weight: float = 0.3
    """Weight of the small classifiers on the way that GoogLeNet and Inception have; the paper's."""

    def __post_init__(self) -> None:
        check_number(self, "label_smoothing", 0, 0.99)
        check_number(self, "auxiliary_weight", 0, 1000)
        object.__setattr__(self, "class_weights", checked_weights(self.class_weights, self.class_names))

    @classmethod
    def for_network(
        cls, config: Any, settings: Mapping[str, Any], class_names: Sequence[str]
    ) -> ClassificationTask:
        """The task of a network with this config, with settings that were stored beside it.

        Raises
        ------
        ConfigError
            If a setting is unknown or out of range, or there is not a name for each class of the network.
        """
        task = cls(class_names=check_names(class_names, config.n_classes))
        return with_settings(task, settings, besides=OF_NETWORK)

    def target(self, sample: Sample) -> Arrays:
        """``class``: the id of the class, a scalar."""
        annotation: Any = sample.annotation
        return {"class": np.asarray(annotation.probabilities.argmax(), dtype=np.int64)}

    def loss(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy, of the network's classes and, in training, of the small classifiers on the way."""
        output, true = model(batch["image"]), batch["class"]
        losses = {"class": self._cross_entropy(output["classes"], true)}
        if "auxiliary" in output:
            each = [self._cross_entropy(logits, true) for logits in output["auxiliary"].unbind(dim=1)]
            losses["auxiliary"] = self.auxiliary_weight * sum(each[1:], each[0])
        return losses

    def decode(self, output: Mapping[str, Tensor], tile: Tile) -> npt.NDArray[np.float32]:
        """Probabilities of the classes, ``(n_classes,)`` float32.

        Parameters
        ----------
        output
            The network's output for the image: ``classes`` without batch axis, on the CPU.
        tile
            The whole image.
        """
        probabilities: npt.NDArray[np.float32] = output["classes"].double().softmax(dim=0).float().numpy()
        return probabilities

    def merge(self, parts: Iterable[npt.NDArray[np.float32]]) -> Scores:
        """The scores of an image, of which there is one part."""
        return Scores(np.mean([*parts], axis=0, dtype=np.float32), self.class_names)

    def score(
        self, predictions: Iterable[Scores], truths: Iterable[Scores], names: Sequence[str] | None = None
    ) -> ClassificationMetrics:
        """How often the class is right, and how sure of it the network is; see `score_classes`."""
        return score_classes(predictions, truths, names=names)

    def _cross_entropy(self, logits: Tensor, true: Tensor) -> Tensor:
        weights = (
            logits.new_tensor(self.class_weights, dtype=logits.float().dtype) if self.class_weights else None
        )
        return F.cross_entropy(logits.float(), true, weights, label_smoothing=self.label_smoothing)
