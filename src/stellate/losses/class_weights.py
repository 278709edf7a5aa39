"""How much each class counts in a loss: what users give, and weights by which rare classes are learned as well."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import Any

from ..errors import ConfigError, InputError

__all__ = ["LARGEST_WEIGHT", "checked_weights", "median_frequency_weights"]

LARGEST_WEIGHT = 10.0
"""Most that a class counts: one of a single small object must not drown the others."""

_TOO_MUCH = 1e6


def checked_weights(
    weights: Any, classes: Sequence[str], *, setting: str = "class_weights", words: Sequence[str] = ()
) -> tuple[float, ...]:
    """Weights of classes as somebody gave them; none where all count the same.

    Parameters
    ----------
    weights
        A number for each class, or none.
    classes
        What the weights are for, in words.
    setting
        What the user calls them.
    words
        What the user may say instead, for the message.

    Raises
    ------
    ConfigError
        If they are not numbers from 0 to below a million, not one for each class, or all 0.

    Examples
    --------
    >>> checked_weights([1, 0.5], ["ground", "cell"])
    (1.0, 0.5)
    """
    numbers = weights if isinstance(weights, list | tuple) else (None,)
    sound = all(
        isinstance(n, int | float) and not isinstance(n, bool) and 0 <= n < _TOO_MUCH for n in numbers
    )
    if not sound or (numbers and (len(numbers) != len(classes) or not any(numbers))):
        instead = "".join(f"{word}, " for word in words) + ("or " if words else "")
        raise ConfigError(
            f"{setting} {weights!r}: expected {instead}{len(classes)} numbers from 0 to below {_TOO_MUCH:,.0f}, "
            f"not all 0, for {', '.join(classes)}"
        )
    return tuple(map(float, numbers))


def median_frequency_weights(
    pixels: Sequence[int], pixels_where_present: Sequence[int], *, largest: float = math.inf
) -> tuple[float, ...]:
    """Weights by median frequency: the median of the frequencies of all classes, over that of the class.

    The frequency of a class is the share of its pixels in the images in which it occurs, so that a class that fills the
    few images it is in counts as frequent.

    Parameters
    ----------
    pixels
        Annotated pixels of each class, in all images.
    pixels_where_present
        Annotated pixels of any class, in the images where the class occurs.
    largest
        No weight is more, lest a class of a few pixels drown the others.

    Returns
    -------
    tuple of float
        One for each class; 1 for a class without pixels.

    Raises
    ------
    InputError
        If the numbers do not belong together, or no class has pixels.

    References
    ----------
    Eigen and Fergus, Predicting Depth, Surface Normals and Semantic Labels, ICCV 2015, section 6.3.2; used by
    Badrinarayanan et al., SegNet, TPAMI 2017.

    Examples
    --------
    Of two images of 4 pixels, one is all of the first class, the other has 3 of the first and 1 of the second.

    >>> median_frequency_weights([7, 1], [8, 4])
    (0.6428571428571429, 2.25)
    """
    if len(pixels) != len(pixels_where_present) or any(
        not 0 <= n <= all_ for n, all_ in zip(pixels, pixels_where_present, strict=False)
    ):
        raise InputError(
            f"{list(pixels)} pixels of classes among {list(pixels_where_present)}: expected as many numbers, "
            "none larger than the one it is among"
        )
    frequencies = [n / all_ if n else 0.0 for n, all_ in zip(pixels, pixels_where_present, strict=True)]
    present = [f for f in frequencies if f]
    if not present:
        raise InputError("no class has annotated pixels, so there are no frequencies")
    middle = median(present)
    return tuple(min(largest, middle / f) if f else 1.0 for f in frequencies)
