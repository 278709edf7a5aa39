"""The seam: what the rest of the program needs to know of a task, and nothing else.

Training asks a task for targets and losses, prediction for decoding and merging, evaluation for scores. None of them
knows whether a class, a mask, boxes or outlines come out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from ..geometry.tiles import Tile
from ..results import Annotation

__all__ = ["Arrays", "Batch", "Sample", "Task"]

Arrays = Mapping[str, npt.NDArray[Any] | list[npt.NDArray[Any]]]
"""Training tensors of one sample by name. An array is stacked over the batch; a list (boxes, whose number differs
from image to image) stays a list with one entry per sample."""

Batch = Mapping[str, Any]
"""``"image"``: float tensor ``(B, C, *spatial)``; and the targets of the task by name, collated as `Arrays` says."""

PartT = TypeVar("PartT")
ResultT = TypeVar("ResultT", bound=Annotation)
MetricsT_co = TypeVar("MetricsT_co", covariant=True)


class Sample(Protocol):
    """An image and what is in it, as a task sees them."""

    @property
    def pixels(self) -> npt.NDArray[np.float32]:
        """Normalised image, ``(C, *spatial)`` float32."""

    @property
    def annotation(self) -> Annotation:
        """What is in it, in the same pixels."""


class Task(Protocol[PartT, ResultT, MetricsT_co]):
    """What a model is for.

    ``PartT`` is what the task knows of one tile before the tiles are put together: class scores, a patch of
    probabilities, boxes, or star-convex candidates. ``ResultT`` is what the user gets.
    """

    def target(self, sample: Sample) -> Arrays:
        """Turn the annotation of one (augmented) sample into training tensors."""

    def loss(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Run the model on a batch and return its named, weighted losses; their sum is minimised.

        The task calls the model, so that a model whose losses arise inside it (R-CNN) fits as well.
        """

    def decode(self, output: Any, tile: Tile) -> PartT:
        """Turn the raw output for one image or tile (batch axis removed, on the CPU) into a part.

        Positions in the part are those of the whole image.
        """

    def merge(self, parts: Iterable[PartT]) -> ResultT:
        """Put the parts of one image together. Consumes an iterator, so that parts need not be held all at once."""

    def score(
        self, predictions: Iterable[ResultT], truths: Iterable[ResultT], names: Sequence[str] | None = None
    ) -> MetricsT_co:
        """Compare predictions with annotations, image by image and pooled; consumes one pair at a time."""
