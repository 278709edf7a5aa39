from __future__ import annotations

import torch

from stellate.models.fully_convolutional import FullyConvolutional, FullyConvolutionalConfig


def test_dilations_widen_the_field_at_the_same_cost() -> None:
    """Yu & Koltun 2016: dilations 1, 2, 4, ... 2**(n-1) see 2**(n+1) - 1 pixels, where n layers without see 2n + 1."""
    plain = FullyConvolutionalConfig(n_layers=5)
    dilated = FullyConvolutionalConfig(n_layers=5, dilations=(1, 2, 4, 8, 16))
    assert plain.receptive_field == (11, 11)
    assert dilated.receptive_field == (63, 63)
    counts = {sum(p.numel() for p in FullyConvolutional(config).parameters()) for config in (plain, dilated)}
    assert len(counts) == 1


def test_dilated_kernels_look_at_every_so_manyth_pixel() -> None:
    config = FullyConvolutionalConfig(n_layers=1, dilations=(3,), channels=1, batch_norm=False)
    network = FullyConvolutional(config)
    network.convs[0].weight.data.copy_(torch.arange(1.0, 10).reshape(1, 1, 3, 3))
    network.classes.weight.data.fill_(1)
    image = torch.zeros(1, 1, 9, 9)
    image[0, 0, 4, 4] = 1
    found = network(image)["classes"][0, 0].detach()
    expected = torch.zeros(9, 9)
    expected[1::3, 1::3] = torch.arange(9.0, 0, -1).reshape(3, 3)
    torch.testing.assert_close(found, expected)


def test_number_of_parameters() -> None:
    """By hand: 3x3 from 1 to 32, five times 32 to 32, with biases; 6 batch norms; 1x1 to 2."""
    expected = (9 * 32 + 32) + 5 * (9 * 32 * 32 + 32) + 6 * 2 * 32 + (32 * 2 + 2)
    assert sum(p.numel() for p in FullyConvolutional().parameters()) == expected
