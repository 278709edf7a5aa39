"""From a sliding window to the convolutions that give the same."""

from __future__ import annotations

from dataclasses import asdict, replace

from torch import nn

from ..errors import ModelFileError
from .file import ModelInfo
from .sliding_window import SlidingWindow

__all__ = ["as_convolutions"]


def as_convolutions(network: nn.Module, info: ModelInfo) -> tuple[SlidingWindow, ModelInfo]:
    """A patch classifier as a fully convolutional network with its weights; see `SlidingWindow.to_convolutional`.

    Raises
    ------
    ModelFileError
        If the network is no sliding window, or its convolutions already.
    """
    if not isinstance(network, SlidingWindow):
        raise ModelFileError(
            f"{info.name}: a {info.model} in stellate's own form; there is nothing to convert it to"
        )
    if network.config.convolutional:
        raise ModelFileError(f"{info.name}: runs as convolutions over the image already; use it as it is")
    twin = network.to_convolutional()
    return twin, replace(info, config=asdict(twin.config))
