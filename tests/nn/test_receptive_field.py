from __future__ import annotations

import pytest

from stellate.nn.receptive_field import (
    Interpolation,
    Layer,
    Upscaling,
    Window,
    halo,
    needed,
    receptive_field,
)


def chain(*layers: tuple[int, int]) -> list[Layer]:
    return [Window(kernel, stride) for kernel, stride in layers]


VGG16 = [(3, 1)] * 2 + [(2, 2)] + [(3, 1)] * 2 + [(2, 2)] + ([(3, 1)] * 3 + [(2, 2)]) * 3
ALEXNET = [(11, 4), (3, 2), (5, 1), (3, 2), (3, 1), (3, 1), (3, 1), (3, 2)]


@pytest.mark.parametrize(("layers", "published"), [(ALEXNET, 195), (VGG16, 212)])
def test_published_receptive_fields(layers: list[tuple[int, int]], published: int) -> None:
    """Araujo et al., Computing Receptive Fields of Convolutional Neural Networks, Distill 2019, table of models."""
    assert receptive_field(chain(*layers)) == published


def test_segnet_basic_sees_106_pixels_at_its_deepest_layer() -> None:
    """Badrinarayanan et al. 2017, section 3.2."""
    assert receptive_field(chain(*[(7, 1), (2, 2)] * 4)) == 106


def test_a_dilated_window_skips_inputs() -> None:
    assert needed([Window(3, dilation=4)], (0, 1)) == (-4, 5)
    assert needed([Window(3, dilation=4, before=0)], (2, 3)) == (2, 11)


def test_unaligned_outputs_of_an_upscaling() -> None:
    """With a kernel of 4 and a stride of 2, output 0 gets the kernels of inputs -1 and 0, output 1 of 0 and 1."""
    assert [needed([Upscaling(2, 4)], (i, i + 1)) for i in range(3)] == [(-1, 1), (0, 2), (0, 2)]
    assert [needed([Upscaling(2)], (i, i + 1)) for i in range(3)] == [(0, 1), (0, 1), (1, 2)]


def test_interpolation_looks_at_the_neighbour_on_its_side() -> None:
    assert [needed([Interpolation(2)], (i, i + 1)) for i in range(3)] == [(-1, 1), (0, 2), (0, 2)]
    assert needed([Interpolation(3)], (1, 2)) == (0, 1)  # on the centre of a cell


def test_halo_is_the_wider_side() -> None:
    assert halo([Window(4, before=1)], 8) == 2
    assert halo([Window(1)], 8) == 0
