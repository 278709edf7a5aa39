"""From a model's name or path to a predictor."""

from __future__ import annotations

from pathlib import Path

from ..models.file import load_model
from ..models.stardist_folder import read_stardist_folder
from .predictor import Predictor
from .shipped import find_model

__all__ = ["load_predictor"]


def load_predictor(model: str | Path) -> Predictor:
    """Read a model and make it ready.

    Raises
    ------
    ModelFileError
        If there is no such model, or it cannot be read.
    """
    path = find_model(model)
    network, info = read_stardist_folder(path) if path.is_dir() else load_model(path)
    return Predictor(network, info)
