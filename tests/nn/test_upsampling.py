from __future__ import annotations

import itertools
import warnings

import numpy as np
import numpy.typing as npt
import pytest
import torch

from stellate.errors import ConfigError, InputError
from stellate.nn.upsampling import (
    UPSCALINGS,
    TransposedConvolution,
    Upscale,
    bed_of_nails,
    bilinear,
    kernels_per_pixel,
    max_pool,
    max_unpool,
    nearest,
    transposed_convolution,
)

Array = npt.NDArray[np.float64]
SIZES = [((3, 4), (2, 2)), ((2, 5), (3, 2)), ((1, 1), (2, 4)), ((2, 3, 2), (1, 2, 3))]


def cells(size: tuple[int, ...]) -> list[tuple[int, ...]]:
    return list(itertools.product(*map(range, size)))


def random_map(size: tuple[int, ...], channels: int = 2) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=(2, channels, *size)))


def enlarged(x: Array, factor: tuple[int, ...]) -> Array:
    return np.zeros((*x.shape[:2], *(n * f for n, f in zip(x.shape[2:], factor, strict=True))))


@pytest.mark.parametrize(("size", "factor"), SIZES)
def test_nearest_fills_cells(size: tuple[int, ...], factor: tuple[int, ...]) -> None:
    x = random_map(size).numpy()
    expected = enlarged(x, factor)
    for place in cells(expected.shape[2:]):
        source = tuple(p // f for p, f in zip(place, factor, strict=True))
        expected[(..., *place)] = x[(..., *source)]
    np.testing.assert_array_equal(nearest(torch.from_numpy(x), factor), expected)


@pytest.mark.parametrize(("size", "factor"), SIZES)
def test_bed_of_nails_stands_in_first_corners(size: tuple[int, ...], factor: tuple[int, ...]) -> None:
    x = random_map(size).numpy()
    expected = enlarged(x, factor)
    for place in cells(size):
        expected[(..., *(p * f for p, f in zip(place, factor, strict=True)))] = x[(..., *place)]
    np.testing.assert_array_equal(bed_of_nails(torch.from_numpy(x), factor), expected)


@pytest.mark.parametrize(("size", "factor"), SIZES)
def test_bilinear_is_interpolation_along_each_axis(size: tuple[int, ...], factor: tuple[int, ...]) -> None:
    expected = random_map(size).numpy()
    x = torch.from_numpy(expected)
    for axis, f in enumerate(factor, start=2):
        n = expected.shape[axis]
        at = (np.arange(n * f) + 0.5) / f - 0.5
        expected = np.apply_along_axis(
            lambda line, at=at, n=n: np.interp(at, np.arange(n), line), axis, expected
        )
    np.testing.assert_allclose(bilinear(x, factor), expected, atol=1e-12)


@pytest.mark.parametrize(("size", "factor"), SIZES)
def test_unpooling_returns_values_to_the_maxima(size: tuple[int, ...], factor: tuple[int, ...]) -> None:
    fine = random_map(tuple(n * f for n, f in zip(size, factor, strict=True))).numpy()
    values = random_map(size).numpy() + 10
    expected, maxima = np.zeros_like(fine), np.zeros_like(values)
    for (b, c), cell in itertools.product(cells((2, 2)), cells(size)):
        inside = [range(p * f, (p + 1) * f) for p, f in zip(cell, factor, strict=True)]
        best = max(itertools.product(*inside), key=lambda place: fine[(b, c, *place)])
        maxima[(b, c, *cell)] = fine[(b, c, *best)]
        expected[(b, c, *best)] = values[(b, c, *cell)]
    found, places = max_pool(torch.from_numpy(fine), factor)
    np.testing.assert_array_equal(found, maxima)
    np.testing.assert_array_equal(max_unpool(torch.from_numpy(values), places, factor), expected)


def test_equal_maxima_are_remembered_where_the_first_of_them_is() -> None:
    maxima, places = max_pool(torch.zeros(1, 1, 4, 4), (2, 2))
    assert places.ravel().tolist() == [0, 2, 8, 10]
    assert max_unpool(maxima + 1, places, (2, 2)).sum() == 4


@pytest.mark.parametrize(
    ("size", "sides", "stride"),
    [
        ((2, 2), (2, 2), (1, 1)),
        ((3, 2), (3, 3), (2, 2)),
        ((2, 3), (2, 4), (3, 2)),
        ((2, 1, 2), (2, 3, 2), (2, 1, 2)),
    ],
)
def test_transposed_convolution_adds_scaled_kernels(
    size: tuple[int, ...], sides: tuple[int, ...], stride: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(1)
    x, kernel = rng.normal(size=(2, 3, *size)), rng.normal(size=(3, 2, *sides))
    expected = np.zeros((2, 2, *((n - 1) * s + k for n, s, k in zip(size, stride, sides, strict=True))))
    for b, c, out in cells((2, 3, 2)):
        for place in cells(size):
            window = tuple(slice(p * s, p * s + k) for p, s, k in zip(place, stride, sides, strict=True))
            expected[(b, out, *window)] += x[(b, c, *place)] * kernel[c, out]
    found = transposed_convolution(torch.from_numpy(x), torch.from_numpy(kernel), stride)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_transposed_convolution_is_the_transpose_of_a_convolution() -> None:
    """<conv(a), b> = <a, transposed(b)>, with the same kernel and stride."""
    rng = torch.Generator().manual_seed(2)
    kernel = torch.randn(2, 3, 3, 3, generator=rng, dtype=torch.float64)
    a = torch.randn(1, 3, 9, 7, generator=rng, dtype=torch.float64)
    down = torch.nn.functional.conv2d(a, kernel, stride=2)
    b = torch.randn(down.shape, generator=rng, dtype=torch.float64)
    up = transposed_convolution(b, kernel, (2, 2))
    torch.testing.assert_close((down * b).sum(), (a * up).sum())


@pytest.mark.parametrize(("kernel", "factor"), [(2, 2), (4, 2), (3, 3), (6, 2), (3, 1)])
def test_the_layer_is_the_middle_of_the_transposed_convolution(kernel: int, factor: int) -> None:
    torch.manual_seed(0)
    layer = TransposedConvolution(2, 3, (factor, 1), (kernel, 1)).double()
    layer.bias.data.normal_()
    x = random_map((5, 3))
    full = transposed_convolution(x, layer.weight, (factor, 1)) + layer.bias[:, None, None]
    cut = -(-(kernel - factor) // 2)
    found = layer(x)
    assert found.shape[2:] == (5 * factor, 3)
    torch.testing.assert_close(found, full[:, :, cut : cut + 5 * factor])


@pytest.mark.parametrize(("kernel", "factor"), [(3, 2), (5, 2), (4, 3), (5, 4)])
def test_a_kernel_that_the_stride_does_not_divide_warns_of_checkerboards(kernel: int, factor: int) -> None:
    with pytest.warns(UserWarning, match=rf"kernel of {kernel} .*stride of {factor}.*checkerboard.*choose a"):
        layer = TransposedConvolution(1, 1, (factor, factor), (kernel, kernel))
    layer.weight.data.fill_(1)
    ripple = layer(torch.ones(1, 1, 12, 12))[0, 0, factor * 4 : factor * 8, factor * 4 : factor * 8]
    assert ripple.min() < ripple.max()
    counts = kernels_per_pixel(kernel, factor)
    assert ripple.max().item() == max(counts) ** 2
    assert ripple.min().item() == min(counts) ** 2


@pytest.mark.parametrize(("kernel", "factor"), [(2, 2), (4, 2), (6, 3), (8, 4)])
def test_a_kernel_that_the_stride_divides_is_even_and_silent(kernel: int, factor: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer = TransposedConvolution(1, 1, (factor, factor), (kernel, kernel))
    layer.weight.data.fill_(1)
    inside = layer(torch.ones(1, 1, 12, 12))[0, 0, factor * 4 : factor * 8, factor * 4 : factor * 8]
    assert inside.unique().tolist() == [(kernel // factor) ** 2]


def test_a_new_layer_keeps_the_variance() -> None:
    torch.manual_seed(0)
    out = TransposedConvolution(64, 64, (2, 2), (4, 4))(torch.randn(4, 64, 24, 24))
    assert out[..., 4:-4, 4:-4].std().item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("name", UPSCALINGS)
def test_every_way_up_by_name(name: str) -> None:
    torch.manual_seed(0)
    fine = random_map((4, 6)).float()
    x, places = max_pool(fine, (2, 2))
    layer = Upscale(name, 2, (2, 2))
    expected = {
        "nearest": nearest(x, (2, 2)),
        "bilinear": bilinear(x, (2, 2)),
        "bed-of-nails": bed_of_nails(x, (2, 2)),
        "max-unpooling": torch.where(fine == nearest(x, (2, 2)), fine, 0),
        "transposed": transposed_convolution(x, layer.learned.weight, (2, 2)) if layer.learned else x,
    }
    torch.testing.assert_close(layer(x, places), expected[name])


def test_unpooling_without_places_is_refused() -> None:
    with pytest.raises(InputError, match="the places that max_pool returned"):
        Upscale("max-unpooling", 1, (2, 2))(torch.zeros(1, 1, 2, 2))


def test_an_unknown_way_up_is_named() -> None:
    with pytest.raises(ConfigError, match="did you mean 'nearest'"):
        Upscale("nearst", 1, (2, 2))
