"""From the maps of StarDist's models for volumes to the objects and labels that StarDist makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from stellate.geometry.rasterize_3d import paint_polyhedra
from stellate.geometry.suppression_3d import KEPT, suppress_3d
from stellate.models.stardist_folder import read_stardist_folder

FOLDERS = sorted(
    f.parent for f in (Path(__file__).parents[1] / "fixtures" / "stardist_3d").glob("*/expected.npz")
)


@pytest.fixture(params=FOLDERS, ids=lambda f: f.name)
def case(request: pytest.FixtureRequest) -> dict[str, Any]:
    """StarDist's outputs, and our scores and distances of its candidates."""
    expected = dict(np.load(request.param / "expected.npz"))
    network, info = read_stardist_folder(request.param)
    config = network.config
    x = expected["image"].astype(np.float32) / 64 - 1
    x = x[np.newaxis] if config.in_channels == 1 else np.moveaxis(x, -1, 0)
    pad = [(0, 0)] + [(0, -n % s) for n, s in zip(x.shape[1:], config.stride, strict=True)]
    with torch.inference_mode():
        maps = network(torch.from_numpy(np.pad(x, pad, mode="reflect"))[None])
    cells = tuple((expected["candidates"] // config.grid).T)
    return expected | {
        "rays": config.rays,
        "nms": info.settings["nms_threshold"],
        "scores": maps["prob"][0, 0].sigmoid().numpy()[cells],
        "distances": np.maximum(np.moveaxis(maps["distances"][0].numpy(), 0, -1)[cells], 1e-3),
    }


def test_suppression_keeps_what_stardist_keeps(case: dict[str, Any]) -> None:
    decided = suppress_3d(case["candidates"], case["distances"], case["scores"], case["nms"], case["rays"])
    kept = decided == KEPT
    best_first = np.argsort(-case["scores"][kept])
    np.testing.assert_array_equal(case["candidates"][kept][best_first], case["points"])
    np.testing.assert_allclose(case["scores"][kept][best_first], case["kept_prob"], atol=1e-4)
    assert 0 < kept.sum() < len(kept)


def test_painting_is_stardists(case: dict[str, Any]) -> None:
    found = (case["points"][:, np.newaxis] == case["candidates"]).all(axis=2)
    distances = case["distances"][found.argmax(axis=1)]
    labels = paint_polyhedra(
        case["points"], distances, case["rays"], case["labels"].shape, scores=case["kept_prob"]
    )
    assert found.any(axis=1).all()
    np.testing.assert_array_equal(labels, case["labels"])
