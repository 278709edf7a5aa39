"""The one thing that was found in an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Finding"]


@dataclass(frozen=True)
class Finding:
    """The class of an image, or of the only object in it.

    Attributes
    ----------
    name
        Of the class.
    probability
        That it is of this class, where it is known.
    box
        (x1, y1, x2, y2) at pixel edges; None if it is the whole image.
    """

    name: str
    probability: float | None = None
    box: tuple[float, float, float, float] | None = None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Finding:
        """What `dataclasses.asdict` gave, after it went through JSON."""
        box = values.get("box")
        return cls(values["name"], values.get("probability"), None if box is None else tuple(box))
