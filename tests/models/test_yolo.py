from __future__ import annotations

import pytest
import torch
from torchvision.ops import nms

from stellate.errors import ConfigError, InputError
from stellate.models.yolo import STRIDES, Yolo, YoloConfig


def small() -> Yolo:
    torch.manual_seed(0)
    return Yolo(YoloConfig(n_classes=3, width=8))


def test_shapes_of_all_that_comes_out() -> None:
    network = small()
    image = torch.rand(2, 3, 64, 96)
    maps = network.maps(image)
    for stride in STRIDES:
        assert maps[f"classes_{stride}"].shape == (2, 3, 64 // stride, 96 // stride)
        assert maps[f"sides_{stride}"].shape == (2, 64, 64 // stride, 96 // stride)
    n_cells = sum((64 // s) * (96 // s) for s in STRIDES)
    output = network.eval()(image)
    assert output["boxes"].shape == (2, n_cells, 4)
    assert output["scores"].shape == (2, n_cells, 3)


def test_a_cell_says_boxes_around_its_own_middle() -> None:
    network = small().eval()
    with torch.no_grad():
        said = network.cells(torch.rand(1, 3, 64, 64))
    boxes, points = said.boxes_xyxy[0], said.points_xy
    assert (boxes[:, :2] <= points).all()
    assert (boxes[:, 2:] >= points).all()
    reach = (boxes[:, 2:] - points) / said.sizes[:, None]
    assert (reach <= network.config.bins - 1).all()


def test_classes_begin_unlikely() -> None:
    network = small().eval()
    with torch.no_grad():
        scores = network(torch.rand(1, 3, 64, 64))["scores"]
    assert scores.max() < 0.1


def test_it_learns_the_objects_of_two_images() -> None:
    network = small()
    image = torch.rand(2, 3, 128, 160)
    boxes = [
        torch.tensor([[10.0, 20, 50, 70], [80, 30, 120, 100]]),
        torch.tensor([[5.0, 5, 40, 35], [60, 60, 150, 120]]),
    ]
    classes = [torch.tensor([0, 2]), torch.tensor([1, 1])]
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(100):
        losses = network(image, boxes, classes)
        total = losses["class"] + 2 * losses["box"] + 0.5 * losses["sides"]
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    with torch.no_grad():
        for _ in range(200):  # lets the statistics of batch norms settle
            network.maps(image)
        output = network.eval()(image)
    for k in range(2):
        scores, found = output["scores"][k].max(dim=1)
        kept = nms(output["boxes"][k], scores, 0.5)[:2]
        order = output["boxes"][k][kept, 0].argsort()
        torch.testing.assert_close(output["boxes"][k][kept][order], boxes[k], atol=6, rtol=0)
        assert found[kept][order].tolist() == classes[k].tolist()


def test_what_cannot_be() -> None:
    with pytest.raises(ConfigError, match="width 12: expected a multiple of 8"):
        YoloConfig(width=12)
    with pytest.raises(ConfigError, match="bins 1: expected a whole number from 2 to 64"):
        YoloConfig(bins=1)
    with pytest.raises(InputError, match="multiples of"):
        small()(torch.rand(1, 3, 60, 64))
