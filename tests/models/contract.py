"""What every model must do, so that a new model's test is one line in `test_contract.py`.

`check_model` takes a model through what the program does with a network alone, `check_task` through what it does with
network and task together: to learn, to decode whole images and tiles, and to merge.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from stellate.data.patches import collate
from stellate.geometry.tiles import Tile
from stellate.models import ModelEntry, build
from stellate.models.file import ModelInfo, load_model, save_model
from stellate.nn.inference import prepare_for_inference
from stellate.results import Boxes, Instances, Scores
from stellate.tasks import TASKS

__all__ = ["check_model", "check_task"]


def check_model(entry: ModelEntry, small: dict[str, Any], folder: Path) -> None:
    """Run a model that maps images to named tensors through everything that the program does with it."""
    config = entry.config(**small)
    assert is_dataclass(config)
    assert config == entry.config(**asdict(config))
    assert config == entry.config(**json.loads(json.dumps(asdict(config))))
    assert all(f.name in asdict(config) for f in fields(config))
    torch.manual_seed(0)
    network = build(entry.name, small)
    # networks that see an image as a whole take one size; others any that is a multiple of their stride
    sides = getattr(config, "input_size", tuple(4 * s for s in config.stride))
    image = torch.randn(2, config.in_channels, *sides)

    sum(out.square().mean() for out in network(image).values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())

    network.eval()
    with torch.inference_mode():
        expected: dict[str, Tensor] = network(image)
        for k in range(2):  # images of a batch do not see one another
            for name, out in network(image[k : k + 1]).items():
                torch.testing.assert_close(out[0], expected[name][k], atol=1e-5, rtol=1e-4)

    info = ModelInfo(name="x", model=entry.name, task=entry.task, config=asdict(config))
    loaded, read = load_model(save_model(folder / "x.safetensors", network, info))
    assert type(loaded).__name__ == entry.class_name
    assert entry.config(**read.config) == config
    for name, out in prepare_for_inference(loaded)(image).items():
        torch.testing.assert_close(out, expected[name], atol=1e-4, rtol=1e-4)


def check_task(
    entry: ModelEntry,
    small: dict[str, Any],
    sample: Any,
    class_names: tuple[str, ...] = (),
    *,
    settings: dict[str, Any] | None = None,
    rate: float = 3e-3,
) -> None:
    """Train a model on one sample through its task, then decode and merge what it predicts.

    Parameters
    ----------
    entry
        The model.
    small
        Fields of its config, for a network that is quick.
    sample
        Image (sides that are multiples of the stride, or those that the network takes) and annotation, as the task
        takes them.
    class_names
        Of the objects, or images, for networks that tell them apart.
    settings
        Of the task.
    rate
        Learning rate; deep networks without batch norm need a small one.
    """
    torch.manual_seed(0)
    network: Any = build(entry.name, small)
    task = TASKS[entry.task].for_network(network.config, settings or {}, class_names)
    image = torch.from_numpy(sample.pixels)[None]
    batch = collate([{"image": sample.pixels, **task.target(sample)}])
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    totals = []
    for _ in range(30):
        losses = task.loss(network, batch)
        assert all(value.ndim == 0 and value.isfinite() for value in losses.values())
        total = torch.stack(list(losses.values())).sum()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        totals.append(total.item())
    assert totals[-1] < 0.7 * totals[0]

    network.eval()
    with torch.inference_mode():
        first, again = network(image), network(image)
    assert all(torch.equal(first[name], again[name]) for name in first)

    shape = sample.pixels.shape[1:]
    output = {name: out[0] for name, out in first.items()}
    result = task.merge([task.decode(output, Tile.whole(shape))])
    check_scores(task, result, sample.annotation)


def check_scores(task: Any, result: Any, annotation: Any) -> None:
    """See that scores count what is there, and that a result agrees with itself."""
    found, same = task.score([result], [annotation]), task.score([result], [as_annotation(result)])
    if isinstance(result, Instances):
        assert found.n_true == len(annotation)
        assert found.n_predicted == len(result)
        assert same.mean_accuracy == 1
    elif isinstance(result, Scores):
        assert found.accuracy == float(result.probabilities.argmax() == annotation.probabilities.argmax())
        assert same.accuracy == 1
    elif isinstance(result, Boxes) and hasattr(task, "nms_threshold"):
        assert found.summary()["n_true"] == len(annotation)
        assert found.summary()["n_predicted"] == same.summary()["n_true"] == len(result)
        assert same.map == 1 or not len(result)
    elif isinstance(result, Boxes):
        assert len(result) == 1
        assert found.mean_iou == pytest.approx(iou(result.boxes_xyxy[0], annotation.boxes_xyxy[0]), abs=1e-5)
        assert same.mean_iou == pytest.approx(1)
        assert same.class_accuracy == 1
    else:
        assert found.pooled.n_pixels == int((task.mask(annotation).classes >= 0).sum())
        assert same.pooled.pixel_accuracy == same.pooled.mean("iou") == 1


def as_annotation(result: Any) -> Any:
    """A result as somebody who sees it so would annotate it: one class, where the result has probabilities."""
    if not isinstance(result, Scores):
        return result
    best = np.eye(len(result.class_names), dtype=np.float32)[result.probabilities.argmax()]
    return Scores(best, result.class_names)


def iou(one: Any, other: Any) -> float:
    """Area that two boxes have in common, over that of both."""
    x1, y1 = np.maximum(one[:2], other[:2])
    x2, y2 = np.minimum(one[2:], other[2:])
    common = max(0.0, float(x2 - x1)) * max(0.0, float(y2 - y1))
    areas = [float((box[2] - box[0]) * (box[3] - box[1])) for box in (one, other)]
    return common / (sum(areas) - common)
