"""``stellate convert``: a StarDist model folder becomes one file, a sliding window becomes convolutions."""

from __future__ import annotations

from pathlib import Path

from .console import say

__all__ = ["convert"]


def convert(model: Path, output: Path, /) -> int:
    """Turn a StarDist model folder into one file without TensorFlow, or a sliding window into its convolutional twin.

    The folder, of a model for images or for volumes, holds config.json and weights in .h5. A sliding window that was
    trained with --network.convolutional false becomes the convolutions that give the same.

    Parameters
    ----------
    model
        The StarDist folder; or the run, or model file, of a sliding window.
    output
        The .safetensors file to write.
    """
    from .. import api

    say(f"wrote {api.convert(model, output)}")
    return 0
