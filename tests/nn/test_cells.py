from __future__ import annotations

import torch

from stellate.nn.cells import boxes_around, cell_middles, flattened


def test_cells_and_maps_have_one_order() -> None:
    shapes, strides = [(2, 3), (1, 2)], [4, 8]
    maps = []
    for (rows, columns), stride in zip(shapes, strides, strict=True):
        y = (torch.arange(rows).float() + 0.5) * stride
        x = (torch.arange(columns).float() + 0.5) * stride
        maps.append(torch.stack([x.expand(rows, columns), y[:, None].expand(rows, columns)])[None])
    points, sizes = cell_middles(shapes, strides)
    torch.testing.assert_close(flattened(maps)[0], points)
    assert sizes.tolist() == [4.0] * 6 + [8.0] * 2


def test_boxes_by_their_sides() -> None:
    points = torch.tensor([[10.0, 20.0]])
    assert boxes_around(points, torch.tensor([[[1.0, 2.0, 3.0, 4.0]]])).tolist() == [
        [[9.0, 18.0, 13.0, 24.0]]
    ]
