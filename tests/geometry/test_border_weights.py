from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from stellate.errors import InputError
from stellate.geometry.border_weights import border_weights


def brute_force(
    labels: npt.NDArray[Any], w0: float, sigma: float, classes: tuple[float, float]
) -> npt.NDArray[Any]:
    """Equation 2 of the U-Net paper, pixel by pixel, from the distances to all pixels of each cell."""
    cells = {int(k): np.argwhere(labels == k) for k in np.unique(labels) if k > 0}
    weights = np.zeros(labels.shape)
    for place in np.ndindex(labels.shape):
        if labels[place] < 0:
            continue
        weights[place] = classes[int(labels[place] > 0)]
        distances = sorted(np.sqrt(((points - place) ** 2).sum(1)).min() for points in cells.values())
        if labels[place] == 0 and len(distances) > 1:
            weights[place] += w0 * np.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2))
    return weights


@settings(max_examples=40, deadline=None)
@given(
    labels=arrays.arrays(
        np.int32,
        st.tuples(st.integers(1, 12), st.integers(1, 12)),
        elements=st.sampled_from([0, 0, 0, 1, 2, 7, -1]),
    ),
    sigma=st.sampled_from([0.5, 2.0, 5.0]),
)
def test_as_by_brute_force(labels: npt.NDArray[np.int32], sigma: float) -> None:
    found = border_weights(labels, w0=7, sigma=sigma, class_weights=(0.5, 2))
    np.testing.assert_allclose(found, brute_force(labels, 7, sigma, (0.5, 2)), atol=1e-5)


@pytest.mark.parametrize("shape", [(70, 90), (9, 20, 16)])
def test_cells_in_a_field_and_in_a_volume(shape: tuple[int, ...]) -> None:
    """Cells far apart and near; the windows around them end inside the image."""
    rng = np.random.default_rng(0)
    labels = np.zeros(shape, dtype=np.uint16)
    grid = np.stack(np.indices(shape), axis=-1)
    for k in range(1, 25):
        centre, radius = rng.uniform(0, shape), rng.uniform(2, 4)
        labels[((grid - centre) ** 2).sum(-1) <= radius**2] = 11 * k
    sigma = 2.0
    found = border_weights(labels, sigma=sigma)
    expected = brute_force(labels, 10, sigma, (1, 1))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found.max() > 2


def test_without_neighbours_classes_alone_count() -> None:
    assert border_weights(np.zeros((3, 4), int)).tolist() == [[1.0] * 4] * 3
    assert border_weights(np.array([[0, 5, 0, -2]]), class_weights=(0.25, 4)).tolist() == [[0.25, 4, 0.25, 0]]


def test_labels_that_are_no_integers_are_refused() -> None:
    with pytest.raises(InputError, match="holds integers"):
        border_weights(np.zeros((3, 4)))
