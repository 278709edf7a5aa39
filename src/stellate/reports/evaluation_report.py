"""What an evaluation shows, by what was evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..metrics.classification_scores import ClassificationMetrics
from ..metrics.detection_scores import DetectionMetrics
from ..metrics.instance_scores import InstanceMetrics, Row
from ..metrics.localization_scores import LocalizationMetrics
from ..metrics.mask_scores import MaskMetrics
from .classification_report import ClassificationReport
from .detection_report import DetectionReport
from .instance_report import InstanceReport
from .localization_report import LocalizationReport
from .mask_report import MaskReport

__all__ = ["Metrics", "Report", "report_of"]

Metrics = InstanceMetrics | MaskMetrics | ClassificationMetrics | LocalizationMetrics | DetectionMetrics
"""What tasks score."""

Picture = npt.NDArray[np.uint8]


class Report(Protocol):
    """Tables, pictures and parts of the page of an evaluation; one for each type of metrics."""

    @property
    def captions(self) -> tuple[str, ...]:
        """What each picture of an image shows; one that is empty needs no words."""

    @property
    def of_worst(self) -> str:
        """Heading above the pictures."""

    @property
    def about_pictures(self) -> str:
        """What is to be known to understand the pictures."""

    def tables(self) -> Mapping[str, list[Row]]:
        """What is written as CSV, by name: first the summary, then ``images``, and perhaps others."""

    def draw(self, image: Any, truth: Any, found: Any) -> tuple[Picture, ...]:
        """A picture for each of `captions`.

        Parameters
        ----------
        image
            The image or volume.
        truth, found
            Its annotation, and the result of the model.
        """

    def numbers(self) -> Mapping[str, str]:
        """The few that tell most, by what they are."""

    def sections(self) -> list[str]:
        """HTML of what is to be known of all images together."""

    def legend(self) -> str:
        """HTML of the list items that explain the pictures."""

    def in_words(self, position: int) -> str:
        """What is to be said of an image, by its position."""

    def image_columns(self) -> Mapping[str, str]:
        """Headings of the table of images, by the names of its values."""


_REPORTS: Mapping[type, Callable[[Any], Report]] = {
    InstanceMetrics: InstanceReport,
    MaskMetrics: MaskReport,
    ClassificationMetrics: ClassificationReport,
    LocalizationMetrics: LocalizationReport,
    DetectionMetrics: DetectionReport,
}


def report_of(metrics: Metrics) -> Report:
    """The report of these metrics."""
    return _REPORTS[type(metrics)](metrics)
