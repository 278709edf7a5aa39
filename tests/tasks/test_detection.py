"""Boxes of tiles are put together: an object on a seam is found once, and whole."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import box_iou

from stellate.data.samples import Sample
from stellate.errors import ConfigError
from stellate.geometry.tiles import Tile
from stellate.prediction.tiling import Layout
from stellate.results import Boxes
from stellate.tasks.detection import DetectionTask

CONFIG: Any = SimpleNamespace(halo=(16, 16), stride=(8, 8), n_classes=2)
NAMES = ("round", "long")


def task(**settings: Any) -> DetectionTask:
    return DetectionTask.for_network(CONFIG, settings, NAMES)


def said_of(tile: Tile, boxes: np.ndarray, classes: np.ndarray, noise: float, seed: int) -> dict[str, Any]:
    """What a perfect network says of a tile: the boxes that it sees, cut where the tile ends, each said thrice."""
    (y0, y1), (x0, x1) = tile.read
    rng = np.random.default_rng([seed, y0, x0])
    low, high = np.array([x0, y0, x0, y0]), np.array([x1, y1, x1, y1])
    scaled = boxes * tile.scale
    cut = scaled.clip(low, high)
    seen = (cut[:, 2] - cut[:, 0] > 0.5) & (cut[:, 3] - cut[:, 1] > 0.5)
    cells = np.repeat(cut[seen] - low, 3, axis=0)
    cells = cells + rng.uniform(-noise, noise, cells.shape)
    scores = np.zeros((len(cells), 2), dtype=np.float32)
    of = np.repeat(classes[seen], 3)
    scores[np.arange(len(cells)), of] = rng.uniform(0.5, 1.0, len(cells))
    return {"boxes": torch.from_numpy(cells.astype(np.float32)), "scores": torch.from_numpy(scores)}


def apart(rng: np.random.Generator, shape: tuple[int, int], count: int) -> np.ndarray:
    """Boxes that hardly overlap."""
    found: list[list[float]] = []
    for _ in range(20 * count):
        x, y = rng.uniform(0, shape[1] - 8), rng.uniform(0, shape[0] - 8)
        box = [x, y, min(shape[1], x + rng.uniform(8, 30)), min(shape[0], y + rng.uniform(8, 30))]
        others = torch.tensor(found).reshape(-1, 4)
        if not len(others) or box_iou(torch.tensor([box]), others).max() < 0.2:
            found.append(box)
        if len(found) == count:
            break
    return np.array(found)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(96, 200), st.sampled_from([1.0, 0.5, 1.7]))
def test_objects_on_seams_are_found_once_and_whole(seed: int, side: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    shape = (230, 310)
    boxes = apart(rng, shape, 25)
    classes = rng.integers(0, 2, len(boxes))
    detect = task(largest=32.0)
    layout = Layout(shape, CONFIG, scale=scale, margin=(detect.margin(scale),) * 2)
    tiles = list(layout.cut(max(side, layout.least_side)))
    parts = [detect.decode(said_of(t, boxes, classes, 0.1, seed), t) for t in tiles]
    found = detect.merge(iter(parts))
    assert len(found) == len(boxes)
    ious = box_iou(torch.from_numpy(boxes).float(), torch.from_numpy(found.boxes_xyxy))
    best, at = ious.max(dim=1)
    assert len(set(at.tolist())) == len(boxes)
    assert best.min() > 1 - 4 * 0.1 / scale / 8
    assert np.array_equal(found.classes[at.numpy()], classes)
    assert (np.diff(found.scores) <= 0).all()


def test_boxes_are_in_the_users_pixels_and_inside_the_image() -> None:
    tile = Tile(((0, 20), (0, 40)), ((0, 20), (0, 40)), (20, 40), scale=0.5, target_shape=(40, 80))
    output = {"boxes": torch.tensor([[-3.0, 2.0, 10.0, 30.0]]), "scores": torch.tensor([[0.1, 0.9]])}
    found = task().merge([task().decode(output, tile)])
    assert found.boxes_xyxy.tolist() == [[0, 4, 20, 40]]
    assert found.classes.tolist() == [1]
    assert found.class_names == NAMES
    assert found.scores is not None
    assert found.scores.tolist() == pytest.approx([0.9])


def test_overlapping_boxes_of_two_classes_are_both_kept_and_the_most_probable_ones_count() -> None:
    tile = Tile.whole((20, 20))
    box = torch.tensor([[2.0, 2.0, 10.0, 10.0]])
    output = {"boxes": box.repeat(3, 1), "scores": torch.tensor([[0.6, 0.0], [0.7, 0.0], [0.0, 0.8]])}
    found = task().merge([task().decode(output, tile)])
    assert found.classes.tolist() == [1, 0]
    assert found.scores is not None
    assert found.scores.tolist() == pytest.approx([0.8, 0.7])
    few = task(most=1)
    assert len(few.merge([few.decode(output, tile)])) == 1


def test_nothing_found() -> None:
    output = {"boxes": torch.zeros(5, 4), "scores": torch.zeros(5, 2)}
    found = task().merge([task().decode(output, Tile.whole((8, 8)))])
    assert len(found) == 0
    assert found.boxes_xyxy.shape == (0, 4)


def test_targets_are_lists_of_boxes_in_pixels() -> None:
    boxes = Boxes(np.array([[1, 2, 3, 4.5]], dtype=np.float32), np.array([1], dtype=np.int32), NAMES)
    target = task().target(Sample(np.zeros((1, 8, 8), dtype=np.float32), boxes))
    assert target["boxes"][0].tolist() == [[1, 2, 3, 4.5]]
    assert target["classes"][0].tolist() == [1]
    assert target["classes"][0].dtype == np.int64


def test_losses_are_weighed_by_their_names() -> None:
    def network(image: Any, boxes: Any, classes: Any) -> dict[str, Any]:
        assert [len(b) for b in boxes] == [1, 0]
        return {"class": torch.tensor(1.0), "box": torch.tensor(2.0), "objectness": torch.tensor(3.0)}

    batch = {
        "image": torch.zeros(2, 1, 8, 8),
        "boxes": [[torch.zeros(1, 4)], [torch.zeros(0, 4)]],
        "classes": [[torch.zeros(1)], [torch.zeros(0)]],
    }
    losses = task(box_weight=4.0, class_weight=0.5).loss(network, batch)  # type: ignore[arg-type]
    assert {name: float(value) for name, value in losses.items()} == {
        "class": 0.5,
        "box": 8.0,
        "objectness": 3.0,
    }


def test_settings_out_of_range() -> None:
    with pytest.raises(ConfigError, match=r"nms_threshold 1.5: expected a number from 0 to 1"):
        task(nms_threshold=1.5)
    with pytest.raises(ConfigError, match="most 0: expected a whole number of objects"):
        task(most=0)
    with pytest.raises(ConfigError, match="the task has no setting 'box_wait'; did you mean 'box_weight'"):
        task(box_wait=1)
