"""Where in an image a network looked to tell its class: Grad-CAM (Selvaraju et al., ICCV 2017).

Of the last map of features that is fine enough, each channel is weighed by how much the score of the class that was
found would grow with it, on average over the map; where their sum is above 0, the image speaks for that class.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import SwinTransformer

from ..data.fitting import Fit
from ..errors import ConfigError

__all__ = ["LARGEST_MAP", "class_activation", "on_image"]

FEWEST_PLACES = 5
"""Least side of the map that is taken: where the last one is coarser than that, an earlier one tells more of places."""

LARGEST_MAP = 2048
"""Longest side of what is given for an image; the map itself has a few dozen pixels."""


def class_activation(network: nn.Module, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """How much each place of an image speaks for the class that is found.

    Parameters
    ----------
    network
        In evaluation mode; gives ``classes``.
    pixels
        ``(C, H, W)`` float32, as the network takes it.

    Returns
    -------
    ndarray
        ``(H, W)`` float32 from 0 to 1; all 0 where nothing speaks for it.

    Raises
    ------
    ConfigError
        If the network has no map of features, as transformers have none.
    """
    device = next(network.parameters()).device
    batch = torch.from_numpy(np.ascontiguousarray(pixels))[None].to(device)
    last = _last_map(network, batch)
    held: list[Tensor] = []

    def hold(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        held.append(output if output.requires_grad else output.requires_grad_())
        return output.clone()  # what follows may change its input in place

    hook = last.register_forward_hook(hold)
    try:
        with torch.enable_grad():
            logits = network(batch)["classes"][0]
            (slope,) = torch.autograd.grad(logits[logits.argmax()], held[-1])
    finally:
        hook.remove()
    features, slope = (_channels_first(network, last, x.detach().float()) for x in (held[-1], slope))
    heat = (slope.mean(dim=(2, 3), keepdim=True) * features).sum(dim=1, keepdim=True).relu()
    large = F.interpolate(heat, size=batch.shape[2:], mode="bilinear", align_corners=False)[0, 0]
    found: npt.NDArray[np.float32] = (
        (large / large.max().clamp_min(torch.finfo(large.dtype).tiny)).cpu().numpy()
    )
    return found


def on_image(heat: npt.NDArray[np.float32], fit: Fit) -> npt.NDArray[np.float32]:
    """The map of an image that was brought to the network's size, on the image as it was.

    Returns
    -------
    ndarray
        In the proportions of the image, float32; as large as it, but of a larger one than `LARGEST_MAP` that large.
    """
    rows, columns = fit.inner
    inner = torch.from_numpy(heat[:rows, :columns].copy())[None, None]
    factor = min(1.0, LARGEST_MAP / max(fit.shape))
    size = [max(1, round(n * factor)) for n in fit.shape]
    return F.interpolate(inner, size=size, mode="bilinear", align_corners=False)[0, 0].numpy()


def _last_map(network: nn.Module, batch: Tensor) -> nn.Module:
    """The layer that gives the last map of features that is fine enough."""
    seen: list[tuple[nn.Module, tuple[int, ...]]] = []

    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            seen.append((module, tuple(output.shape)))

    inner: Any = network.backbone
    hooks = [module.register_forward_hook(note) for module in inner.modules() if module is not inner]
    try:
        with torch.no_grad():
            network(batch)
    finally:
        for hook in hooks:
            hook.remove()
    maps = [k for k, (module, shape) in enumerate(seen) if min(_places(network, module, shape)) > 1]
    after = seen[maps[-1] + 1 :] if maps else []
    if not maps or any(len(shape) == 3 for _, shape in after):
        raise ConfigError(
            f"explain: the backbone {network.config.backbone} has no map of features; take a CNN"  # type: ignore[union-attr]
        )
    fine = [k for k in maps if min(_places(network, *seen[k])) >= FEWEST_PLACES]
    return seen[(fine or maps)[-1]][0]


def _places(network: nn.Module, module: nn.Module, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Height and width of a map of features that a layer gives; 0 if it gives none."""
    if len(shape) != 4:
        return (0, 0)
    return shape[1:3] if _channels_last(network, module) else shape[2:]


def _channels_first(network: nn.Module, module: nn.Module, x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2) if _channels_last(network, module) else x


def _channels_last(network: nn.Module, module: nn.Module) -> bool:
    """Whether the channels of what a layer gives come last, as in the networks of timm that say so, and in Swin."""
    net: Any = network.backbone.net  # type: ignore[union-attr]
    if isinstance(net, SwinTransformer):
        return any(module is inner for part in (net.features, net.norm) for inner in part.modules())
    return getattr(net, "output_fmt", "") == "NHWC"
