"""The files of the classes of pixels of a prediction."""

from __future__ import annotations

from .. import io
from .draft import Draft
from .object_files import write_objects

__all__ = ["write_classes"]


def write_classes(draft: Draft) -> None:
    """Write class ids and areas; where asked for, probabilities, and the pieces of classes as objects."""
    prediction = draft.prediction
    masks, axes, spacing = prediction.masks, draft.axes, draft.spacing_um
    io.write_classes(draft.path("classes", "classes.tif"), masks, axes=axes, spacing_um=spacing)
    table = prediction.area_table()
    io.write_table(draft.path("areas", "areas.csv"), table)
    shares = table.groupby("class", sort=False)["share"].mean()
    draft.shares = {str(name): round(float(share), 9) for name, share in shares.items()}
    if all(mask.probabilities is not None for mask in masks):
        path = draft.path("probabilities", "probabilities.tif")
        io.write_probabilities(path, masks, axes=axes, spacing_um=spacing)
    if prediction.pieces:
        write_objects(draft)
