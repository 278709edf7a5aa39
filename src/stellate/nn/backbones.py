"""Networks that were made to classify photographs, as the backbone of others: those of torchvision, and of timm.

A backbone gives either *features*, one vector for an image, which is what its last layer was given (`Backbone`); or a
*map* of them, from before they were pooled, which still knows where things are (`FeatureMap`). Both keep the network
as it is, under the names that it has in its library, so that weights which were trained there fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from torchvision import models as torchvision_models

from ..errors import ConfigError, suggestion
from .first_conv import with_channels
from .mnasnet import read_without_version

__all__ = ["AUXILIARY", "Backbone", "FeatureMap", "backbone_names", "check_backbone", "library_of", "stages"]

AUXILIARY = {"googlenet": ("aux1", "aux2"), "inception_v3": ("AuxLogits",)}
"""Small classifiers on the way, of the networks that have any; they train with the network, and are not used after."""

_HEADS = (
    "avgpool",
    "flatten",
    "dropout",
    "fc",
    "classifier",
    "head",
    "heads",
    *(a for b in AUXILIARY.values() for a in b),
)
"""Parts of torchvision's networks that come after the last map, or beside it."""


def backbone_names() -> list[str]:
    """Names of the networks of torchvision, and of timm where it is installed."""
    names = torchvision_models.list_models(module=torchvision_models)
    if find_spec("timm") is not None:
        import timm

        names += [name for name in timm.list_models() if name not in names]
    return names


def library_of(name: str) -> str:
    """``"torchvision"`` or ``"timm"``; a name that both have is torchvision's, but for ``timm/NAME``.

    Raises
    ------
    ConfigError
        If neither has it.
    """
    check_backbone(name)
    return "torchvision" if name in torchvision_models.list_models(module=torchvision_models) else "timm"


def check_backbone(name: object) -> None:
    """Check that there is a backbone of this name.

    Raises
    ------
    ConfigError
        If there is none; the message names the nearest.
    """
    known = backbone_names()
    if isinstance(name, str) and (name in known or name.removeprefix("timm/") in known):
        return
    more = "" if find_spec("timm") is not None else "; those of timm need pip install 'stellate[encoders]'"
    raise ConfigError(f"backbone {name!r} is not known{suggestion(str(name), known)}{more}")


