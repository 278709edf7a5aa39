"""The networks, in the order in which the field found them. A new one is a file here and a line in `MODELS`.

The files are imported when a network is first asked for, so that listing models costs no import of torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, suggestion

if TYPE_CHECKING:
    from torch import nn

__all__ = ["MODELS", "ModelEntry", "build", "configure", "entry"]


@dataclass(frozen=True)
class ModelEntry:
    """A network that can be trained.

    Attributes
    ----------
    name
        What users call it; also the name of its file in this folder, there with ``_`` for ``-``.
    class_name
        Its class in that file; the config is called the same with ``Config`` at the end.
    task
        Name of the task it is for.
    """

    name: str
    class_name: str
    task: str

    @property
    def config(self) -> type[Any]:
        """Its frozen config dataclass."""
        config: type[Any] = getattr(self._module(), f"{self.class_name}Config")
        return config

    @property
    def network(self) -> Callable[[Any], nn.Module]:
        """Makes the network from a config."""
        network: Callable[[Any], nn.Module] = getattr(self._module(), self.class_name)
        return network

    def _module(self) -> Any:
        return import_module(f".{self.name.replace('-', '_')}", __package__)


MODELS: tuple[ModelEntry, ...] = (
    ModelEntry("classifier", "Classifier", "classification"),
    ModelEntry("sliding-window", "SlidingWindow", "segmentation"),
    ModelEntry("fully-convolutional", "FullyConvolutional", "segmentation"),
    ModelEntry("encoder-decoder", "EncoderDecoder", "segmentation"),
    ModelEntry("segnet", "SegNet", "segmentation"),
    ModelEntry("unet", "UNet", "segmentation"),
    ModelEntry("localizer", "Localizer", "localization"),
    ModelEntry("yolo", "Yolo", "detection"),
    ModelEntry("stardist", "StarDist", "instances"),
)


def entry(name: str) -> ModelEntry:
    """The model called `name`.

    Raises
    ------
    ConfigError
        If there is none; the message names the nearest.
    """
    by_name = {m.name: m for m in MODELS}
    if name not in by_name:
        raise ConfigError(f"no model is called {name!r}{suggestion(name, by_name)}")
    return by_name[name]


def configure(name: str, values: Mapping[str, Any]) -> Any:
    """The config of the network called `name`, from the values of its fields.

    Raises
    ------
    ConfigError
        If a field is unknown or out of range.
    """
    config = entry(name).config
    known = [f.name for f in fields(config)]
    for key in values:
        if key not in known:
            raise ConfigError(f"{name} has no setting {key!r}{suggestion(key, known)}")
    return config(**values)


def build(name: str, config: Mapping[str, Any]) -> nn.Module:
    """Make the network called `name` from the values of its config; see `configure`."""
    return entry(name).network(configure(name, config))
