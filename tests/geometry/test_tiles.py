import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stellate.geometry.tiles import Tile, plan_tiles

axis = st.tuples(st.integers(1, 200), st.integers(1, 90), st.integers(0, 20), st.sampled_from([1, 2, 8, 16]))


def plan(*axes):
    shape, tile, halo, multiple = (tuple(a) for a in zip(*axes, strict=True))
    padded = [-(-h // m) * m for h, m in zip(halo, multiple, strict=True)]
    assume(
        all(n <= t or t // m * m > 2 * h for n, t, h, m in zip(shape, tile, padded, multiple, strict=True))
    )
    return list(plan_tiles(shape, tile, halo=halo, multiple=multiple)), shape


@given(axis, axis)
def test_every_pixel_is_owned_once(rows, cols):
    tiles, shape = plan(rows, cols)
    owners = np.zeros(shape, int)
    for tile in tiles:
        owners[tile.own_slices] += 1
    assert (owners == 1).all()


@given(axis)
def test_reads_hold_the_halo_stay_inside_and_start_on_the_grid(axis):
    size, largest, halo, multiple = axis
    for tile in plan(axis)[0]:
        (read_start, read_stop), (own_start, own_stop) = tile.read[0], tile.owns[0]
        assert 0 <= read_start <= max(0, own_start - halo)
        assert min(size, own_stop + halo) <= read_stop <= size
        assert read_stop - read_start <= largest
        assert read_start % multiple == own_start % multiple == 0


@given(axis)
def test_no_tile_is_wasted(axis):
    """Any cover with this halo needs at least (size - 2 halo) / (tile - 2 halo) tiles."""
    size, largest, halo, multiple = axis
    tiles = plan(axis)[0]
    if len(tiles) > 1:
        halo, largest = -(-halo // multiple) * multiple, largest // multiple * multiple
        assert len(tiles) <= np.ceil((size - 2 * halo) / (largest - 2 * halo))


def test_worked_example():
    """Two tiles do, though with a halo on both sides each would own only 36 pixels."""
    tiles = list(plan_tiles((5, 92), (10, 60), halo=(0, 10), multiple=(1, 4)))
    assert [t.read for t in tiles] == [((0, 5), (0, 60)), ((0, 5), (36, 92))]
    assert [t.owns for t in tiles] == [((0, 5), (0, 48)), ((0, 5), (48, 92))]


def test_order_is_row_major():
    tiles = plan_tiles((20, 20), (10, 10), halo=(0, 0), multiple=(1, 1))
    assert [t.owns for t in tiles] == [
        ((0, 10), (0, 10)),
        ((0, 10), (10, 20)),
        ((10, 20), (0, 10)),
        ((10, 20), (10, 20)),
    ]


def test_slices_index_the_image_and_the_read_region():
    image = np.arange(20 * 30).reshape(20, 30)
    tile = Tile(read=((4, 16), (8, 30)), owns=((6, 14), (10, 30)), shape=image.shape)
    region = image[tile.read_slices]
    np.testing.assert_array_equal(region[tile.own_in_read], image[tile.own_slices])
    np.testing.assert_array_equal(tile.origin, [4, 8])
    assert tile.halos == (2, 2)
    assert not tile.is_whole


def test_positions_in_a_rescaled_image_keep_pixel_edges_on_pixel_edges():
    tile = Tile(read=((0, 8),), owns=((0, 8),), shape=(8,), scale=2.0, target_shape=(4,))
    np.testing.assert_allclose(tile.to_target(np.array([[-0.5], [0.5], [7.5]])), [[-0.5], [0.0], [3.5]])
    assert Tile.whole((8,)).target_shape == (8,)


def test_whole_is_one_tile_that_owns_everything():
    tile = Tile.whole((7, 9))
    assert tile.is_whole
    assert tile.halos == (0, 0)
    assert list(plan_tiles((7, 9), (7, 9), halo=(50, 50), multiple=(8, 8))) == [tile]


def test_a_halo_that_leaves_nothing_is_refused():
    with pytest.raises(ValueError, match="a tile of 40 pixels with a halo of 20 on each side owns nothing"):
        list(plan_tiles((100,), (40,), halo=(17,), multiple=(4,)))


def test_what_is_known_of_an_image_grows_to_all_of_it() -> None:
    """At the end of each row of tiles, a box of which every pixel belongs to a tile that has come."""
    shape = (30, 44, 52)
    tiles = list(plan_tiles(shape, (16, 24, 28), halo=(4, 8, 8), multiple=(2, 4, 4)))
    come = np.zeros(shape, dtype=bool)
    boxes = 0
    for tile in tiles:
        come[tile.own_slices] = True
        alone = np.zeros(shape, dtype=bool)
        alone[inside(tile.known_alone, shape)] = True
        assert alone.sum() == np.prod([b - a for a, b in tile.owns])
        if known := tile.known_so_far:
            boxes += 1
            assert come[inside(known, shape)].all()
            assert known[0][1] == (np.inf if tile.owns[0][1] == shape[0] else tile.owns[0][1])
    assert boxes == len(tiles) // 3
    assert tiles[-1].known_so_far == ((-np.inf, np.inf),) * 3


def inside(box, shape):
    return tuple(slice(int(max(a, 0)), int(min(b, n))) for (a, b), n in zip(box, shape, strict=True))
