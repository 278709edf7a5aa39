"""Objects by their outlines, as files of other programs hold them; of a volume, in each of its planes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..geometry.labels import relabel
from ..geometry.measure_volume import volume_boxes
from ..geometry.outlines import polygons_of, trace_rings
from ..results import Instances

__all__ = ["MOST_OUTLINES", "OutlinedObject", "count_outlines", "outlines_by_plane"]

Ring = npt.NDArray[np.float64]
Pieces = list[list[Ring]]

MOST_OUTLINES = 100_000
"""Outlines of a volume that are written to a file at most: other programs take minutes to open more."""


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
    plane
        Index of the plane of a volume that it lies in, from 0, if the file states one.
    """

    name: str
    pieces: tuple[tuple[Ring, ...], ...]
    class_name: str | None = None
    measurements: Mapping[str, float] = field(default_factory=dict)
    plane: int | None = None


def count_outlines(instances: Instances) -> int:
    """How many outlines are written: one for each object, of a volume for each plane that it reaches through."""
    if instances.labels.ndim == 2:
        return len(instances)
    boxes = volume_boxes(instances.labels, len(instances))
    return int((boxes[:, 3] - boxes[:, 0]).sum())


def outlines_by_plane(instances: Instances, program: str) -> Iterator[tuple[int | None, int, Pieces]]:
    """The outlines of objects of an image, or of a volume plane by plane.

    Parameters
    ----------
    instances
        Objects of a 2D image or of a volume.
    program
        What the outlines are for, for messages.

    Yields
    ------
    plane : int or None
        Index of the plane; None for an image.
    object : int
        Index of the object.
    pieces : list
        Its polygons there, the largest first; each is an outer ring followed by its holes.

    Raises
    ------
    InputError
        If there are other than 2 or 3 dimensions, or a volume has more than `MOST_OUTLINES`.
    """
    labels = instances.labels
    if labels.ndim == 2:
        yield from ((None, k, p) for k, p in enumerate(polygons_of(trace_rings(labels), len(instances))) if p)
        return
    if labels.ndim != 3:
        raise InputError(f"{program} outlines are 2D or of the planes of a volume, got labels {labels.shape}")
    count = count_outlines(instances)
    if count > MOST_OUTLINES:
        raise InputError(
            f"{count:,} outlines of {len(instances):,} objects are too many for {program}, which holds up to "
            f"{MOST_OUTLINES:,} of a volume; cut a part out of it, or use label images or meshes"
        )
    for plane in range(len(labels)):
        here, ids = relabel(labels[plane])
        for label, pieces in zip(ids.tolist(), polygons_of(trace_rings(here), len(ids)), strict=True):
            yield plane, label - 1, pieces
