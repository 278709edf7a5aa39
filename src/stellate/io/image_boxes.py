"""What a file of annotations says of one image: boxes and their classes, by name."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..errors import InputError

__all__ = ["ImageBoxes"]


@dataclass(frozen=True, eq=False)
class ImageBoxes:
    """The boxes of one image, as read from a file of any format, or to be written to one.

    Attributes
    ----------
    file
        The image's file, as the annotation calls it.
    boxes_xyxy
        ``(n, 4)`` float64 at pixel edges. They are as the file has them: they may have no area, or reach beyond the
        image.
    names
        Class of each box.
    size
        Height and width of the image where the file states them.
    split
        ``"train"``, ``"val"`` or ``"test"`` where the file says so.
    group
        What the image must not be parted from; empty if nothing.
    places
        Where in the file each box stands, for messages: ``"line 3"``, ``"object 2"``. Empty if it was not read from
        one.
    """

    file: str
    boxes_xyxy: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 4)))
    names: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    split: str | None = None
    group: str = ""
    places: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        boxes = np.asarray(self.boxes_xyxy, dtype=np.float64)
        if boxes.shape != (len(self.names), 4):
            raise InputError(
                f"{self.file}: boxes of shape {boxes.shape} for {len(self.names)} classes; expected a row of four "
                "numbers for each"
            )
        object.__setattr__(self, "boxes_xyxy", boxes)

    def place(self, index: int) -> str:
        """Where a box stands in the file, or its number from 1."""
        return self.places[index] if self.places else f"box {index + 1}"
