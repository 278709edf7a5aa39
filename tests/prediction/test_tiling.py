import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from stellate.axes import Image
from stellate.data.normalization import Normalization
from stellate.data.pixels import Pixels
from stellate.errors import ConfigError
from stellate.models.stardist import StarDist, StarDistConfig
from stellate.models.unet import UNet, UNetConfig
from stellate.prediction import tiling
from stellate.prediction.rescaling import read_scaled, scaled_shape
from stellate.prediction.tiling import Layout, computed_ahead, tile_reader, tile_side, values_per_pixel

CONFIG = SimpleNamespace(stride=(8, 8), halo=(20, 20))


def cut(shape, *, side, config=CONFIG, **layout):
    return Layout(shape, config, **layout).cut(side)


def test_tiles_have_the_networks_halo_and_grid():
    tiles = list(cut((300, 200), side=128))
    owners = np.zeros((300, 200), int)
    for tile in tiles:
        owners[tile.own_slices] += 1
        for (read, stop), (own, own_stop), size in zip(tile.read, tile.owns, (300, 200), strict=True):
            assert read % 8 == 0
            assert read <= max(0, own - 20)
            assert stop >= min(size, own_stop + 20)
    assert (owners == 1).all()
    assert len(tiles) > 4


def test_a_margin_is_added_to_the_halo():
    for margin, halo in [((0, 0), 24), ((4, 0), 24), ((5, 0), 32)]:
        second = list(cut((300, 64), side=128, margin=margin))[1]
        assert second.owns[0][0] - second.read[0][0] == halo


def test_rescaled_tiles_know_the_image_as_it_is():
    (tile,) = cut((100, 60), side=500, scale=0.5)
    assert (tile.shape, tile.target_shape, tile.scale) == ((50, 30), (100, 60), 0.5)


def test_a_network_without_halo_sees_images_whole():
    (tile,) = cut((5000, 4000), side=100, config=SimpleNamespace(stride=(32, 32)))
    assert tile.is_whole


def test_tiles_smaller_than_the_halo_allows_are_refused():
    with pytest.raises(ConfigError, match="tile 40: this network needs tiles of at least 56 pixels"):
        list(cut((300, 300), side=40))


def test_a_tile_of_a_narrow_image_is_longer():
    tiles = list(cut((64, 10_000), side=256))
    assert max(t.read[1][1] - t.read[1][0] for t in tiles) > 900
    assert all(np.prod([b - a for a, b in t.read]) <= 256**2 for t in tiles)


@pytest.mark.parametrize("scale", [1.0, 0.6, 1.7])
def test_tiles_are_regions_of_the_normalised_and_rescaled_image(scale):
    array = np.random.default_rng(0).integers(0, 4000, (2, 150, 170)).astype(np.uint16)
    norm = Normalization()
    limits = norm.limits(array)
    whole = norm.apply(array, limits)
    if scale != 1:
        region = tuple(slice(0, n) for n in scaled_shape((150, 170), scale))
        whole = read_scaled(
            lambda r: norm.apply(array, limits)[(slice(None), *r)], region, shape=(150, 170), scale=scale
        )
    read = tile_reader(Pixels(Image(array, "CYX"), (0, 1)), norm, limits)
    tiles = list(cut((150, 170), side=80, scale=scale))
    assert len(tiles) > 1
    for tile in tiles:
        np.testing.assert_allclose(read(tile), whole[(slice(None), *tile.read_slices)], atol=1e-5)


def test_results_come_in_order_and_the_next_is_made_meanwhile():
    made = [threading.Event() for _ in range(4)]

    def compute(item):
        made[item].set()
        return item * 10

    for item, result in computed_ahead(compute, range(4)):
        assert result == item * 10
        if item < 3:
            assert made[item + 1].wait(timeout=10)  # nobody has asked for it yet
        if item < 2:
            assert not made[item + 2].is_set()


def test_an_error_comes_where_its_result_would():
    def compute(item):
        if item == 2:
            raise ValueError("third")
        return item

    seen = []
    with pytest.raises(ValueError, match="third"):
        seen.extend(item for item, _ in computed_ahead(compute, range(5)))
    assert seen == [0, 1]


def test_larger_networks_get_smaller_tiles(monkeypatch):
    monkeypatch.setattr(tiling, "_CPU_BYTES", {2: 1e8})
    cpu = torch.device("cpu")
    small, large = (
        tile_side(values_per_pixel(StarDist(config), cpu), cpu)
        for config in (StarDistConfig(base_channels=8, head_channels=16), StarDistConfig(base_channels=32))
    )
    assert large < small
    # the stem's second convolution reads and writes 32 float32 values per pixel, of which a CPU holds a share, as it
    # works in strips; 33 values come out for 4 pixels
    assert large == pytest.approx((1e8 / (4 * (0.28 * 64 + 2 * 33 / 4 + 2))) ** 0.5, abs=1)


def test_what_a_network_holds_does_not_depend_on_mirrors_beyond_the_border():
    """Convolutions without padding see hundreds of pixels beyond an image; few, in proportion to a large one."""
    cpu = torch.device("cpu")
    padded, mirrored = (values_per_pixel(UNet(UNetConfig(padding=p)), cpu) for p in ("same", "valid"))
    assert mirrored == pytest.approx(padded, rel=0.1)
