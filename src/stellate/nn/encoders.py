"""Encoders of segmentation-models-pytorch (MIT), which can begin with weights that were trained on ImageNet."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

from ..errors import ConfigError, suggestion

__all__ = ["check_encoder", "load_encoder_weights", "unet_with_encoder"]

MAX_DEPTH = 5


def check_encoder(name: object, depth: int) -> None:
    """Check that there is an encoder of this name, with so many halvings.

    Raises
    ------
    ConfigError
        If there is none, or segmentation-models-pytorch is not installed.
    """
    if find_spec("segmentation_models_pytorch") is None:
        raise ConfigError(
            f"encoder {name!r}: encoders by name need segmentation-models-pytorch; pip install 'stellate[encoders]'"
        )
    from segmentation_models_pytorch.encoders import get_encoder_names

    known = get_encoder_names()
    if not isinstance(name, str) or (name not in known and not name.startswith("tu-")):
        raise ConfigError(f"encoder {name!r} is not known{suggestion(str(name), known)}")
    if not 1 <= depth <= MAX_DEPTH:
        raise ConfigError(f"depth {depth}: an encoder by name has from 1 to {MAX_DEPTH}")


def unet_with_encoder(name: str, in_channels: int, n_classes: int, *, widths: Sequence[int]) -> nn.Module:
    """A U-Net whose way down is an encoder by name, with weights to begin with by chance.

    Parameters
    ----------
    name
        Of the encoder; ``tu-`` and a name of timm's is one as well.
    in_channels
        Channels of the image.
    n_classes
        Channels of the output.
    widths
        Channels of each level of the way up, the one at full size first.

    Returns
    -------
    nn.Module
        ``(B, in_channels, H, W)`` to ``(B, n_classes, H, W)``; its ``encoder`` is the encoder.

    Raises
    ------
    ConfigError
        If the encoder cannot be made that way.
    """
    import segmentation_models_pytorch as smp

    wanted = torch.get_default_device()
    try:
        # some transformers read numbers from tensors as they are made, which those without content (meta) do not have
        with torch.device("cpu"):
            unet: Any = smp.Unet(
                name,
                encoder_depth=len(widths),
                encoder_weights=None,
                decoder_channels=tuple(reversed(widths)),
                in_channels=in_channels,
                classes=n_classes,
            )
        unet = unet.to(wanted)
        _leave_out_unused(unet, in_channels, 2 ** len(widths))
    except (ValueError, KeyError, RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"encoder {name!r} with {in_channels} channels and depth {len(widths)} cannot be made: {error}"
        ) from error
    made: nn.Module = unet
    return made


def load_encoder_weights(unet: Any, name: str, weights: str, *, in_channels: int) -> None:
    """Let the encoder of a U-Net begin with weights that were trained elsewhere; they are fetched where not at hand.

    The first convolution, made for three colours, is adapted to other numbers of channels by repeating its weights, and
    scaling them so that its output keeps its range.

    Parameters
    ----------
    unet
        From `unet_with_encoder`; changed. None if the network has no such encoder.
    name
        Of the encoder.
    weights
        Name of the weights, such as ``imagenet``.
    in_channels
        Channels of the image.

    Raises
    ------
    ConfigError
        If there is no such encoder, it has no such weights, or they cannot be fetched.
    """
    if unet is None:
        raise ConfigError(
            f"weights {weights!r}: only an encoder by name has any; choose one, such as resnet34"
        )
    from segmentation_models_pytorch.encoders import get_encoder

    depth = len(unet.decoder.blocks)
    try:
        trained = get_encoder(name, in_channels=in_channels, depth=depth, weights=weights)
    except KeyError as error:
        raise ConfigError(f"encoder {name!r} has no weights {weights!r}: {error}") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"weights {weights!r} of encoder {name!r} cannot be fetched ({error}); try again with a connection to the "
            "internet, or begin without them (weights none)"
        ) from error
    own = unet.encoder.state_dict()
    unet.encoder.load_state_dict({key: value for key, value in trained.state_dict().items() if key in own})


def _leave_out_unused(unet: nn.Module, in_channels: int, stride: int) -> None:
    """Replace the stages of an encoder that lie below the depth asked for; most of its weights are theirs."""
    dry = deepcopy(unet).to("meta").eval()
    used: set[str] = set()
    for name, module in dry.named_modules():
        module.register_forward_pre_hook(lambda *_, name=name: used.add(name))
    with torch.inference_mode():
        dry(torch.zeros((1, in_channels, 2 * stride, 2 * stride), device="meta"))
    for name, module in list(unet.named_modules()):
        inside = [f"{name}.{below}" if below else name for below, _ in module.named_modules()]
        has_weights = any(True for _ in module.parameters())
        if has_weights and used.isdisjoint(inside):
            parent, _, child = name.rpartition(".")
            setattr(unet.get_submodule(parent), child, nn.Identity())