class _Network(nn.Module):
    """A network of a library, without its last layer."""

    def __init__(self, name: str, in_channels: int, input_size: tuple[int, ...], n_auxiliary: int) -> None:
        super().__init__()
        self.name = name
        self.library = library_of(name)
        make = _of_timm if self.library == "timm" else _of_torchvision
        wanted = torch.get_default_device()
        try:
            try:
                self.net = make(name, in_channels, input_size, n_auxiliary)
            except (NotImplementedError, RuntimeError):
                # some read numbers from tensors as they are made, which those without content (meta) do not have
                with torch.device("cpu"):
                    self.net = make(name, in_channels, input_size, n_auxiliary).to(wanted)
        except (ValueError, TypeError, RuntimeError, AssertionError) as error:
            raise ConfigError(
                f"backbone {name} for {in_channels} channels of {_text(input_size)} pixels cannot be made: "
                f"{_first_line(error)}"
            ) from error

    def _trains(self, in_channels: int, input_size: tuple[int, ...]) -> bool:
        """Whether images of this size can be trained on, auxiliary classifiers and all; found without computing."""
        try:
            self._without_content(self.net, torch.zeros((2, in_channels, *input_size), device="meta"))
        except RuntimeError:
            return False
        return True

    def _without_content(self, network: nn.Module, image: Tensor) -> Any:
        state = {**dict(network.named_parameters()), **dict(network.named_buffers())}
        empty = {name: tensor.to("meta") for name, tensor in state.items()}
        with torch.no_grad():
            return functional_call(network, empty, (image,))

    def _size_of(self, network: nn.Module, in_channels: int, input_size: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of what a network makes of an image, found without computing it."""
        image = torch.zeros((1, in_channels, *input_size), device="meta")
        network.eval()
        try:
            made = self._without_content(network, image)
        except (RuntimeError, ValueError, TypeError, AssertionError, IndexError) as error:
            raise ConfigError(
                f"backbone {self.name} cannot be used for images of {_text(input_size)} pixels "
                f"({_first_line(error)}); choose another input_size, or a CNN"
            ) from error
        finally:
            network.train()
        return tuple(made.shape)


class Backbone(_Network):
    """A network that turns an image into a vector of features.

    Parameters
    ----------
    name
        Of torchvision or timm.
    in_channels
        Channels of the images.
    input_size
        Height and width of the images in pixels.
    n_auxiliary
        Classes that the auxiliary classifiers of GoogLeNet and Inception tell apart; 0 to leave these out. Those of
        Inception are made for 299 x 299 pixels, and are left out as well where images are too small for them.

    Attributes
    ----------
    net
        The network.
    n_features
        Length of the vector.
    """

    def __init__(
        self, name: str, in_channels: int, input_size: tuple[int, ...], *, n_auxiliary: int = 0
    ) -> None:
        super().__init__(name, in_channels, input_size, n_auxiliary)
        if n_auxiliary and name in AUXILIARY and not self._trains(in_channels, input_size):
            super().__init__(name, in_channels, input_size, 0)
        self.n_features = self._size_of(self.net, in_channels, input_size)[-1]

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Features of a batch.

        Parameters
        ----------
        image
            ``(B, in_channels, *input_size)``.

        Returns
        -------
        features : Tensor
            ``(B, n_features)``.
        auxiliary : list of Tensor
            Logits ``(B, n_auxiliary)`` of each auxiliary classifier; none but in training.
        """
        made = self.net(image)
        if isinstance(made, tuple):
            features, *auxiliary = made
            return features, [logits for logits in auxiliary if logits is not None]
        return made, []


class FeatureMap(_Network):
    """A network that turns an image into a map of features.

    Parameters
    ----------
    name, in_channels, input_size
        As of `Backbone`; networks that have no such map, transformers among them, cannot be used.

    Attributes
    ----------
    net
        The network, without what comes after the map.
    n_features
        Channels of the map.
    map_size
        Its height and width.
    """

    def __init__(self, name: str, in_channels: int, input_size: tuple[int, ...]) -> None:
        super().__init__(name, in_channels, input_size, 0)
        if self.library == "torchvision":
            for part in _HEADS:
                if hasattr(self.net, part):
                    setattr(self.net, part, nn.Identity())
        shape = self._size_of(self, in_channels, input_size)
        if len(shape) != 4:
            raise ConfigError(
                f"backbone {name} has no map of features that knows where things are; take a CNN"
            )
        self.n_features, self.map_size = shape[1], shape[2:]

    def forward(self, image: Tensor) -> Tensor:
        """The map ``(B, n_features, *map_size)`` of a batch of images ``(B, in_channels, *input_size)``."""
        net: Any = self.net
        if self.library == "timm":
            made: Tensor = net.forward_features(image)
            return made.permute(0, 3, 1, 2) if getattr(net, "output_fmt", "") == "NHWC" else made
        x = image
        for part in (child for name, child in net.named_children() if name not in _HEADS):
            x = part(x)
        # DenseNet leaves its last ReLU to the code that pools; elsewhere the map has been through one, or ends without
        return F.relu(x) if isinstance(net, torchvision_models.DenseNet) else x


def stages(net: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """The parts of a network that have weights, in the order in which an image goes through them.

    A part that holds nearly the whole network, as ``features`` of VGG, counts as what it consists of.
    """
    total = sum(p.numel() for p in net.parameters())
    for name, part in net.named_children():
        size = sum(p.numel() for p in part.parameters())
        if not size:
            continue
        whole = isinstance(part, nn.Sequential | nn.ModuleList) and (size > 0.8 * total or name == "features")
        inner = (
            [(f"{name}.{key}", child) for key, child in part.named_children()] if whole else [(name, part)]
        )
        yield from ((key, child) for key, child in inner if any(True for _ in child.parameters()))


def _of_torchvision(name: str, in_channels: int, input_size: tuple[int, ...], n_auxiliary: int) -> nn.Module:
    settings: dict[str, Any] = {}
    if name in AUXILIARY:
        # the weights were trained elsewhere, on another scale of intensities; that is the model's own affair here
        settings = {"init_weights": False, "aux_logits": bool(n_auxiliary), "transform_input": False}
    if name.startswith("vit_"):
        if input_size[0] != input_size[1]:
            raise ValueError("it takes square images only")
        settings["image_size"] = input_size[0]
    if name.startswith("maxvit"):
        settings["input_size"] = input_size
    net = torchvision_models.get_model(name, weights=None, **settings)
    read_without_version(net)
    for part in AUXILIARY.get(name, ()) if n_auxiliary else ():
        _replace_last(net.get_submodule(part), n_auxiliary)
    _replace_last(net, 0)
    with_channels(net, in_channels)
    return net


def _of_timm(name: str, in_channels: int, input_size: tuple[int, ...], n_auxiliary: int) -> nn.Module:
    import timm

    name = name.removeprefix("timm/")
    settings: dict[str, Any] = {"pretrained": False, "in_chans": in_channels, "num_classes": 0}
    try:
        made: nn.Module = timm.create_model(name, **settings, img_size=tuple(input_size))
    except TypeError:  # those that take images of any size
        made = timm.create_model(name, **settings)
    return made


def _replace_last(net: nn.Module, n_classes: int) -> None:
    """Let the last layer tell so many classes apart; 0 to leave it out."""
    layers = list(net.named_modules())
    # SqueezeNet ends with a convolution, which is pooled
    found: list[tuple[str, Any]] = [(n, m) for n, m in layers if isinstance(m, nn.Linear)]
    name, last = (found or [(n, m) for n, m in layers if isinstance(m, nn.Conv2d)])[-1]
    parent, _, child = name.rpartition(".")
    new = nn.Linear(last.in_features, n_classes) if n_classes else nn.Identity()
    setattr(net.get_submodule(parent), child, new)


def _text(sizes: tuple[int, ...]) -> str:
    return " x ".join(map(str, sizes))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
