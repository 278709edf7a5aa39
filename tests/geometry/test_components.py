"""Objects from class maps, and class maps from objects, against searches pixel by pixel."""

from __future__ import annotations

import tracemalloc
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from stellate.errors import ConfigError, InputError
from stellate.geometry import components
from stellate.geometry.components import (
    BACKGROUND,
    BORDER,
    FOREGROUND,
    instances_of_regions,
    label_components,
    regions_of_instances,
)

SHAPES = array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=5)


def flooded(classes: np.ndarray, background: tuple[int, ...], connectivity: int) -> list[frozenset]:
    """Connected pieces as sets of pixels, by flooding from every pixel."""
    steps = [s for s in product((-1, 0, 1), repeat=classes.ndim) if 1 <= np.abs(s).sum() <= connectivity]
    left = {p for p in np.ndindex(classes.shape) if classes[p] >= 0 and classes[p] not in background}
    pieces = []
    while left:
        piece, front = set(), [left.pop()]
        while front:
            pixel = front.pop()
            piece.add(pixel)
            for step in steps:
                other = tuple(np.add(pixel, step).tolist())
                if other in left and classes[other] == classes[pixel]:
                    left.remove(other)
                    front.append(other)
        pieces.append(frozenset(piece))
    return pieces


@settings(max_examples=150, deadline=None)
@given(
    arrays(np.int8, SHAPES, elements=st.integers(-1, 3)),
    st.integers(1, 3),
    st.sampled_from([(0,), (0, 2), ()]),
)
def test_objects_are_what_flooding_finds(classes, connectivity, background):
    connectivity = min(connectivity, classes.ndim)
    labels, of = label_components(classes, background=background, connectivity=connectivity)
    expected = flooded(classes, background, connectivity)
    got = [frozenset(map(tuple, np.argwhere(labels == k + 1).tolist())) for k in range(len(of))]
    assert set(got) == set(expected)
    assert len(got) == len(expected)
    assert all(classes[next(iter(piece))] == c for piece, c in zip(got, of, strict=True))
    assert np.array_equal(labels < 0, classes < 0)
    # by class, then by first pixel
    keys = [(int(c), min(piece)) for piece, c in zip(got, of, strict=True)]
    assert keys == sorted(keys)


def test_diagonal_neighbours_are_one_object_by_default():
    diagonal = np.eye(3, dtype=np.uint8)
    assert label_components(diagonal)[0].max() == 1
    assert label_components(diagonal, connectivity=1)[0].max() == 3
    assert label_components(diagonal.astype(bool))[1].tolist() == [1]


def test_nothing_but_background_gives_no_objects():
    labels, of = label_components(np.zeros((2, 3), np.int32))
    assert (labels.any(), of.shape, of.dtype) == (False, (0,), np.int32)


@pytest.mark.parametrize("kind", ["bool", "uint8", ">u2", "int64", "uint64"])
def test_the_type_of_the_numbers_makes_no_difference(kind):
    classes = np.random.default_rng(2).integers(0, 2, (9, 11))
    expected = label_components(classes.astype(np.int32))
    for layout in (classes, classes.T.copy().T, np.repeat(classes, 2, axis=1)[:, ::2]):
        labels, of = label_components(layout.astype(kind, order="K"))
        np.testing.assert_array_equal(labels, expected[0])
        np.testing.assert_array_equal(of, expected[1])


