from __future__ import annotations

import torch
from torch.nn import functional

from stellate.nn.convs import Convs


def test_valid_convolutions_take_off_the_borders() -> None:
    """They are the middle of padded ones, away from what the zeros reached."""
    torch.manual_seed(0)
    valid = Convs(2, [3, 4], (3, 5), norm=True, activations=["relu", "elu"], padding="valid").eval()
    same = Convs(2, [3, 4], (3, 5), norm=True, activations=["relu", "elu"]).eval()
    same.load_state_dict(valid.state_dict())
    x = torch.randn(1, 2, 9, 14)
    found = valid(x)
    assert found.shape == (1, 4, 5, 6)
    torch.testing.assert_close(found, same(x)[..., 2:-2, 4:-4])


def test_strided_valid_convolutions_begin_at_the_first_pixel() -> None:
    torch.manual_seed(0)
    convs = Convs(1, [2], (3, 3), norm=False, activations=["linear"], stride=(2, 2), padding="valid")
    x = torch.randn(1, 1, 9, 9)
    torch.testing.assert_close(convs(x), functional.conv2d(x, convs[0].weight, convs[0].bias, stride=2))
