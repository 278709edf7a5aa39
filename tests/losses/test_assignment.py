"""Cells are given objects as a plain loop over objects and cells gives them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from stellate.losses.assignment import assign_by_task
from stellate.nn.cells import cell_middles


def iou(a: list[float], b: list[float]) -> float:
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def by_loops(
    scores: Tensor, boxes: Tensor, points: Tensor, true: Tensor, classes: Tensor, most: int
) -> tuple[list[int], list[float]]:
    """The same, object by object and cell by cell."""
    wanted: dict[int, list[int]] = {}
    quality: dict[tuple[int, int], float] = {}
    for g, box in enumerate(true.tolist()):
        inside = [
            n for n, (x, y) in enumerate(points.tolist()) if box[0] < x < box[2] and box[1] < y < box[3]
        ]
        if not inside:
            middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
            away = [(x - middle[0]) ** 2 + (y - middle[1]) ** 2 for x, y in points.tolist()]
            inside = [away.index(min(away))]
        for n in inside:
            overlap = iou(box, boxes[n].tolist())
            quality[g, n] = float(scores[n, classes[g]]) * overlap**6
        for n in sorted(inside, key=lambda n, g=g: -quality[g, n])[:most]:
            wanted.setdefault(n, []).append(g)
    objects = [-1] * len(points)
    for n, of in wanted.items():
        objects[n] = max(of, key=lambda g, n=n: iou(true[g].tolist(), boxes[n].tolist()))
    weights = [0.0] * len(points)
    for g in range(len(true)):
        cells = [n for n, of in enumerate(objects) if of == g]
        best = max((quality[g, n] for n in cells), default=0.0)
        best_iou = max((iou(true[g].tolist(), boxes[n].tolist()) for n in cells), default=0.0)
        for n in cells:
            weights[n] = quality[g, n] / best * best_iou if best else 0.0
    return objects, weights


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 6), st.integers(1, 5))
def test_as_a_plain_loop(seed: int, n_objects: int, most: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    points, _ = cell_middles([(8, 8), (4, 4)], [8, 16])
    low = points - torch.rand(len(points), 2, generator=rng) * 24 - 1
    boxes = torch.cat([low, points + torch.rand(len(points), 2, generator=rng) * 24 + 1], dim=1)
    corner = torch.rand(n_objects, 2, generator=rng) * 50
    true = torch.cat([corner, corner + torch.rand(n_objects, 2, generator=rng) * 30 + 0.5], dim=1)
    classes = torch.randint(0, 3, (n_objects,), generator=rng)
    scores = torch.rand(len(points), 3, generator=rng)
    found = assign_by_task(scores, boxes, points, true, classes, most=most)
    objects, weights = by_loops(scores, boxes, points, true, classes, most)
    assert found.objects.tolist() == objects
    assert found.weights.tolist() == pytest.approx(weights, abs=1e-5)


def test_a_tiny_object_between_the_middles_is_not_lost() -> None:
    points, _ = cell_middles([(4, 4)], [8])
    tiny = torch.tensor([[7.0, 7.0, 9.0, 9.5]])
    found = assign_by_task(
        torch.full((16, 1), 0.5), torch.cat([points - 4, points + 4], 1), points, tiny, torch.tensor([0])
    )
    assert (found.objects >= 0).sum() == 1
    assert found.weights.max() > 0


def test_no_objects() -> None:
    points, _ = cell_middles([(2, 2)], [8])
    found = assign_by_task(
        torch.rand(4, 2), torch.rand(4, 4), points, torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64)
    )
    assert found.objects.tolist() == [-1] * 4
    assert found.weights.tolist() == [0] * 4
