"""Files: images and masks in; labels, tables and outlines out. One format per file."""

from __future__ import annotations

from .atomic import atomic
from .class_images import write_classes, write_probabilities
from .geojson import read_geojson, write_geojson
from .images import FORMATS, SUFFIXES, open_lazy, read
from .labels import read_labels, write_labels
from .listing import list_images
from .meshes import MESH_SUFFIXES, write_meshes
from .outlined import MOST_OUTLINES, OutlinedObject, count_outlines
from .png import write_picture
from .qupath_names import qupath_measurements
from .rois import read_rois, write_rois
from .table import read_table, write_table

__all__ = [
    "FORMATS",
    "MESH_SUFFIXES",
    "MOST_OUTLINES",
    "SUFFIXES",
    "OutlinedObject",
    "atomic",
    "count_outlines",
    "list_images",
    "open_lazy",
    "qupath_measurements",
    "read",
    "read_geojson",
    "read_labels",
    "read_rois",
    "read_table",
    "write_classes",
    "write_geojson",
    "write_labels",
    "write_meshes",
    "write_picture",
    "write_probabilities",
    "write_rois",
    "write_table",
]
