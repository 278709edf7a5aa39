"""The files of the objects of a prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import io
from .draft import Draft
from .surfaces import MOST_AS_TEXT, surfaces_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["write_objects"]


def write_objects(draft: Draft) -> None:
    """Write labels, measurements, outlines, and of volumes meshes."""
    prediction = draft.prediction
    images = [instances.labels for instances in prediction.instances]
    io.write_labels(
        draft.path("labels", "labels.tif"),
        images if prediction.along else images[0],
        spacing_um=draft.spacing_um,
        axes=draft.axes,
    )
    table = prediction.object_table()
    io.write_table(draft.path("objects", "objects.csv"), table)
    draft.n_objects = len(table)
    measured = 0
    for k, instances in enumerate(prediction.instances):
        rows = slice(measured, measured + len(instances))
        if prediction.volumetric:
            _write_meshes(draft, k)
        _write_outlines(draft, k, table[rows])
        measured = rows.stop


def _write_meshes(draft: Draft, k: int) -> None:
    instances = draft.prediction.instances[k]
    surfaces = surfaces_of(instances, draft.prediction.rays)
    if surfaces is None:
        return
    spacing = draft.prediction.frames[k].spacing_um
    for suffix in io.MESH_SUFFIXES:
        if suffix == ".obj" and len(surfaces) > MOST_AS_TEXT:
            draft.note(f"no OBJ file for more than {MOST_AS_TEXT:,} objects; the others hold the same")
            continue
        surfaces.write(draft.path(suffix[1:], f"meshes{suffix}", frame=k), spacing)
    if len(surfaces) < len(instances):
        count = len(instances) - len(surfaces)
        draft.note(f"{count} of {len(instances)} objects without a mesh, as they have no proper distances")


def _write_outlines(draft: Draft, k: int, table: pd.DataFrame) -> None:
    instances = draft.prediction.instances[k]
    count = io.count_outlines(instances) if draft.prediction.volumetric else 0
    if count > io.MOST_OUTLINES:
        draft.note(
            f"no outlines for ImageJ and QuPath: {count:,}, one for each plane of an object, are more than the "
            f"{io.MOST_OUTLINES:,} that they can open"
        )
        return
    io.write_rois(draft.path("rois", "rois.zip", frame=k), instances)
    columns = {str(column): values.to_numpy() for column, values in table.items()}
    path = draft.path("geojson", "objects.geojson", frame=k)
    io.write_geojson(path, instances, measurements=io.qupath_measurements(columns))