@pytest.mark.parametrize("kind", [np.uint8, np.int32])
def test_memory_beside_the_labels_does_not_grow_with_the_image(kind):
    classes = np.kron(np.arange(64).reshape(8, 8) % 3, np.ones((200, 200), int)).astype(kind)
    label_components(classes)  # compiled, if it was not
    tracemalloc.start()
    labels, _ = label_components(classes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < labels.nbytes + 2**18


@pytest.mark.parametrize("connectivity", [0, 3, -1])
def test_an_impossible_connectivity_is_refused(connectivity):
    with pytest.raises(ConfigError, match=f"connectivity {connectivity}: expected 1 to 2 for 2 axes"):
        label_components(np.zeros((2, 2), int), connectivity=connectivity)


@pytest.mark.parametrize("wrong", [np.zeros((2, 2)), np.zeros(3, int), np.zeros((1, 1, 1, 1), int)])
def test_what_is_no_class_map_is_refused(wrong):
    for function in (label_components, regions_of_instances):
        with pytest.raises(InputError, match="expected integers along 2 or 3 axes"):
            function(wrong)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_border_is_what_is_near_another_object(data):
    labels = data.draw(arrays(np.int16, SHAPES, elements=st.integers(-1, 3)))
    widths = data.draw(st.tuples(*[st.integers(1, 3)] * labels.ndim))
    regions = regions_of_instances(labels, width=widths)
    for pixel in np.ndindex(labels.shape):
        window = labels[tuple(slice(max(0, p - w), p + w + 1) for p, w in zip(pixel, widths, strict=True))]
        own = labels[pixel]
        if own <= 0:
            assert regions[pixel] == own
        else:
            near = bool(((window > 0) & (window != own)).any())
            assert regions[pixel] == (BORDER if near else FOREGROUND)


def voronoi(shape: tuple[int, ...], points: np.ndarray) -> np.ndarray:
    """Label image without background: each pixel belongs to the nearest point."""
    grid = np.stack(np.indices(shape), axis=-1)[..., None, :]
    return np.argmin(((grid - points) ** 2).sum(-1), axis=-1) + 1


@pytest.mark.parametrize("width", [1, 2, (1, 2, 2)])
def test_touching_objects_come_back(width):
    shape = (16, 36, 36) if isinstance(width, tuple) else (48, 60)
    rng = np.random.default_rng(4)
    # on a lattice that is a little out of true, so that objects are wide and meet at all angles
    lattice = np.stack(np.meshgrid(*(np.arange(6, n, 12) for n in shape), indexing="ij"), -1).reshape(
        -1, len(shape)
    )
    truth = voronoi(shape, lattice + rng.integers(-2, 3, lattice.shape))
    truth[..., :7] = 0
    found = instances_of_regions(regions_of_instances(truth, width=width), width=width)
    main = {t: np.bincount(found[truth == t]).argmax() for t in np.unique(truth[truth > 0]).tolist()}
    assert len(set(main.values())) == len(main)
    assert 0 not in main.values()
    assert found.max() == len(main)
    # only where several borders meet may a pixel change hands
    wrong = sum(int(((truth == t) & (found != k)).sum()) for t, k in main.items())
    assert wrong < 0.02 * (truth > 0).sum()
    assert not found[truth == 0].any()


@settings(max_examples=60, deadline=None)
@given(
    arrays(
        np.int8, array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=9), elements=st.integers(-1, 2)
    ),
    st.sampled_from([1, 40, 10**6]),
    st.integers(1, 2),
)
def test_borders_fall_to_the_nearest_object_in_blocks_of_any_size(regions, block, width):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(components, "_GROWN", block)
        found = instances_of_regions(regions, width=width)
    pieces, _ = label_components(regions, background=(BACKGROUND, BORDER))
    np.testing.assert_array_equal(found[regions != BORDER], pieces[regions != BORDER])
    objects = np.argwhere(pieces > 0)
    for pixel in np.argwhere(regions == BORDER):
        squares = ((objects - pixel) ** 2).sum(-1)
        # distances are compared squared, so that nothing is rounded
        near = squares.min(initial=10**6)
        owners = {int(pieces[tuple(o)]) for o in objects[squares == near]}
        assert int(found[tuple(pixel)]) in (owners if near <= (2 * width) ** 2 else {0})


def test_growing_into_borders_takes_little_memory():
    truth = np.kron(np.arange(1, 65).reshape(8, 8), np.ones((250, 250), int))
    regions = regions_of_instances(truth).astype(np.uint8)
    instances_of_regions(regions)  # compiled, if it was not
    tracemalloc.start()
    labels = instances_of_regions(regions)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(np.unique(labels)) == 64
    assert peak < labels.nbytes + 60 * 2**20


def test_objects_a_gap_apart_are_all_foreground():
    labels = np.array([[3, 3, 0, 7, 7]])
    assert regions_of_instances(labels).tolist() == [[FOREGROUND] * 2 + [BACKGROUND] + [FOREGROUND] * 2]
    assert regions_of_instances(labels, width=2).tolist() == [[1, 2, 0, 2, 1]]


def test_a_stray_border_is_background_and_unknown_stays_unknown():
    regions = np.full((5, 20), BACKGROUND)
    regions[2, 2:4], regions[2, 4:6], regions[2, 6:8] = FOREGROUND, BORDER, BORDER
    regions[2, 12] = BORDER
    regions[0] = -1
    found = instances_of_regions(regions)
    assert found[2].tolist() == [0, 0, 1, 1, 1, 1] + [0] * 14
    assert (found[0] == -1).all()
    only_border = np.full((3, 3), BORDER)
    assert not instances_of_regions(only_border).any()


@pytest.mark.parametrize("width", [0, (1,), (1, 0), (1, 1, 1)])
def test_an_impossible_width_is_refused(width):
    with pytest.raises(ConfigError, match=r"border width .* expected a whole number from 1, or 2 of them"):
        regions_of_instances(np.zeros((3, 3), int), width=width)
