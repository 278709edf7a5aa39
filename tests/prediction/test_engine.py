import numpy as np
import pytest
import torch
from torch import nn

from stellate.errors import ConfigError
from stellate.geometry.tiles import Tile
from stellate.models.stardist import StarDist, StarDistConfig
from stellate.prediction.engine import Engine, choose_device, pad_to_multiple
from stellate.prediction.tiling import Layout


@pytest.mark.parametrize("shape", [(1, 1), (3, 17), (16, 16), (5, 31)])
def test_padding_is_a_reflection_at_the_end(shape):
    image = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    padded = pad_to_multiple(image, (16, 8))
    assert padded.shape == (2, -(-shape[0] // 16) * 16, -(-shape[1] // 8) * 8)
    rows, cols = (bounce(n, m) for n, m in zip(shape, padded.shape[1:], strict=True))
    np.testing.assert_array_equal(padded, image[:, rows][:, :, cols])


def bounce(n, length):
    """Indices that go to and fro: 0 1 2 1 0 1 ... for n = 3."""
    period = max(1, 2 * n - 2)
    return [min(i % period, period - i % period) if n > 1 else 0 for i in range(length)]


class Heads(nn.Module):
    def forward(self, x):
        return {"twice": 2 * x, "mean": x.mean(dim=(2, 3))}


def test_the_output_is_that_of_one_image_without_its_batch_axis():
    image = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    out = Engine(Heads(), torch.device("cpu"), precision="float32")(image)
    np.testing.assert_allclose(out["twice"].numpy(), 2 * image, rtol=1e-6)
    np.testing.assert_allclose(out["mean"].numpy(), image.mean(axis=(1, 2)), rtol=1e-5)


def test_what_a_tile_owns_is_as_in_the_whole():
    """In images of any size, whose last tiles are padded."""
    torch.manual_seed(0)
    config = StarDistConfig(grid=(2, 1), base_channels=4, depth=2, n_rays=8, head_channels=8, foreground=True)
    image = np.random.default_rng(0).normal(size=(1, 171, 150)).astype(np.float32)
    engine = Engine(StarDist(config).eval(), torch.device("cpu"))
    whole = engine(image)
    run = engine.in_tiles(lambda tile: image[(slice(None), *tile.read_slices)])
    tiles = list(Layout(image.shape[1:], config).cut(112))
    assert len(tiles) == 8
    for tile in tiles:
        part = run(tile)
        for name, expected in whole.items():
            step = np.array(config.grid) if name != "foreground" else np.array([1, 1])
            here = (slice(a.start // s, -(-a.stop // s)) for a, s in zip(tile.own_in_read, step, strict=True))
            there = (slice(a.start // s, -(-a.stop // s)) for a, s in zip(tile.own_slices, step, strict=True))
            np.testing.assert_allclose(part[name][:, *here], expected[:, *there], atol=1e-6)
            assert not part[name].all()  # what nobody needs is not computed
    for name, again in engine(image).items():
        assert torch.equal(again, whole[name])


def test_mirror_images_and_networks_without_stages_are_computed_in_full():
    network = StarDist(StarDistConfig(base_channels=2, depth=1, n_rays=4, head_channels=2)).eval()
    image = np.random.default_rng(0).normal(size=(1, 64, 64)).astype(np.float32)
    tile = Tile(read=((0, 64), (0, 64)), owns=((0, 8), (0, 8)), shape=(80, 80))
    mirrored = Engine(network, torch.device("cpu"), mirrored=lambda maps, axes: maps)
    assert torch.equal(mirrored(image, tile)["prob"], mirrored(image)["prob"])
    heads = Engine(Heads(), torch.device("cpu"))
    assert torch.equal(heads(image, tile)["twice"], heads(image)["twice"])


def test_the_network_is_left_as_it_was():
    network = nn.Conv2d(1, 4, 3, padding=1)
    before = network.weight.detach().clone()
    network.train()
    Engine(network, torch.device("cpu"), precision="float32")(np.zeros((1, 8, 8), np.float32))
    assert network.training
    assert network.weight.requires_grad
    assert torch.equal(network.weight, before)


def test_cpu_is_found_and_what_is_missing_is_named():
    assert choose_device("cpu").type == "cpu"
    with pytest.raises(ConfigError, match=r"device cuda:99: torch finds .* choose cpu"):
        choose_device("cuda:99")


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="this computer has one")
def test_mps_is_named_where_there_is_none():
    with pytest.raises(ConfigError, match="device mps"):
        choose_device("mps")
