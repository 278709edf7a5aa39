from __future__ import annotations

import numpy as np
import pytest
import torch

from stellate.geometry.tiles import Tile, plan_tiles
from stellate.nn.parts import Part, Seams, cells

SHAPE = (96, 120)
TILES = list(plan_tiles(SHAPE, (44, 52), halo=(12, 12), multiple=(4, 4)))
VOLUME = (30, 44, 52)
BLOCKS = list(plan_tiles(VOLUME, (16, 24, 28), halo=(4, 8, 8), multiple=(2, 4, 4)))
REACHES = ((11, 12), (9, 4), (6, 3), (1, 0))
"""Pixels; of stages one after another."""


def through(
    tiles: list[Tile],
    seams: Seams | None,
    *,
    unit: int = 1,
    reaches: tuple[tuple[int, ...], ...] = REACHES,
) -> np.ndarray:
    """How often each cell was computed, ``(stages, *cells)``; each tile must get what it needs."""
    sides = [n // unit for n in tiles[0].shape]
    truth = torch.arange(int(np.prod(sides))).reshape(1, 1, *sides)
    count = np.zeros((len(reaches), *sides), dtype=int)
    for tile in tiles:
        shape = [b - a for a, b in tile.read]
        wanted = tuple((part.start, part.stop) for part in tile.own_in_read)
        part = Part(shape, wanted, origin=[a for a, _ in tile.read], seams=seams)
        here = truth[(..., *(slice(a // unit, b // unit) for a, b in tile.read))]
        units = tuple(here.shape[2:])
        for k, reach in enumerate(reaches):
            region, known = part.next_stage(units, reach)
            out = torch.full_like(here, -1)
            cells(out, units, region)[:] = cells(here, units, region)
            where = tuple(
                slice(a + r // unit, b + r // unit) for (a, b), (r, _) in zip(region, tile.read, strict=True)
            )
            count[k][where] += 1
            for piece in known:
                assert (cells(out, units, piece.region) == -1).all()  # what is known is not computed
                cells(out, units, piece.region)[:] = piece.tensors[0]
            needed = part.needed(units, reach)
            assert torch.equal(cells(out, units, needed), cells(here, units, needed))
            part.keep([out], units, reach, region)
    return count


def test_with_seams_everything_is_computed_once() -> None:
    assert len(TILES) == 16
    np.testing.assert_array_equal(through(TILES, Seams()), 1)
    alone = through(TILES, None)
    assert alone.min() == 1
    assert alone[0].mean() > 2


REACHES_3D = ((4, 8, 7), (3, 5, 4), (0, 1, 2))


def test_volumes_are_computed_once_too() -> None:
    assert len(BLOCKS) == 36
    np.testing.assert_array_equal(through(BLOCKS, Seams(), reaches=REACHES_3D), 1)
    row_only = through(BLOCKS, Seams(0), reaches=REACHES_3D)
    alone = through(BLOCKS, None, reaches=REACHES_3D)
    assert 1.2 < row_only.mean() < alone.mean() - 0.2


@pytest.mark.parametrize("seed", range(2))
def test_volumes_in_any_order_are_right(seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(BLOCKS))
    assert through([BLOCKS[i] for i in order], Seams(9000), reaches=REACHES_3D).min() == 1


@pytest.mark.parametrize("nbytes", [0, 3000, 40_000])
def test_less_is_kept_where_there_is_no_room(nbytes: int) -> None:
    """The next tile of a row still has what it needs; what lies above is computed again."""
    count = through(TILES, Seams(nbytes))
    assert count.min() == 1
    assert (count[:, :20] == 1).all()
    assert count.mean() > 1.05
    assert count.mean() < through(TILES, None).mean() - 0.2


def test_cells_of_several_pixels() -> None:
    """Those at the end of what is needed, that are needed in part only, are not taken from the tile before."""
    assert through(TILES, Seams(), unit=4).mean() < through(TILES, None, unit=4).mean()


@pytest.mark.parametrize("seed", range(3))
def test_tiles_in_any_order_are_right(seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(TILES))
    assert through([TILES[i] for i in order], Seams()).min() == 1


def test_wanted_cells_and_what_they_depend_on() -> None:
    part = Part((40, 32), ((8, 24), (16, 32)))
    assert part.needed((20, 16), (3, 4)) == ((2, 14), (6, 16))
    assert part.needed((5, 4), (0, 20)) == ((1, 3), (0, 4))
    x = torch.arange(40 * 32).reshape(1, 1, 40, 32)
    assert torch.equal(cells(x, (20, 16), ((2, 14), (6, 16))), x[..., 4:28, 12:32])
