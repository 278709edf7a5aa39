from __future__ import annotations

import numpy as np
import pytest
import torch

from stellate.nn.borders import mirror


@pytest.mark.parametrize(
    ("size", "margins"),
    [
        ((5, 7), [(2, 3), (0, 1)]),
        ((2, 3), [(9, 4), (5, 11)]),
        ((1, 4), [(3, 2), (3, 0)]),
        ((3, 2, 4), [(1, 0), (4, 4), (2, 7)]),
    ],
)
def test_as_numpy_pads_by_reflection(size: tuple[int, ...], margins: list[tuple[int, int]]) -> None:
    image = np.random.default_rng(0).normal(size=(2, 3, *size))
    expected = np.pad(image, [(0, 0), (0, 0), *margins], mode="reflect")
    np.testing.assert_array_equal(mirror(torch.from_numpy(image), margins), expected)


def test_gradients_go_back_to_the_pixels_they_came_from() -> None:
    image = torch.zeros(1, 1, 3, requires_grad=True)
    mirror(image, [(2, 1)]).sum().backward()
    assert image.grad is not None
    assert image.grad.tolist() == [[[1, 3, 2]]]
