"""GeoJSON as QuPath reads and writes it: a feature for each object.

QuPath counts from the upper left corner of the first pixel, with x to the right: x = col + 0.5, y = row +
0.5. An outline along pixel edges thus has whole numbers.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..results import Instances
from .atomic import atomic
from .class_colours import class_colour, class_of
from .content import damaged_file_errors
from .outlined import OutlinedObject, outlines_by_plane
from .qupath_names import PROBABILITY

__all__ = ["read_geojson", "write_geojson"]

Ring = npt.NDArray[np.float64]


def write_geojson(
    path: str | os.PathLike[str],
    instances: Instances,
    *,
    measurements: Mapping[str, npt.ArrayLike] | None = None,
) -> None:
    """Write objects as detections for QuPath, holes and separate pieces included.

    An object of a volume is a detection in each of its planes, with the same name and measurements.

    Parameters
    ----------
    path
        The ``.geojson`` file; its folder is made where it is missing.
    instances
        Objects of a 2D image or a volume. A detection is named by its label; scores are written as the measurement
        ``Detection probability``, classes as classifications.
    measurements
        Columns of one number per object, by the names that QuPath is to show (see
        `stellate.io.qupath_names.qupath_measurements`); missing numbers (NaN) are left out.

    Raises
    ------
    InputError
        If the labels have other than 2 or 3 dimensions, a volume has more than `MOST_OUTLINES` outlines, or a
        column has not one number per object.
    OutputError
        If the disk is full or does not permit it.
    """
    columns = _columns(instances, measurements or {})
    with atomic(path) as draft, draft.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        separator = "\n"
        for feature in _features(instances, columns):
            file.write(separator + json.dumps(feature, separators=(",", ":"), allow_nan=False))
            separator = ",\n"
        file.write("\n]}\n")


def read_geojson(path: str | os.PathLike[str]) -> list[OutlinedObject]:
    """Read the polygons of a GeoJSON file in QuPath's coordinates.

    Returns
    -------
    list of OutlinedObject
        One for each feature that is a Polygon or MultiPolygon; points and lines are passed over.

    Raises
    ------
    InputError
        If the file is no GeoJSON, or a polygon in it is malformed.
    """
    file = Path(path)
    with damaged_file_errors(file, remedy="export it again"):
        content = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(content, dict) and content.get("type") == "Feature":
            content = [content]
        features = content.get("features") if isinstance(content, dict) else content
        if not isinstance(features, list):
            raise InputError(f"{file}: expected a GeoJSON FeatureCollection, got something else")
        return [_object(f) for f in features if f["geometry"]["type"] in ("Polygon", "MultiPolygon")]


def _columns(instances: Instances, given: Mapping[str, npt.ArrayLike]) -> dict[str, list[float]]:
    columns = {name: np.asarray(values, dtype=np.float64) for name, values in given.items()}
    if instances.scores is not None:
        columns.setdefault(PROBABILITY, np.asarray(instances.scores, dtype=np.float64))
    for name, values in columns.items():
        if values.shape != (len(instances),):
            raise InputError(f"measurement {name!r} has shape {values.shape} for {len(instances)} objects")
    return {name: values.tolist() for name, values in columns.items()}


def _features(instances: Instances, columns: Mapping[str, list[float]]) -> Iterator[dict[str, Any]]:
    for plane, k, pieces in outlines_by_plane(instances, "QuPath"):
        parts = [[_closed(ring) for ring in piece] for piece in pieces]
        single = len(parts) == 1
        properties: dict[str, Any] = {"objectType": "detection", "name": str(k + 1)}
        if known := class_of(instances, k):
            properties["classification"] = {"name": known[1], "color": list(class_colour(known[0]))}
        properties["measurements"] = {
            name: float(f"{values[k]:.9g}") for name, values in columns.items() if math.isfinite(values[k])
        }
        geometry: dict[str, Any] = {
            "type": "Polygon" if single else "MultiPolygon",
            "coordinates": parts[0] if single else parts,
        }
        if plane is not None:
            geometry["plane"] = {
                "c": -1,
                "z": plane,
                "t": 0,
            }  # of every channel; an addition of QuPath's to GeoJSON
        yield {"type": "Feature", "geometry": geometry, "properties": properties}


def _closed(ring: Ring) -> list[list[int]]:
    # RFC 7946 wants outer rings counterclockwise, seen with y upwards, as it is in its world of maps; ours
    # turn the same way in numbers (x, y), since they run clockwise with y downwards.
    corners: list[list[int]] = np.rint(ring[:, ::-1] + 0.5).astype(np.int64).tolist()
    return [*corners, corners[0]]


def _object(feature: Mapping[str, Any]) -> OutlinedObject:
    geometry = feature["geometry"]
    parts = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    properties = feature.get("properties") or {}
    classification = properties.get("classification") or {}
    numbers = properties.get("measurements") or {}
    if isinstance(numbers, list):  # QuPath before 0.4
        numbers = {entry["name"]: entry["value"] for entry in numbers}
    return OutlinedObject(
        name=str(properties.get("name", "")),
        pieces=tuple(tuple(_ring(ring) for ring in part) for part in parts),
        class_name=classification.get("name"),
        measurements={str(name): float(value) for name, value in numbers.items()},
        plane=int(geometry["plane"]["z"]) if "plane" in geometry else None,
    )


def _ring(coordinates: Any) -> Ring:
    corners = np.asarray(coordinates, dtype=np.float64)
    if corners.ndim != 2 or corners.shape[1] < 2 or len(corners) < 4 or not np.isfinite(corners).all():
        raise ValueError(
            f"a polygon has a malformed ring of shape {corners.shape}, not 4 or more points (x, y)"
        )
    return corners[:-1, 1::-1] - 0.5
