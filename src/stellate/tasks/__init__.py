"""What models are for. A new task is a file here and a line in `TASKS`."""

from __future__ import annotations

from typing import Any

from .classification import ClassificationTask
from .detection import DetectionTask
from .instances import InstancesTask
from .localization import LocalizationTask
from .segmentation import SegmentationTask

__all__ = ["TASKS"]

TASKS: dict[str, Any] = {
    "classification": ClassificationTask,
    "segmentation": SegmentationTask,
    "localization": LocalizationTask,
    "detection": DetectionTask,
    "instances": InstancesTask,
}
"""Task by the name that `stellate.models.MODELS` gives it."""
