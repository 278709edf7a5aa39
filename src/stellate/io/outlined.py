"""Objects by their outlines, as read from files of other programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["OutlinedObject"]

Ring = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OutlinedObject:
    """An object as polygons.

    Attributes
    ----------
    name
        What the file calls it.
    pieces
        Its polygons; each is an outer ring followed by its holes. A ring is ``(k, 2)`` float64 points (row,
        col), pixel centres at integers, the first point not repeated.
    class_name
        Its class, if the file states one.
    measurements
        Numbers by name.
    """

    name: str
    pieces: tuple[tuple[Ring, ...], ...]
    class_name: str | None = None
    measurements: Mapping[str, float] = field(default_factory=dict)
