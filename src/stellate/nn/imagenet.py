"""Weights that the library of a backbone trained on ImageNet; fetched once, kept, and checked by their hash."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision import models as torchvision_models

from ..errors import ConfigError
from .backbones import AUXILIARY, library_of

__all__ = ["fetch_imagenet", "scale_of_imagenet"]

Scale = tuple[tuple[float, ...], tuple[float, ...]]

PHOTOGRAPHS: Scale = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and deviation of red, green and blue of the photographs, in 0..1."""
HALVES: Scale = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""Of GoogLeNet and Inception, which torchvision has from TensorFlow; there the network changes from the one to the
other itself, which is left out here."""

_SECONDS = 20.0


def scale_of_imagenet(backbone: str, in_channels: int = 3) -> Scale:
    """Mean and deviation of the channels, in 0..1, that become 0 and 1 for the weights of a backbone.

    Of images that have not three channels all have the mean of those three.
    """
    if library_of(backbone) == "timm":
        import timm

        known = timm.get_pretrained_cfg(backbone.removeprefix("timm/"))
        scale: Scale = (tuple(known.mean), tuple(known.std)) if known else PHOTOGRAPHS
    else:
        scale = HALVES if backbone in AUXILIARY else _stated(backbone)
    if in_channels == 3 and len(scale[0]) == 3:
        return scale
    mean, std = (sum(values) / len(values) for values in scale)
    return (mean,) * in_channels, (std,) * in_channels


def fetch_imagenet(backbone: str) -> dict[str, Tensor]:
    """The weights of a backbone, from the cache of its library or else from the internet.

    Raises
    ------
    ConfigError
        If there are none, they cannot be fetched, or what was fetched is not what was published.
    """
    try:
        with _patience(_SECONDS):
            return _of_timm(backbone) if library_of(backbone) == "timm" else _of_torchvision(backbone)
    except (OSError, HTTPException, RuntimeError, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(
            f"weights imagenet of {backbone} cannot be fetched ({reason}); try again with a connection to the "
            f"internet, put the file into {Path(torch.hub.get_dir()) / 'checkpoints'} by hand, name a file with "
            "weights, or begin without (weights none)"
        ) from error


def _stated(backbone: str) -> Scale:
    """What torchvision says of its own weights; no two networks need be alike."""
    transforms: Any = torchvision_models.get_model_weights(backbone).DEFAULT.transforms()  # type: ignore[attr-defined]
    return tuple(transforms.mean), tuple(transforms.std)


def _of_torchvision(backbone: str) -> dict[str, Tensor]:
    weights: Any = torchvision_models.get_model_weights(backbone).DEFAULT  # type: ignore[attr-defined]
    state: dict[str, Tensor] = weights.get_state_dict(progress=False, check_hash=True)
    return state


def _of_timm(backbone: str) -> dict[str, Tensor]:
    import timm

    # with the channels and classes that it was trained for; what does not fit is seen to where the weights are taken
    state: dict[str, Tensor] = timm.create_model(backbone.removeprefix("timm/"), pretrained=True).state_dict()
    return state


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """Give up connections that do not answer, for which torch sets no limit."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
