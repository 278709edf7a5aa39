"""``stellate convert``: a StarDist model folder becomes one file."""

from __future__ import annotations

from pathlib import Path

from .console import say

__all__ = ["convert"]


def convert(folder: Path, output: Path, /) -> int:
    """Turn a StarDist model folder, 2D or 3D (config.json, weights .h5) into one stellate file, without TensorFlow.

    Parameters
    ----------
    folder
        The StarDist folder.
    output
        The .safetensors file to write.
    """
    from .. import api

    say(f"wrote {api.convert(folder, output)}")
    return 0
