"""The models that ship: they are listed, fit in the wheel, and find what no training has shown them."""

from __future__ import annotations

import numpy as np
import pytest

from stellate import api
from stellate.cli.main import main
from stellate.data.synthetic import FieldConfig, generate_field
from stellate.data.synthetic_volumes import VolumeConfig, generate_volume
from stellate.metrics.instances import score_instances
from stellate.prediction.shipped import find_model, shipped_models

MOST_MEGABYTES = 8


def test_models_lists_what_ships(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    listed = capsys.readouterr().out
    assert {m.name for m in shipped_models()} == {"nuclei", "nuclei-3d"}
    for model in shipped_models():
        assert model.name in listed


@pytest.mark.parametrize("name", ["nuclei", "nuclei-3d"])
def test_each_is_small_and_says_what_it_is_and_is_not_for(name: str) -> None:
    (model,) = (m for m in shipped_models() if m.name == name)
    assert find_model(name).stat().st_size < MOST_MEGABYTES * 1e6
    assert model.axes == ("ZYX" if name.endswith("3d") else "YX")
    assert model.license == "BSD-3-Clause"
    assert model.card.startswith(f"# {name}\n")
    assert model.limits in model.card
    assert model.metrics["validation"]["n_true"] > 40


def test_nuclei_finds_most_of_a_generated_image() -> None:
    config = FieldConfig(shape=(192, 192), diameter=(16.0, 26.0), density=0.2)
    image, truth = generate_field(config, seed=987_654)
    _finds_most("nuclei", image, truth)


def test_nuclei_3d_finds_most_of_a_generated_volume() -> None:
    config = VolumeConfig(
        shape=(28, 96, 96),
        diameter=(14.0, 22.0),
        density=0.15,
        touching=0.3,
        squeeze=0.2,
        haze=0.2,
        pixel_um=0.3,
    )
    image, truth = generate_volume(config, seed=987_654)
    _finds_most("nuclei-3d", image, truth)


def _finds_most(name: str, image: object, truth: object) -> None:
    found = api.load(name).predict(image).result
    assert len(truth) > 15
    scores = score_instances([found], [truth], (0.5,)).pooled[0]
    assert scores.recall > 0.75
    assert scores.precision > 0.75
    # whatever is found is bright: not the background
    assert np.median(image.array[found.labels > 0]) > np.median(image.array[found.labels == 0])
