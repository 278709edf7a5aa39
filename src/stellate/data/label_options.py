"""What users say of images annotated as a whole, or by boxes. Quick to import; its texts are help texts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ..errors import ConfigError

__all__ = ["USUAL_MARGIN", "LabelOptions"]

USUAL_MARGIN = 0.2
"""What is seen around a box where nothing else is said."""


@dataclass(frozen=True)
class LabelOptions:
    """How annotations of whole images and of boxes are used."""

    crop_margin: float | None = None
    """Where images to classify are cut out around boxes or objects: what is seen around one, as a share of its longer
    side, on each side; by default 0.2, or as the model was trained."""
    least_images: int = 0
    """Leave out classes with fewer images than this; 0 keeps all, and a class with a single image is an error."""
    bad_boxes: Literal["refuse", "drop"] = "refuse"
    """What to do about boxes without area, outside of their image, or twice in it; boxes that are partly outside are
    cut at its border."""
    skip_unreadable: bool = False
    """Go on without images that cannot be read; they are named."""
    skip_not_single: bool = False
    """For a localizer: go on without images that have no box, or several."""

    @property
    def margin(self) -> float:
        """What is seen around a box."""
        return USUAL_MARGIN if self.crop_margin is None else self.crop_margin

    def __post_init__(self) -> None:
        margin = 0.0 if self.crop_margin is None else self.crop_margin
        if isinstance(margin, bool) or not isinstance(margin, int | float) or not 0 <= margin < math.inf:
            raise ConfigError(
                f"crop_margin {margin!r}: expected a share of a box's side, at least 0, e.g. 0.2"
            )
        if self.bad_boxes not in ("refuse", "drop"):
            raise ConfigError(f"bad_boxes {self.bad_boxes!r}: expected refuse or drop")
        least = self.least_images
        if isinstance(least, bool) or not isinstance(least, int) or least < 0:
            raise ConfigError(f"least_images {least!r}: expected a whole number from 0")
