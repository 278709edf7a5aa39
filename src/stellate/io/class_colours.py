"""The names and colours of classes in files for other programs, and in pictures."""

from __future__ import annotations

from ..results import Instances

__all__ = ["class_colour", "class_of"]

# Told apart by colour-blind readers too (Okabe and Ito, 2008).
_COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0))


def class_colour(class_id: int) -> tuple[int, int, int]:
    """Red, green and blue of a class, 0 to 255; the seventh has that of the first."""
    return _COLOURS[class_id % len(_COLOURS)]


def class_of(instances: Instances, index: int) -> tuple[int, str] | None:
    """Id and name of an object's class; None where it is not known, or objects are not told apart."""
    if instances.classes is None or instances.classes[index] < 0:
        return None
    at = int(instances.classes[index])
    return at, instances.class_names[at] if at < len(instances.class_names) else f"class {at + 1}"
