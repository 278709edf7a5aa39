"""What of a backbone is not trained, and from when on it is: the head first, then more (Howard and Ruder, ACL 2018)."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from torch import nn

from ..errors import ConfigError, suggestion
from ..nn.backbones import stages

__all__ = ["Freezing", "frozen_parameters", "thaw_stages"]


def frozen_parameters(net: nn.Module, what: str) -> list[str]:
    """Names of the parameters of a backbone's network that are not trained.

    Parameters
    ----------
    net
        The network.
    what
        ``none``, ``backbone``, or ``until:LAYER``.

    Raises
    ------
    ConfigError
        If it is something else, or there is no such layer.
    """
    own = [n for _, stage in _stages(net) for n in stage]
    if what in ("none", "backbone"):
        return own if what == "backbone" else []
    word, _, layer = what.partition(":")
    if word != "until" or not layer:
        raise ConfigError(f"freeze {what!r}: expected none, backbone, or until:LAYER, e.g. until:layer4")
    first = next((k for k, name in enumerate(own) if name == layer or name.startswith(f"{layer}.")), None)
    if first is None:
        names = [name for name, _ in _stages(net)]
        hint = suggestion(layer, names) or f"; there are {', '.join(names)}"
        raise ConfigError(f"freeze {what!r}: the backbone has no layer {layer!r} with weights{hint}")
    return own[:first]


def thaw_stages(net: nn.Module, frozen: list[str], count: int) -> list[str]:
    """What of the frozen parameters is still frozen, once so many stages, counted from the last, are trained."""
    with_frozen = [stage for _, stage in _stages(net) if not set(stage).isdisjoint(frozen)]
    kept = with_frozen[: max(0, len(with_frozen) - count)]
    still = {name for stage in kept for name in stage}
    return [name for name in frozen if name in still]


class Freezing(Callback):
    """Keeps parts of a backbone as they are, batch statistics included.

    Parameters
    ----------
    net
        The network of the backbone.
    what
        See `frozen_parameters`.
    unfreeze_every
        Epochs after each of which one more stage is trained; 0 for never.
    """

    def __init__(self, net: nn.Module, what: str, unfreeze_every: int = 0) -> None:
        self._net = net
        self._frozen = frozen_parameters(net, what)
        self._every = unfreeze_every

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Set what is trained in this epoch; validation has set all layers to training again."""
        epoch = trainer.current_epoch
        count = epoch // self._every if self._every else 0
        still = set(thaw_stages(self._net, self._frozen, count))
        for name, parameter in self._net.named_parameters():
            parameter.requires_grad_(name not in still)
        for name, module in self._net.named_modules():
            own = [f"{name}.{key}" if name else key for key, _ in module.named_parameters(recurse=False)]
            if own and still.issuperset(own):
                module.eval()
            elif own:
                module.train()

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave all parameters as they are in any other network."""
        self._net.requires_grad_(True)


def _stages(net: nn.Module) -> list[tuple[str, list[str]]]:
    """Stages in order, each with the names of its parameters; without the small classifiers on the way."""
    found: list[tuple[str, list[str]]] = []
    for name, stage in stages(net):
        if not _is_auxiliary(name):
            inner: Any = stage.named_parameters()
            found.append((name, [f"{name}.{key}" for key, _ in inner]))
    return found


def _is_auxiliary(name: str) -> bool:
    return name.lower().startswith("aux")
