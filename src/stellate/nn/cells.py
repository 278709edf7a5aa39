"""The cells of a detector's grids: where they are, and the boxes that they say."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["boxes_around", "cell_middles", "flattened"]


def cell_middles(shapes: Sequence[tuple[int, int]], strides: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Middles of the cells of several grids over one image, row by row, grid after grid.

    Parameters
    ----------
    shapes
        Rows and columns of each grid.
    strides
        Pixels per cell of each.

    Returns
    -------
    points_xy : Tensor
        ``(N, 2)`` float32, in pixels at their edges: a cell of 8 pixels at the corner has its middle at 4.
    sizes : Tensor
        ``(N,)`` float32, pixels per cell.

    Examples
    --------
    >>> cell_middles([(1, 2)], [8])
    (tensor([[ 4.,  4.],
            [12.,  4.]]), tensor([8., 8.]))
    """
    points, sizes = [], []
    for (rows, columns), stride in zip(shapes, strides, strict=True):
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        points.append((torch.stack([x, y], dim=-1).reshape(-1, 2) + 0.5) * stride)
        sizes.append(torch.full((rows * columns,), float(stride)))
    return torch.cat(points), torch.cat(sizes)


def flattened(maps: Sequence[Tensor]) -> Tensor:
    """Maps ``(B, F, rows, columns)`` of several grids as one tensor ``(B, N, F)``, in the order of `cell_middles`."""
    return torch.cat([m.flatten(2).transpose(1, 2) for m in maps], dim=1)


def boxes_around(points_xy: Tensor, distances: Tensor) -> Tensor:
    """Boxes by the distances of their sides from points.

    Parameters
    ----------
    points_xy
        ``(N, 2)``.
    distances
        ``(..., N, 4)``: of the left, top, right and bottom side, in the same unit.

    Returns
    -------
    Tensor
        ``(..., N, 4)``: x1, y1, x2, y2.
    """
    low, high = distances.split(2, dim=-1)
    return torch.cat([points_xy - low, points_xy + high], dim=-1)
