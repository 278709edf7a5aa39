"""What users say of the masks of an annotated folder. Quick to import; the texts are the command line's help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ..errors import ConfigError

if TYPE_CHECKING:
    from ..io.class_masks import Value

__all__ = ["KINDS", "MaskOptions"]

KINDS = ("auto", "classes", "instances")


@dataclass(frozen=True)
class MaskOptions:
    """What the values in masks are, where the files leave it open."""

    masks: Literal["auto", "classes", "instances"] = "auto"
    """What the values in masks are: classes of pixels, instances (each object has a number of its own), or auto, which
    looks at the masks and says why it takes them for what."""
    mask_values: dict[str, str] = field(default_factory=dict)
    """Names of classes by the values of their pixels, e.g. --mask-values.128 cytoplasm --mask-values.#ff0000 nucleus,
    or a [mask_values] table; several values may have one name. Without, a file mask_classes.csv in the data folder
    names them, or each value is a class."""
    mask_ignore: tuple[int | str, ...] = ()
    """Values of pixels that are not annotated, e.g. 255 or #ffffff; they do not count anywhere."""
    mask_tolerance: float = 0.0
    """How far a value may be from that of a class and still be of it, e.g. 30 for masks that were saved as JPEG."""

    def __post_init__(self) -> None:
        if self.masks not in KINDS:
            raise ConfigError(f"masks {self.masks!r}: expected one of {', '.join(KINDS)}")
        if isinstance(self.mask_ignore, int | str):
            object.__setattr__(self, "mask_ignore", (self.mask_ignore,))
        if not isinstance(self.mask_values, Mapping):
            raise ConfigError(
                f"mask_values {self.mask_values!r}: expected values and the names of their classes"
            )
        tolerance: Any = self.mask_tolerance
        if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not 0 <= tolerance < 1e9:
            raise ConfigError(f"mask_tolerance {tolerance!r}: expected a distance from 0")
        if self.masks == "instances" and (of_classes := self._of_classes()):
            raise ConfigError(
                f"{of_classes[0]} is for masks of classes, and masks is instances; give one of them"
            )
        if self.mask_values or self.mask_ignore:
            self.names, self.ignore  # noqa: B018 - both are read, so that slips show at once

    @property
    def names(self) -> dict[Value, str] | None:
        """Names of classes by value; None where none are given."""
        from .mask_values import parse_value  # loads the readers of images

        found: dict[Value, str] = {}
        for text, name in self.mask_values.items():
            value = parse_value(text)
            if value in found:
                raise ConfigError(f"mask_values: {text} is named twice; give it one name")
            found[value] = str(name)
        return found or None

    @property
    def ignore(self) -> tuple[Value, ...]:
        """Values of pixels that are not annotated."""
        from .mask_values import parse_value

        return tuple(dict.fromkeys(parse_value(value) for value in self.mask_ignore))

    @property
    def says_classes(self) -> str:
        """The setting by which the user says that masks hold classes; empty if there is none."""
        return "masks classes" if self.masks == "classes" else next(iter(self._of_classes()), "")

    def _of_classes(self) -> list[str]:
        names = ("mask_values", "mask_ignore", "mask_tolerance")
        return [name for name in names if getattr(self, name)]
