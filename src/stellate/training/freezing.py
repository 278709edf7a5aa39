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
    names = [name for name, _ in _stages(net)]
    if first is None:
        hint = suggestion(layer, names) or f"; there are {', '.join(names)}"
        raise ConfigError(f"freeze {what!r}: the backbone has no layer {layer!r} with weights{hint}")
    if first == 0:
        raise ConfigError(
            f"freeze {what!r}: nothing comes before {layer}; name a later layer ({', '.join(names[1:])}), or none"
        )
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

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Say what is not trained before several devices agree on whose gradients they wait for."""
        self._train_all_but(set(self._frozen))

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Set what is trained in this epoch; validation has set all layers to training again."""
        epoch = trainer.current_epoch
        count = epoch // self._every if self._every else 0
        still = set(thaw_stages(self._net, self._frozen, count))
        self._train_all_but(still)
        _set_modes(self._net, "", still)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leave all parameters as they are in any other network."""
        self._net.requires_grad_(True)

    def _train_all_but(self, still: set[str]) -> None:
        for name, parameter in self._net.named_parameters():
            parameter.requires_grad_(name not in still)


def _set_modes(module: nn.Module, prefix: str, still: set[str]) -> None:
    """Let what is frozen as a whole run as in use, with its dropout and statistics, and the rest as in training."""
    own = {f"{prefix}{name}" for name, _ in module.named_parameters()}
    frozen = bool(own) and still >= own
    if own:
        module.train(not frozen)
    if own and not frozen:
        for name, child in module.named_children():
            _set_modes(child, f"{prefix}{name}.", still)


def _stages(net: nn.Module) -> list[tuple[str, list[str]]]:
    """Stages in order, each with the names of its parameters; without the small classifiers on the way.

    Parameters that are in no layer, as the tokens and positions of transformers, are added to the image as the first
    layer sees it, and belong to that.
    """
    found: list[tuple[str, list[str]]] = []
    for name, stage in stages(net):
        if not _is_auxiliary(name):
            inner: Any = stage.named_parameters()
            found.append((name, [f"{name}.{key}" for key, _ in inner]))
    alone = [name for name, _ in net.named_parameters(recurse=False)]
    if found and alone:
        found[0] = (found[0][0], [*found[0][1], *alone])
    return found


def _is_auxiliary(name: str) -> bool:
    return name.lower().startswith("aux")
