"""Where tensors lie does not change what convolutions give, and each device gets the layout it is fastest with."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from stellate.nn.inference import prepare_for_inference
from stellate.nn.layout import best_layout, in_best_layout


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


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("prepared", [False, True])
def test_what_comes_from_grey_images_is_channels_last_too(channels: int, prepared: bool) -> None:
    """Torch decides by the strides of the image, which for one channel fit both layouts."""
    image = torch.randn(2, channels, 5, 7)
    conv = nn.Conv2d(channels, 4, 3, padding=1)
    laid_out = in_best_layout(image)
    assert torch.equal(laid_out, image)
    found = prepare_for_inference(conv)(image) if prepared else conv(laid_out)
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, conv(image), atol=1e-6, rtol=1e-5)


def test_volumes_lie_as_the_type_that_is_computed_in_wants() -> None:
    """In bfloat16 channels last, which is several times faster there; in float32 as they are."""
    volume = torch.randn(1, 1, 4, 5, 6)
    conv = nn.Conv3d(1, 4, 3, padding=1)
    assert in_best_layout(volume) is volume
    with torch.autocast("cpu", torch.bfloat16):
        found = conv(in_best_layout(volume))
    assert found.dtype == torch.bfloat16
    assert found.is_contiguous(memory_format=torch.channels_last_3d)
    assert in_best_layout(volume.bfloat16()).stride()[1] == 1
