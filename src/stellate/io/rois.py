"""ImageJ regions of interest: a ZIP file with an outline for each object, for ImageJ's ROI Manager.

ImageJ counts from the upper left corner of the first pixel, with x to the right: x = col + 0.5, y = row +
0.5. An outline along pixel edges thus has whole numbers.
"""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
from roifile import ROI_OPTIONS, ROI_TYPE, ImagejRoi

from ..errors import InputError
from ..results import Instances
from .atomic import atomic
from .class_colours import class_colour, class_of
from .content import damaged_file_errors
from .outlined import OutlinedObject, outlines_by_plane

__all__ = ["read_rois", "write_rois"]

Ring = npt.NDArray[np.float64]
_INTEGER_LIMIT = 2**15 - 1  # whole-number coordinates are 16-bit; beyond, ImageJ reads floats beside them
_CLASS = "class"  # the property of a region
_GROUPS = 255
_BEYOND_16_BITS = re.compile(
    "[\U00010000-\U0010ffff]"
)  # roifile counts letters where ImageJ counts pairs of bytes
_MOST_BYTES = 2**24  # of one region; a larger one is no outline of a cell


def write_rois(path: str | os.PathLike[str], instances: Instances) -> None:
    """Write the outlines of objects for ImageJ.

    Each object is a traced outline named by its label; further pieces of an object in several pieces are
    named ``LABEL-2``, ``LABEL-3`` and so on, the largest piece being ``LABEL``. Holes are filled, since
    ImageJ's simple outlines have none. An object of a volume has an outline in each of its planes, at that position
    of the stack, named ``LABEL-z12`` by the number of the plane, which ImageJ counts from 1. Objects of one class
    have one colour and are a group, from 1, and their property ``class`` is its name.

    Parameters
    ----------
    path
        The ``.zip`` file; its folder is made where it is missing.
    instances
        Objects of a 2D image or a volume.

    Raises
    ------
    InputError
        If the labels have other than 2 or 3 dimensions, or a volume has more than `MOST_OUTLINES` outlines.
    OutputError
        If the disk is full or does not permit it.
    """
    outlines = outlines_by_plane(instances, "ImageJ")
    with atomic(path) as draft, zipfile.ZipFile(draft, "w") as archive:
        for plane, k, pieces in outlines:
            of_plane = f"{k + 1}" if plane is None else f"{k + 1}-z{plane + 1}"
            for number, piece in enumerate(pieces, start=1):
                name = of_plane if number == 1 else f"{of_plane}-{number}"
                # Without a date, so that the same objects give the same file.
                entry = zipfile.ZipInfo(f"{name}.roi")
                entry.external_attr = 0o644 << 16
                content = _encoded(piece[0], name, plane, class_of(instances, k))
                archive.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=1)


def read_rois(path: str | os.PathLike[str]) -> list[OutlinedObject]:
    """Read the outlines of a ZIP file of ImageJ regions.

    Returns
    -------
    list of OutlinedObject
        One for each region that encloses an area (polygon, freehand, traced, rectangle), in the file's order.

    Raises
    ------
    InputError
        If the file is no ZIP file of regions, or is damaged.
    """
    file = Path(path)
    found = []
    with damaged_file_errors(file, remedy="export it again"), zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if not entry.filename.lower().endswith(".roi"):
                continue
            if entry.file_size > _MOST_BYTES:
                raise InputError(
                    f"{file}: the region {entry.filename} is too large ({entry.file_size:,} bytes)"
                )
            roi = ImagejRoi.frombytes(archive.read(entry))
            name = roi.name or Path(entry.filename).stem
            plane = max(roi.position, roi.z_position) - 1
            known = dict(line.split(": ", 1) for line in roi.props.splitlines() if ": " in line)
            found += [
                OutlinedObject(name, ((ring,),), known.get(_CLASS), plane=plane if plane >= 0 else None)
                for ring in _decoded(roi)
            ]
    return found


def _encoded(ring: Ring, name: str, plane: int | None, known: tuple[int, str] | None) -> bytes:
    corners = np.rint(ring[:, ::-1] + 0.5).astype(np.int32)
    roi = ImagejRoi()
    roi.roitype = ROI_TYPE.TRACED
    roi.options = ROI_OPTIONS.OVERLAY_LABELS
    roi.name = name
    roi.position = (
        0 if plane is None else plane + 1
    )  # of the stack, which ImageJ also takes for Z of a hyperstack
    if known is not None:
        roi.stroke_color = bytes((255, *class_colour(known[0])))
        roi.group = known[0] + 1 if known[0] < _GROUPS else 0
        roi.props = f"{_CLASS}: {_BEYOND_16_BITS.sub('?', known[1])}\n"
    roi.left, roi.top = (int(v) for v in corners.min(axis=0))
    roi.right, roi.bottom = (int(v) for v in corners.max(axis=0))
    roi.integer_coordinates = corners - corners.min(axis=0)
    roi.n_coordinates = len(corners)
    if corners.max() > _INTEGER_LIMIT:
        roi.options |= ROI_OPTIONS.SUB_PIXEL_RESOLUTION
        roi.subpixel_coordinates = corners.astype(np.float32)
    return roi.tobytes()


def _decoded(roi: ImagejRoi) -> list[Ring]:
    if roi.roitype not in (ROI_TYPE.POLYGON, ROI_TYPE.FREEHAND, ROI_TYPE.TRACED, ROI_TYPE.RECT):
        return []
    corners = roi.coordinates(multi=True)
    rings = corners if isinstance(corners, list) else [corners]
    # roifile closes the rings of rectangles and composite regions.
    opened = [r[:-1] if len(r) > 1 and np.array_equal(r[0], r[-1]) else r for r in rings]
    return [np.asarray(r, dtype=np.float64)[:, ::-1] - 0.5 for r in opened]
