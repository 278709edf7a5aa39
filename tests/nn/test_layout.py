"""Where tensors lie does not change what convolutions give, and each device gets the layout it is fastest with."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from stellate.nn.inference import prepare_for_inference
from stellate.nn.layout import best_layout


@pytest.mark.parametrize(
    ("conv", "shape", "layout"),
    [
        (nn.Conv2d(3, 5, 3), (1, 3, 8, 9), torch.channels_last),
        (nn.Conv3d(3, 5, 3), (1, 3, 6, 8, 9), torch.contiguous_format),
    ],
)
def test_networks_on_a_cpu(conv: nn.Module, shape: tuple[int, ...], layout: torch.memory_format) -> None:
    image = torch.randn(shape)
    prepared = prepare_for_inference(conv)
    assert prepared.network.weight.is_contiguous(memory_format=layout)
    with torch.inference_mode():
        torch.testing.assert_close(prepared(image), conv(image), atol=1e-5, rtol=1e-5)


def test_gpus_like_channels_last() -> None:
    assert best_layout(4, torch.device("cuda")) == torch.channels_last
    assert best_layout(5, torch.device("cuda")) == torch.channels_last_3d
    assert best_layout(2, torch.device("cuda")) == torch.contiguous_format
