"""What models are for. A new task is a file here and a line in `TASKS`."""

from __future__ import annotations

from typing import Any

from .instances import InstancesTask
from .segmentation import SegmentationTask

__all__ = ["TASKS"]

TASKS: dict[str, Any] = {"instances": InstancesTask, "segmentation": SegmentationTask}
"""Task by the name that `stellate.models.MODELS` gives it."""
