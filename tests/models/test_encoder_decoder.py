from __future__ import annotations

import pytest
import torch
from torch import nn

from stellate.models.encoder_decoder import EncoderDecoder, EncoderDecoderConfig
from stellate.nn.upsampling import UPSCALINGS


def parameters(upscaling: str) -> int:
    network = EncoderDecoder(EncoderDecoderConfig(base_channels=8, upscaling=upscaling))
    return sum(p.numel() for p in network.parameters())


def test_only_transposed_convolutions_add_parameters() -> None:
    """So that the ways up can be compared: 2x2 kernels and a bias for each of 32, 16 and 8 channels."""
    assert len({parameters(name) for name in UPSCALINGS if name != "transposed"}) == 1
    added = sum(4 * n * n + n for n in (32, 16, 8))
    assert parameters("transposed") - parameters("nearest") == added


@pytest.mark.parametrize("upscaling", UPSCALINGS)
def test_the_way_up_is_the_one_asked_for(upscaling: str) -> None:
    """Convolutions that do nothing leave a pooling and the way up, which is what differs."""
    config = EncoderDecoderConfig(
        depth=1, base_channels=1, convs_per_level=1, batch_norm=False, upscaling=upscaling
    )
    network = EncoderDecoder(config)
    for conv in (m for m in network.modules() if isinstance(m, nn.Conv2d)):
        nn.init.dirac_(conv.weight)
        nn.init.zeros_(conv.bias)
    for parameter in network.larger.parameters():
        parameter.data.fill_(1.0 if parameter.ndim == 4 else 0.0)
    image = torch.tensor([[[[0.0, 0, 0, 0], [0, 4, 0, 8], [0, 0, 0, 0], [12, 0, 0, 0]]]])
    filled = [[4, 4, 8, 8], [4, 4, 8, 8], [12, 12, 0, 0], [12, 12, 0, 0]]
    rows = [4, 8], [6, 6], [10, 2], [12, 0]  # from 4 to 12 and from 8 to 0, in quarters
    expected = {
        "nearest": filled,
        "bilinear": [[a, a + (b - a) / 4, a + 3 * (b - a) / 4, b] for a, b in rows],
        "bed-of-nails": [[4, 0, 8, 0], [0] * 4, [12, 0, 0, 0], [0] * 4],
        "max-unpooling": image[0, 0].tolist(),
        "transposed": filled,
    }
    torch.testing.assert_close(
        network(image)["classes"][0, 0].detach(), torch.tensor(expected[upscaling]).float()
    )


def test_odd_kernels_on_the_way_up_warn() -> None:
    with pytest.warns(UserWarning, match="checkerboard"):
        EncoderDecoder(EncoderDecoderConfig(base_channels=2, upscaling="transposed", transposed_kernel=3))
