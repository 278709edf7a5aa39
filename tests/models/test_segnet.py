from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models import vgg16

from stellate.models.segnet import SegNet, SegNetConfig


def made(variant: str, n_classes: int) -> SegNet:
    with torch.device("meta"):
        return SegNet(SegNetConfig(in_channels=3, n_classes=n_classes, variant=variant))


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_the_way_down_is_that_of_vgg16() -> None:
    with torch.device("meta"):
        theirs = [m.weight.shape for m in vgg16(weights=None).features if isinstance(m, nn.Conv2d)]
    ours = [m.weight.shape for m in made("vgg16", 11).down.modules() if isinstance(m, nn.Conv2d)]
    assert ours == theirs
    assert len(ours) == 13


def test_published_numbers_of_parameters() -> None:
    """14.7 million on the way down (section 3); 29.46 million in all, for 12 classes (ENet, table 3: 29.46M)."""
    network = made("vgg16", 12)
    assert round(count(network.down) / 1e6, 1) == 14.7
    assert count(network) / 1e6 == pytest.approx(29.46, rel=1e-3)


def test_the_way_up_mirrors_the_way_down() -> None:
    """13 convolutions: each one back to the channels that its counterpart came from."""
    network = made("vgg16", 11)
    down = [m for m in network.down.modules() if isinstance(m, nn.Conv2d)]
    up = [m for m in network.up.modules() if isinstance(m, nn.Conv2d)] + [network.classes]
    assert [(m.out_channels, m.in_channels) for m in up[:-1]] == [
        (m.in_channels, m.out_channels) for m in reversed(down[1:])
    ]
    assert (up[-1].in_channels, up[-1].out_channels, len(up)) == (64, 11, 13)


def test_basic_is_as_published() -> None:
    """1.425 million (table 1); no biases, and no ReLU on the way up (section 3.2)."""
    network = made("basic", 11)
    assert count(network) / 1e6 == pytest.approx(1.425, rel=0.01)
    by_hand = 49 * 3 * 64 + 7 * 49 * 64 * 64 + 8 * 2 * 64 + 64 * 11 + 11
    assert count(network) == by_hand
    convs = [m for m in (*network.down.modules(), *network.up.modules()) if isinstance(m, nn.Conv2d)]
    assert len(convs) == 8
    assert all(m.bias is None and m.kernel_size == (7, 7) for m in convs)
    assert sum(isinstance(m, nn.ReLU) for m in network.down.modules()) == 4
    assert not any(isinstance(m, nn.ReLU) for m in network.up.modules())


@pytest.mark.parametrize("variant", ["vgg16", "basic"])
def test_values_return_to_their_maxima(variant: str) -> None:
    """A bright pixel stays where it is, through all poolings, if nothing else is done to it."""
    network = SegNet(SegNetConfig(base_channels=1, variant=variant)).eval()
    for conv in (m for m in network.modules() if isinstance(m, nn.Conv2d)):
        nn.init.zeros_(conv.weight)
        middle = conv.kernel_size[0] // 2
        conv.weight.data[:, :1, middle, middle] = 1
    image = torch.zeros(1, 1, 64, 64)
    image[0, 0, 37, 22] = 1
    found = network(image)["classes"][0, 0].detach()
    assert found[37, 22] > 0.9
    assert (found > 1e-3).sum() == 1
