"""Voxels as bits: counted in common with another polyhedron as with sets of voxels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stellate.geometry.polyhedron_masks import directions_of, fill_mask, new_polyhedron, place, voxel_box
from stellate.geometry.rays import rays_3d
from stellate.geometry.voxel_bits import common_voxels, common_voxels_exactly, n_words, pack_bits

RAYS = rays_3d(32)


def placed(center, distances):
    directions = directions_of(RAYS, np.full((1, 32), 24, dtype=np.float32))
    polyhedron = new_polyhedron(directions)
    place(directions, np.asarray(center, dtype=np.float32), distances.astype(np.float32), polyhedron)
    box = voxel_box(polyhedron)
    mask = np.empty((box[1] - box[0], box[3] - box[2], box[5] - box[4]), dtype=np.uint8)
    fill_mask(directions, polyhedron, box, mask)
    return directions, polyhedron, box, mask


def words_of(box, mask):
    words = np.full((n_words(box), 1), 2**64 - 1, dtype=np.uint64)
    pack_bits(mask, words)
    return words


def voxels(box, mask):
    return set(map(tuple, (np.argwhere(mask) + box[::2]).tolist()))


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from([2.0, 8.0, 20.0]),
    st.tuples(*[st.integers(-20, 20)] * 3),
)
def test_common_voxels_are_those_of_the_sets(seed, radius, shift):
    rng = np.random.default_rng(seed)
    a, b = radius * np.maximum(1 + 0.15 * rng.normal(size=(2, 32)), 0.1)
    directions, polyhedron, box, mask = placed([40, 41, 70], a)
    _, _, other, other_mask = placed(np.add([40, 41, 70], shift), np.maximum(b, 8.0))
    words, expected = words_of(other, other_mask), len(voxels(box, mask) & voxels(other, other_mask))
    assert common_voxels_exactly(mask, box, np.array(other), words) == expected
    certain, doubts = common_voxels(directions.table, polyhedron, box, np.array(other), words, np.inf)
    assert certain <= expected <= certain + doubts
    assert doubts <= 0.05 * expected + 3
    if expected > 10:
        early, _ = common_voxels(directions.table, polyhedron, box, np.array(other), words, expected / 2)
        assert expected / 2 < early <= expected or certain <= expected / 2


@pytest.mark.parametrize("width", [1, 63, 64, 65, 130])
def test_rows_of_any_width_are_packed(width):
    mask = np.random.default_rng(width).integers(0, 2, (2, 3, width)).astype(np.uint8)
    box = (0, 2, 0, 3, 5, 5 + width)
    assert n_words(box) == 6 * -(-width // 64)
    bits = np.unpackbits(words_of(box, mask).view(np.uint8), bitorder="little").reshape(2, 3, -1)
    np.testing.assert_array_equal(bits[:, :, :width], mask)
    assert not bits[:, :, width:].any()
