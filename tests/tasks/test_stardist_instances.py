"""From StarDist's weights to instances, against what StarDist keeps and paints.

StarDist cuts polygons with a library that rounds the corners of the cut to whole pixels; stellate's areas are exact.
A pair whose overlap lies within about 0.02 of the threshold can so be decided otherwise. That happens for random
weights, whose outlines are ragged; after training, outlines of one object nearly coincide.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.segmentation import find_boundaries

from stellate.geometry.rasterize import paint_polygons
from stellate.geometry.suppression import KEPT, suppress
from stellate.geometry.tiles import Tile
from stellate.models.stardist_folder import read_stardist_folder
from stellate.nn.inference import prepare_for_inference
from stellate.tasks.instances import InstancesTask

FIXTURES = Path(__file__).parents[1] / "fixtures" / "stardist"
MORE = os.environ.get("STELLATE_STARDIST_FIXTURES")
FOLDERS = list(
    dict.fromkeys(
        f.parent for root in (FIXTURES, Path(MORE or FIXTURES)) for f in sorted(root.glob("*/expected.npz"))
    )
)
TRAINED = ("trained_grid22", "keras2_classes_grid22", "full_trained_grid22")


def predict(source: Path) -> tuple[dict[str, np.ndarray], InstancesTask, dict[str, torch.Tensor], Tile]:
    """What StarDist made of the image, and what is needed to decode stellate's maps of it."""
    expected = dict(np.load(source / "expected.npz"))
    network, info = read_stardist_folder(source)
    x = np.atleast_3d(expected["image"].astype(np.float32) / 64 - 1)
    pad = [(0, -n % s) for n, s in zip(x.shape, network.config.stride, strict=False)] + [(0, 0)]
    batch = torch.from_numpy(np.pad(x, pad, mode="reflect").transpose(2, 0, 1)[None].copy())
    maps = {name: tensor[0] for name, tensor in prepare_for_inference(network)(batch).items()}
    task = InstancesTask.for_network(network.config, info.settings, info.class_names)
    return expected, task, maps, Tile.whole(x.shape[:2])


def at(
    points: np.ndarray, maps: dict[str, torch.Tensor], grid: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Distances and scores of candidates at these pixels."""
    rows, columns = (torch.from_numpy(points[:, axis].astype(np.int64) // g) for axis, g in enumerate(grid))
    scores = maps["prob"][0].sigmoid()[rows, columns]
    return maps["distances"][:, rows, columns].T.clamp(min=1e-3).numpy(), scores.numpy()


def as_set(points: np.ndarray) -> set[tuple[int, ...]]:
    return {tuple(p) for p in points.astype(int).tolist()}


@pytest.mark.parametrize("source", FOLDERS, ids=lambda f: f.name)
def test_suppression_keeps_what_stardist_keeps(source: Path) -> None:
    expected, task, maps, _ = predict(source)
    points = expected["candidates"]
    distances, scores = at(points, maps, task.grid)
    kept = suppress(points.astype(np.float32), distances, scores, task.nms_threshold) == KEPT
    differ = as_set(points[kept]) ^ as_set(expected["points"])
    if source.name in TRAINED:
        assert not differ
    assert len(differ) <= max(1, 0.01 * len(expected["points"]))


@pytest.mark.parametrize("source", FOLDERS, ids=lambda f: f.name)
def test_painting_is_stardists_but_for_rounding(source: Path) -> None:
    """The objects that StarDist kept, painted by stellate: other pixels where a pixel lies on an outline only."""
    expected, task, maps, tile = predict(source)
    distances, scores = at(expected["points"], maps, task.grid)
    labels = paint_polygons(expected["points"].astype(np.float32), distances, tile.shape, scores=scores)
    differ = labels != expected["labels"]
    on_an_outline = find_boundaries(expected["labels"]) | find_boundaries(labels)
    assert not (differ & ~on_an_outline).any()
    assert differ.mean() < 1e-4


@pytest.mark.parametrize("source", [f for f in FOLDERS if f.name in TRAINED], ids=lambda f: f.name)
def test_the_whole_road_gives_stardists_objects(source: Path) -> None:
    expected, task, maps, tile = predict(source)
    found = task.merge([task.decode(maps, tile)])
    assert found.centres is not None
    assert found.scores is not None
    theirs = {tuple(p): k for k, p in enumerate(expected["points"].astype(int).tolist())}
    # an object that others have painted over entirely is a row of StarDist's table, but not of stellate's
    visible = [p for p, k in theirs.items() if (expected["labels"] == k + 1).any()]
    assert as_set(found.centres) == set(visible)
    other = np.array([theirs[tuple(p)] for p in found.centres.astype(int).tolist()])
    np.testing.assert_allclose(found.scores, expected["kept_prob"][other], atol=1e-4)
    assert (np.append(0, other + 1)[found.labels] != expected["labels"]).mean() < 1e-4
    if "class_id" in expected:
        assert found.classes is not None
        known = (
            expected["class_id"][other] > 0
        )  # 0: background is the likeliest class; stellate names an object
        np.testing.assert_array_equal(found.classes[known] + 1, expected["class_id"][other][known])
