"""MnasNet whose weights can come from a file that holds tensors alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn
from torchvision.models import MNASNet

__all__ = ["read_without_version"]


class _Versioned(MNASNet):
    """Takes weights that do not say of which version they are, as in model files, for those of the present one."""

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: Mapping[str, Any], *how: Any
    ) -> None:
        super()._load_from_state_dict(state_dict, prefix, {"version": self._version, **local_metadata}, *how)


def read_without_version(net: nn.Module) -> None:
    """Let a MnasNet of torchvision, which refuses weights without a version, take such; others stay as they are."""
    if type(net) is MNASNet:
        net.__class__ = _Versioned
