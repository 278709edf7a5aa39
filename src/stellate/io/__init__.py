"""Files: images and masks in; labels, tables and outlines out. One format per file."""

from __future__ import annotations

from .atomic import atomic
from .images import FORMATS, SUFFIXES, open_lazy, read
from .labels import read_labels, write_labels

__all__ = ["FORMATS", "SUFFIXES", "atomic", "open_lazy", "read", "read_labels", "write_labels"]
