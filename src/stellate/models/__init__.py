"""The networks, in the order in which the field found them. A new one is a file here and a line in `MODELS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

from torch import nn

from ..errors import ConfigError
from .stardist import StarDist, StarDistConfig

__all__ = ["MODELS", "ModelEntry", "build", "entry"]


@dataclass(frozen=True)
class ModelEntry:
    """A network that can be trained.

    Attributes
    ----------
    name
        What users call it.
    config
        Its frozen config dataclass.
    network
        Makes the network from a config.
    task
        Name of the task it is for.
    """

    name: str
    config: type[Any]
    network: Callable[[Any], nn.Module]
    task: str


MODELS: tuple[ModelEntry, ...] = (ModelEntry("stardist", StarDistConfig, StarDist, "instances"),)


def entry(name: str) -> ModelEntry:
    """The model called `name`.

    Raises
    ------
    ConfigError
        If there is none; the message names the nearest.
    """
    by_name = {m.name: m for m in MODELS}
    if name not in by_name:
        near = get_close_matches(name, by_name, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ConfigError(f"no model is called {name!r}{hint} There are: {', '.join(by_name)}")
    return by_name[name]


def build(name: str, config: Mapping[str, Any]) -> nn.Module:
    """Make the network called `name` from the fields of its config.

    Raises
    ------
    ConfigError
        If a field is unknown or out of range.
    """
    model = entry(name)
    known = [f.name for f in fields(model.config)]
    for key in config:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"{name} has no setting {key!r}{hint}")
    return model.network(model.config(**config))
