"""Making a trained network fast: batch norms folded, a memory layout and numbers that the hardware likes."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..errors import ConfigError
from .fused import fuse_relus
from .layout import best_layout, in_best_layout
from .memory import keep_freed_memory
from .parts import Part
from .strips import InStrips

__all__ = ["PRECISIONS", "PreparedNetwork", "cpu_has_bfloat16", "prepare_for_inference"]

STRIP_BYTES = {False: 16_000_000, True: 64_000_000}
"""Largest tensor of a strip, of images and of volumes, of which planes are larger than rows."""

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class PreparedNetwork:
    """A network that is ready to predict.

    Attributes
    ----------
    network
        The prepared copy.
    precision
        ``"float32"``, ``"bfloat16"`` or ``"float16"``: what it computes with.
    device
        Where it computes.
    """

    def __init__(self, network: nn.Module, precision: str, device: torch.device) -> None:
        self.network = network
        self.precision = precision
        self.device = device

    def __call__(self, image: Tensor, part: Part | None = None) -> Any:
        """Predict from a batch.

        Parameters
        ----------
        image
            ``(B, C, *spatial)`` float, anywhere.
        part
            Where this image is a tile: what of it is wanted. A network that runs in strips leaves out the rest: what
            it returns there is 0 or wrong. All is wanted if None.

        Returns
        -------
        Any
            What the network returns (a tensor, or mappings and sequences of them), as float32 on the CPU.
        """
        with torch.inference_mode():
            image = image.to(self.device, PRECISIONS[self.precision])
            return _on_cpu(self._for_part(part)(in_best_layout(image)))

    def _for_part(self, part: Part | None) -> nn.Module:
        runner = getattr(self.network, "run_stage", None)
        if part is None or not isinstance(runner, InStrips):
            return self.network
        network: Any = copy.copy(self.network)  # shares the weights; other threads may be using this one
        network.run_stage = replace(runner, part=part)
        return cast("nn.Module", network)

    def __str__(self) -> str:
        """Where and how it computes, in words."""
        return f"{self.precision} on {self.device}"


def prepare_for_inference(
    network: nn.Module, *, precision: str = "float32", device: str | torch.device = "cpu"
) -> PreparedNetwork:
    """Make a copy of a network that predicts fast; the network itself stays as it is.

    Parameters
    ----------
    network
        Trained network, float32.
    precision
        ``"float32"`` gives the same result as the network, apart from rounding. ``"bfloat16"`` (8 bits of
        mantissa) and ``"float16"`` (11 bits) are faster where the hardware has them, and move outlines a little.
    device
        ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``.

    Raises
    ------
    ConfigError
        If the precision is unknown, or the device is missing or would have to emulate that precision.
    """
    device = torch.device(device)
    if precision not in PRECISIONS:
        raise ConfigError(f"precision {precision!r}: expected one of {', '.join(PRECISIONS)}")
    _check_support(precision, device)
    prepared: Any = copy.deepcopy(network).eval().requires_grad_(False)
    _fold_batch_norms(prepared)
    if device.type == "cpu":
        keep_freed_memory()
        fuse_relus(prepared)
        if hasattr(prepared, "run_stage"):
            prepared.run_stage = InStrips(STRIP_BYTES[_has_volumes(prepared)])
    prepared = prepared.to(device, PRECISIONS[precision])
    layout = best_layout(5 if _has_volumes(prepared) else 4, device, PRECISIONS[precision])
    prepared = prepared.to(memory_format=layout)
    return PreparedNetwork(prepared, precision, device)


def _has_volumes(network: nn.Module) -> bool:
    return any(isinstance(m, nn.Conv3d) for m in network.modules())


def _check_support(precision: str, device: torch.device) -> None:
    there: dict[str, bool] = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not there.get(device.type, False):
        raise ConfigError(f"device {str(device)!r} is not there; use 'cpu'")
    if precision == "float32" or device.type == "mps":
        return
    if device.type == "cuda":
        fast = precision == "float16" or torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = precision == "bfloat16" and cpu_has_bfloat16()
    if not fast:
        raise ConfigError(f"{device} has no fast {precision} arithmetic; use precision 'float32'")


def cpu_has_bfloat16() -> bool:
    """Whether convolutions in bfloat16 are faster than in float32 on this processor."""
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _fold_batch_norms(network: nn.Module) -> None:
    """Make each batch norm that follows a convolution part of it."""
    for block in [m for m in network.modules() if isinstance(m, nn.Sequential)]:
        for i in range(len(block) - 1):
            conv, norm = block[i], block[i + 1]
            if isinstance(conv, nn.Conv2d | nn.Conv3d) and isinstance(norm, nn.BatchNorm2d | nn.BatchNorm3d):
                block[i] = fuse_conv_bn_eval(conv, norm)
                block[i + 1] = nn.Identity()


def _on_cpu(output: Any) -> Any:
    """The same structure with float32 tensors on the CPU."""
    if isinstance(output, Tensor):
        output = output.cpu()
        return output.float() if output.is_floating_point() else output
    if isinstance(output, Mapping):
        return {name: _on_cpu(value) for name, value in output.items()}
    if isinstance(output, list | tuple):
        return type(output)(_on_cpu(value) for value in output)
    return output
