"""The names and colours of classes in files for other programs, and in pictures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..results import Instances

__all__ = ["class_colour", "class_of", "mask_colours"]

# The first seven are told apart by colour-blind readers too (Okabe and Ito, 2008); each of the others is as far as can
# be from black, white, grey and those before it, as people see it (CIEDE2000).
_COLOURS = (
    *((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167)),
    *((120, 0, 180), (135, 30, 45), (75, 75, 0), (0, 255, 105), (255, 180, 165), (90, 240, 225), (0, 90, 75)),
    *((135, 150, 30), (210, 195, 255), (255, 30, 75), (150, 105, 255), (120, 60, 0), (15, 120, 0)),
)  # fmt: skip


def class_colour(class_id: int) -> tuple[int, int, int]:
    """Red, green and blue of a class, 0 to 255; the 21st has that of the first."""
    return _COLOURS[class_id % len(_COLOURS)]


def mask_colours(n_classes: int) -> npt.NDArray[np.uint8]:
    """Colours of the classes of a mask, ``(n_classes, 3)`` uint8.

    The first, which is the ground that the others lie on, is black. Objects made of the others have their colours, as
    these are counted without the ground.
    """
    colours = [(0, 0, 0), *(class_colour(k) for k in range(n_classes - 1))]
    return np.array(colours[:n_classes], dtype=np.uint8).reshape(-1, 3)


def class_of(instances: Instances, index: int) -> tuple[int, str] | None:
    """Id and name of an object's class; None where it is not known, or objects are not told apart."""
    if instances.classes is None or instances.classes[index] < 0:
        return None
    at = int(instances.classes[index])
    return at, instances.class_names[at] if at < len(instances.class_names) else f"class {at + 1}"
