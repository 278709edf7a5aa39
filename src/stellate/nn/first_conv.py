"""The first convolution of a network, for images of another number of channels than it was made for."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["adapted", "with_channels"]


def adapted(weight: Tensor, in_channels: int) -> Tensor:
    """Weights of a first convolution for another number of channels.

    To channels that are all alike (a grey picture as three colours, or as one channel) it responds as before; each
    channel weighs the same.

    Parameters
    ----------
    weight
        ``(F, C, h, w)``.
    in_channels
        Channels of the images.

    Returns
    -------
    Tensor
        ``(F, in_channels, h, w)``.
    """
    if weight.shape[1] == in_channels:
        return weight
    shared = weight.sum(dim=1, keepdim=True) / in_channels
    return shared.expand(-1, in_channels, -1, -1).clone()


def with_channels(net: nn.Module, in_channels: int) -> None:
    """Replace the first convolution of a network by one for so many channels, with its weights `adapted`."""
    name, first = next((n, m) for n, m in net.named_modules() if isinstance(m, nn.Conv2d))
    if first.in_channels == in_channels:
        return
    made = nn.Conv2d(
        in_channels,
        first.out_channels,
        first.kernel_size,  # type: ignore[arg-type]
        first.stride,  # type: ignore[arg-type]
        first.padding,  # type: ignore[arg-type]
        bias=first.bias is not None,
    )
    made.weight.data = adapted(first.weight.data, in_channels)
    if first.bias is not None and made.bias is not None:
        made.bias.data = first.bias.data.clone()
    parent, _, child = name.rpartition(".")
    setattr(net.get_submodule(parent), child, made)
