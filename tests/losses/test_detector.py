"""The losses of a detector, against numbers worked out cell by cell."""

from __future__ import annotations

import math

import pytest
import torch

from stellate.losses.detector import CellPredictions, detector_losses
from stellate.losses.distances import expected_distances
from stellate.nn.cells import boxes_around, cell_middles

BINS = 4


def predictions(n_images: int = 1) -> CellPredictions:
    """Cells of 8 pixels over an image of 16 x 16, every side at an expected distance of a cell and a half."""
    points, sizes = cell_middles([(2, 2)], [8])
    sides = torch.zeros(n_images, 4, 4, BINS)
    boxes = boxes_around(points, expected_distances(sides) * sizes[:, None])
    return CellPredictions(torch.zeros(n_images, 4, 2), sides, boxes, points, sizes)


def test_one_object_that_one_cell_has_exactly() -> None:
    said = predictions()
    box = said.boxes_xyxy[0, 3:4].clone()  # all four cells are inside it, the last says it exactly
    losses = detector_losses(said, [box], [torch.tensor([1])])
    ious = [
        float(
            max(0, min(a[2], box[0, 2]) - max(a[0], box[0, 0]))
            * max(0, min(a[3], box[0, 3]) - max(a[1], box[0, 1]))
        )
        for a in said.boxes_xyxy[0].tolist()
    ]
    areas = 24.0 * 24.0
    ious = [both / (2 * areas - both) for both in ious]
    weights = [(iou / max(ious)) ** 6 * max(ious) for iou in ious]
    total = max(1.0, sum(weights))
    # logits are 0, so that each entry costs ln 2 whatever it is taught
    assert float(losses["class"]) == pytest.approx(8 * math.log(2) / total, rel=1e-5)
    # all bins are as likely, so that every side costs ln 4 whatever its distance
    assert float(losses["sides"]) == pytest.approx(sum(weights) * math.log(BINS) / total, rel=1e-5)
    assert ious[3] == pytest.approx(1)
    assert 0 < float(losses["box"]) < 1


def test_without_objects_there_is_the_class_alone() -> None:
    losses = detector_losses(predictions(), [torch.zeros(0, 4)], [torch.zeros(0, dtype=torch.int64)])
    assert float(losses["class"]) == pytest.approx(8 * math.log(2))
    assert float(losses["box"]) == float(losses["sides"]) == 0


def test_images_of_a_batch_count_together() -> None:
    said = predictions(2)
    box = said.boxes_xyxy[0, :1].clone()
    nothing = (torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))
    both = detector_losses(said, [box, nothing[0]], [torch.tensor([0]), nothing[1]])
    alone = detector_losses(predictions(), [box], [torch.tensor([0])])
    assert float(both["box"]) == pytest.approx(float(alone["box"]))
    assert float(both["class"]) == pytest.approx(2 * float(alone["class"]), rel=1e-5)
