"""What every model must do, so that a new model's test is one line in `test_contract.py`."""

from __future__ import annotations

from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stellate.models import ModelEntry, build
from stellate.models.file import ModelInfo, load_model, save_model
from stellate.nn.inference import prepare_for_inference

__all__ = ["check_model"]


def check_model(entry: ModelEntry, small: dict[str, Any], folder: Path) -> None:
    """Run a model that maps images to named tensors through everything that the program does with it."""
    config = entry.config(**small)
    assert is_dataclass(config)
    assert config == entry.config(**asdict(config))
    assert all(f.name in asdict(config) for f in fields(config))
    torch.manual_seed(0)
    network = build(entry.name, small)
    image = torch.randn(2, config.in_channels, *(4 * s for s in config.stride))

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
