"""Transfer learning: a backbone takes the weights of one that was trained on other images, as far as they fit.

Weights come from a model file of stellate, of any task; from a state dict, as ``.safetensors`` or as a checkpoint of
PyTorch, of which tensors alone are read; or from the library of the backbone, which trained them on ImageNet. They are
matched by name and shape. What stands before the names (``module.``, ``encoder.``, ...) is found out.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ConfigError, ModelFileError
from ..nn.first_conv import adapted
from .file import METADATA_KEY, read_info
from .safetensors_header import read_header

__all__ = ["Taken", "Weights", "read_weights", "take_weights"]

_WRAPPERS = ("state_dict", "model_state_dict", "model", "network", "weights", "params")
"""Keys under which programs keep the state dict in a checkpoint."""

_UNREADABLE = (
    OSError, RuntimeError, ValueError, EOFError, LookupError, TypeError, AttributeError, UnpicklingError, struct.error,
)  # fmt: skip
"""What torch raises of files that are no checkpoints: it goes through them as a program, until something is missing."""

_RENAMED = (
    (re.compile(r"(\bdenselayer\d+\.(?:norm|conv))\.([12]\.)"), r"\1\2"),
    (re.compile(r"\.mlp\.linear_1\."), ".mlp.0."),
    (re.compile(r"\.mlp\.linear_2\."), ".mlp.3."),
)
"""What layers of DenseNet and of vision transformers were called once, and still are in the files that torchvision
offers; and what they are called now."""

_NAMED = 4


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights to begin with.

    Attributes
    ----------
    source
        Where they come from, in words.
    tensors
        By name.
    normalization
        How images were normalised for them, as `Normalization.to_dict` gives it; None where that is not known.
    """

    source: str
    tensors: Mapping[str, Tensor]
    normalization: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Taken:
    """What a backbone took.

    Attributes
    ----------
    taken, wanted
        How many tensors it took, and how many it has.
    adapted
        Those that were changed to fit: a first convolution for another number of channels.
    misfits
        Those of another shape, each with both shapes.
    missing
        Those that the weights lack.
    """

    taken: int
    wanted: int
    adapted: tuple[str, ...] = ()
    misfits: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        """What was taken and what not, in a line."""
        parts = [f"{self.taken} of the backbone's {self.wanted} tensors taken"]
        parts += [f"{name} adapted to the channels" for name in self.adapted]
        for what, names in (("of another shape", self.misfits), ("not in the weights", self.missing)):
            if names:
                more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
                parts.append(f"{what}: {', '.join(names[:_NAMED])}{more}")
        return "; ".join(parts)


def read_weights(path: str | Path) -> Weights:
    """Read the weights of a file.

    Parameters
    ----------
    path
        A model file of stellate; ``.safetensors`` with a state dict; or a checkpoint of PyTorch (``.pt``, ``.pth``,
        ``.ckpt``, ``.bin``). Nothing but tensors is ever unpickled.

    Raises
    ------
    ModelFileError
        If there is no such file, or it holds no weights that can be read.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelFileError(
            f"{path}: there is no such file; weights are imagenet, none, a model, or a file with a state dict"
        )
    if path.suffix.lower() == ".safetensors":
        return _of_safetensors(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelFileError(
            f"{path}: no weights can be read from it ({reason}); save the state dict alone: "
            "torch.save(model.state_dict(), file)"
        ) from error
    tensors = _state_dict(content)
    if not tensors:
        raise ModelFileError(f"{path}: holds no weights by name; save the state dict of the network")
    return Weights(path.name, tensors)


def take_weights(network: nn.Module, weights: Weights) -> Taken:
    """Let the backbone of a network begin with these weights, as far as they fit.

    Parameters
    ----------
    network
        With a ``backbone``; changed.
    weights
        What it begins with.

    Raises
    ------
    ConfigError
        If none fits.
    """
    backbone: Any = network.backbone
    own: dict[str, Tensor] = backbone.net.state_dict()
    tensors = {_renamed(name): tensor for name, tensor in weights.tensors.items()}
    prefix = _prefix(own, tensors)
    first = next(name for name, tensor in own.items() if tensor.ndim == 4)
    chosen: dict[str, Tensor] = {}
    changed, misfits, missing = [], [], []
    for name, tensor in own.items():
        given = tensors.get(prefix + name)
        if given is None:
            if not name.endswith("num_batches_tracked"):
                missing.append(name)
        elif given.shape == tensor.shape:
            chosen[name] = given
        elif name == first and given.shape[:1] + given.shape[2:] == tensor.shape[:1] + tensor.shape[2:]:
            chosen[name] = adapted(given.float(), tensor.shape[1])
            changed.append(name)
        else:
            misfits.append(f"{name} ({_sides(given)}, here {_sides(tensor)})")
    taken = Taken(len(chosen), len(own), tuple(changed), tuple(misfits), tuple(missing))
    if not any(tensor.ndim > 1 for tensor in chosen.values()):
        raise ConfigError(
            f"weights {weights.source}: nothing of them fits the backbone {backbone.name} ({taken}); take weights of "
            "the same network, or choose the backbone that they are of"
        )
    if bad := [name for name, tensor in chosen.items() if not tensor.isfinite().all()]:
        raise ConfigError(
            f"weights {weights.source}: {bad[0]} has values that are not finite; they are of no use"
        )
    backbone.net.load_state_dict({**own, **chosen})
    return taken


def _of_safetensors(path: Path) -> Weights:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    header = read_header(path)
    normalization = None
    if METADATA_KEY in header.get("__metadata__", {}):
        normalization = read_info(path).normalization
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelFileError(f"{path}: its weights cannot be read ({error}); fetch the file again") from error
    return Weights(path.name, tensors, normalization)


def _state_dict(content: Any) -> dict[str, Tensor]:
    """The tensors by name of what a checkpoint holds; none if there are none."""
    if not isinstance(content, Mapping):
        return {}
    for key in _WRAPPERS:
        if isinstance(content.get(key), Mapping) and (inner := _state_dict(content[key])):
            return inner
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}


def _renamed(name: str) -> str:
    for before, now in _RENAMED:
        name = before.sub(now, name)
    return name


def _prefix(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """What stands before the names of the weights; the one by which most of them fit."""
    fitting: Counter[str] = Counter()
    by_ending: dict[str, list[str]] = {}
    for name in given:
        by_ending.setdefault(name.rpartition(".")[2], []).append(name)
    for name, tensor in own.items():
        for other in by_ending.get(name.rpartition(".")[2], ()):
            before = other.removesuffix(name)
            if (other == name or (before != other and before.endswith("."))) and given[
                other
            ].shape == tensor.shape:
                fitting[before] += 1
    return fitting.most_common(1)[0][0] if fitting else ""


def _sides(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a number"
