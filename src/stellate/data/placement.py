"""Where in an image a patch lies, and cutting it out, in any number of dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..results import Instances
from .annotations import pixel_ids
from .samples import Sample

__all__ = ["UNKNOWN", "choose_corner", "cut_out"]

UNKNOWN = -1
"""Label of pixels outside the image: nothing is known of them."""


def choose_corner(
    sample: Sample, sides: Sequence[int], foreground_chance: float, rng: np.random.Generator
) -> tuple[int, ...]:
    """First pixel of a region: inside the image along axes where it fits, centred on it where not.

    Parameters
    ----------
    sample
        What is cut from.
    sides
        Of the region, in pixels.
    foreground_chance
        Chance that some pixel of an object, each as likely as any other, is in the region; of a mask, one of a class
        that is drawn first, so that rare classes are seen as often as others.
    rng
        Source of all choices.
    """
    shape = pixel_ids(sample.annotation).shape
    centre = _drawn_pixel(sample, rng) if rng.random() < foreground_chance else None
    corner = []
    for axis, (side, full) in enumerate(zip(sides, shape, strict=True)):
        if side >= full:
            corner.append((full - side) // 2)
        elif centre is None:
            corner.append(int(rng.integers(full - side + 1)))
        else:
            start = centre[axis] - int(rng.integers(side))
            corner.append(min(max(start, 0), full - side))
    return tuple(corner)


def _drawn_pixel(sample: Sample, rng: np.random.Generator) -> tuple[int, ...] | None:
    """A pixel of an object or class; None where there are none. Only one row or plane is looked through."""
    counts = sample.pixels_by_line
    groups = np.flatnonzero(counts.sum(axis=0))
    if not groups.size:
        return None
    group = groups[int(rng.integers(groups.size))] if groups.size > 1 else groups[0]
    until = np.cumsum(counts[:, group])
    rank = int(rng.integers(until[-1]))
    first = int(np.searchsorted(until, rank, side="right"))
    line = pixel_ids(sample.annotation)[first]
    inside = line > 0 if isinstance(sample.annotation, Instances) else line == group
    place = np.flatnonzero(inside)[rank - (until[first - 1] if first else 0)]
    return (first, *(int(k) for k in np.unravel_index(place, line.shape)))


def cut_out(
    sample: Sample, corner: Sequence[int], sides: Sequence[int]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32]]:
    """Cut a region out of an image; only what lies in it is read.

    Parameters
    ----------
    sample
        What is cut from.
    corner
        First pixel; it may lie before the image.
    sides
        In pixels; the region may reach beyond the image.

    Returns
    -------
    pixels : ndarray
        ``(C, *sides)`` float32; beyond the image its reflection.
    labels : ndarray
        ``sides`` int32; `UNKNOWN` beyond the image.
    """
    labels = pixel_ids(sample.annotation)
    inner, margins = [], []
    for start, length, full in zip(corner, sides, labels.shape, strict=True):
        inner.append(slice(max(start, 0), min(start + length, full)))
        margins.append((max(-start, 0), max(start + length - full, 0)))
    patch = sample.pixels[(slice(None), *inner)]
    patch_labels = labels[tuple(inner)]
    if any(m != (0, 0) for m in margins):
        patch = np.pad(patch, [(0, 0), *margins], mode="symmetric")
        patch_labels = np.pad(patch_labels, margins, constant_values=UNKNOWN)
    return patch, patch_labels
