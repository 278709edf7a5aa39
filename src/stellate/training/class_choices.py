"""Which classes a run learns to tell apart, and how much each of them counts."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from ..data.fingerprint import Fingerprint
from ..errors import ConfigError
from ..losses.class_weights import LARGEST_WEIGHT, checked_weights
from ..models.file import ModelInfo

__all__ = ["balanced_weights", "class_names", "class_weights", "why_classes"]

_NAMED = 8


def class_names(data: Fingerprint, network: Mapping[str, Any], start: ModelInfo | None) -> tuple[str, ...]:
    """Names of the classes that the network is to know.

    Parameters
    ----------
    data
        What the training images are like.
    network
        What the user set of the network; ``n_classes`` 0 means to leave the classes of the data aside.
    start
        The model that the run starts from. Its classes are kept; one that knows none gets those of the data.

    Raises
    ------
    ConfigError
        If the classes of the data are others than those of the model to start from, or than the user set.
    """
    names, given = tuple(data.class_objects), network.get("n_classes")
    if start is not None and start.config.get("n_classes"):
        if names and names != start.class_names:
            raise ConfigError(
                f"the data has the classes {', '.join(names)}, the model to start from {', '.join(start.class_names)}; "
                "name them alike (class_names.txt in the data folder), or set network.n_classes 0 and start anew"
            )
        return start.class_names
    if given == 0:
        return ()
    if given is not None and given != len(names):
        have = f"the data has {len(names)} ({', '.join(names)})" if names else "the data has no classes"
        raise ConfigError(f"network.n_classes {given}: {have}; leave it out")
    return names


def why_classes(names: tuple[str, ...], data: Fingerprint, start: ModelInfo | None) -> str:
    """What the data says of the classes, in words."""
    if not data.class_objects:
        return "those of the model to start from; the data has none, so that they are not trained"
    counts = [f"{name} {data.class_objects[name]:,}" for name in names[:_NAMED]]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    text = f"named in the data; objects: {', '.join(counts)}{more}"
    if data.unknown_class:
        text += f"; {data.unknown_class:,} of unknown class train their outline only"
    return text


def class_weights(
    names: tuple[str, ...], data: Fingerprint, given: Any, before: Any
) -> tuple[tuple[float, ...], str]:
    """Weight of each class in the loss, background first, and why; none if each pixel counts the same.

    Parameters
    ----------
    names
        The classes.
    data
        What the training images are like.
    given
        What the user set: ``"none"``, ``"balanced"``, or a number for the background and each class; or None.
    before
        Weights of the model to start from, or None.

    Raises
    ------
    ConfigError
        If what the user set is none of these, or there are no classes.
    """
    if given is None:
        if before and len(before) == len(names) + 1:
            return tuple(map(float, before)), "those of the model to start from"
        return (), _unweighted(data)
    if given == "none":
        return (), "as set"
    if not names:
        raise ConfigError(f"task.class_weights {given!r}: the data has no classes; leave it out")
    if given == "balanced":
        return balanced_weights(data), "as set: classes count alike, by the pixels of their objects"
    classes, words = ("the background", *names), ("none", "balanced")
    return checked_weights(given, classes, setting="task.class_weights", words=words), "as set"


def balanced_weights(data: Fingerprint) -> tuple[float, ...]:
    """Weights by median frequency: the median number of pixels of a class over its own, at most 10; background 1.

    Classes without pixels get 1.

    References
    ----------
    Eigen and Fergus, Predicting Depth, Surface Normals and Semantic Labels, ICCV 2015, section 6.3.2 (there by the
    images in which a class occurs).
    """
    pixels = list(data.class_pixels.values())
    middle = median([n for n in pixels if n] or [1])
    return (1.0, *(round(min(LARGEST_WEIGHT, middle / n), 4) if n else 1.0 for n in pixels))


def _unweighted(data: Fingerprint) -> str:
    pixels = {name: n for name, n in data.class_pixels.items() if n}
    if len(pixels) < 2:
        return "every pixel counts the same"
    rarest = min(pixels, key=lambda name: pixels[name])
    share = pixels[rarest] / sum(pixels.values())
    return (
        f"every pixel counts the same; {rarest} has {share:.1%} of those in objects, and "
        "task.class_weights balanced makes classes count alike"
    )
