"""What is chosen from the data, and that what the user sets wins."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stellate.data.fingerprint import Fingerprint
from stellate.errors import ConfigError, DataError
from stellate.models.stardist import StarDistConfig
from stellate.training.choices import choose
from stellate.training.settings import TrainSettings


def data(diameter: float, *, extent: float | None = None, **changes: object) -> Fingerprint:
    widest = 1.5 * diameter if extent is None else extent
    fingerprint = Fingerprint(
        n_images=10,
        n_objects=100,
        axes={"YX": 10},
        dtypes={"uint8": 10},
        channels={"1": 10},
        spatial_axes="YX",
        shape_min=(256, 256),
        shape_median=(512, 512),
        shape_max=(1024, 1024),
        intensities={},
        object_diameters={"50": diameter, "99": widest},
        object_extents={"50": diameter, "99": widest},
        median_extent=(diameter, diameter),
        objects_per_image=(1, 10, 20),
        images_without_objects=0,
        foreground_share=0.2,
        spacing_um=None,
    )
    return replace(fingerprint, **changes)


@pytest.mark.parametrize(("diameter", "grid"), [(6, (1, 1)), (16, (2, 2)), (90, (4, 4))])
def test_the_grid_follows_the_size_of_the_objects(diameter: float, grid: tuple[int, int]) -> None:
    assert choose("stardist", data(diameter), TrainSettings()).network["grid"] == grid


@pytest.mark.parametrize("extent", [10, 60, 100, 150, 300])
def test_the_network_sees_the_largest_objects_and_what_lies_around_them(extent: float) -> None:
    network = choose("stardist", data(20, extent=extent), TrainSettings()).network
    config = StarDistConfig(**network)
    assert min(config.receptive_field) >= 2 * extent or config.depth == 5
    if config.depth > 3:
        assert min(StarDistConfig(grid=config.grid, depth=config.depth - 1).receptive_field) < 2 * extent


@pytest.mark.parametrize("extent", [10, 200, 900])
def test_patches_fit_the_network(extent: float) -> None:
    choices = choose("stardist", data(20, extent=extent), TrainSettings())
    stride = StarDistConfig(**choices.network).stride
    assert all(p % s == 0 and 128 <= p <= 544 for p, s in zip(choices.patch, stride, strict=True))


def test_what_the_user_sets_wins_and_is_said_to_be_set() -> None:
    settings = TrainSettings(
        network={"grid": (1, 1), "depth": 2, "n_rays": 16, "batch_norm": False},
        patch=(96, 64),
        task={"distance_loss": "l1"},
    )
    choices = choose("stardist", data(90), settings)
    assert choices.network["grid"] == (1, 1)
    assert choices.network["n_rays"] == 16
    assert choices.patch == (96, 64)
    assert choices.learning_rate == 3e-4
    assert choices.task["distance_weight"] == 0.2
    said = {r.name: r.why for r in choices.reasons}
    assert all(said[name] == "as set" for name in ("grid", "depth", "batch_norm", "n_rays", "patch"))


def test_every_choice_has_a_reason_in_words() -> None:
    lines = choose("stardist", data(16), TrainSettings()).lines()
    assert any(line.startswith("grid") and "2 x 2" in line and "16 px" in line for line in lines)
    assert all(": " in line for line in lines)


def test_fine_tuning_keeps_the_network() -> None:
    start = {"in_channels": 1, "n_rays": 8, "grid": (4, 4), "depth": 2}
    choices = choose("stardist", data(16), TrainSettings(), start)
    assert choices.network == start
    assert choices.learning_rate < choose("stardist", data(16), TrainSettings()).learning_rate
    with pytest.raises(ConfigError, match=r"network\.n_rays is 8 in the model to start from, not 32"):
        choose("stardist", data(16), TrainSettings(network={"n_rays": 32}), start)


def test_volumes_and_mixed_channels_are_refused() -> None:
    with pytest.raises(DataError, match="ZYX"):
        choose("stardist", data(16, spatial_axes="ZYX"), TrainSettings())
    with pytest.raises(DataError, match="9 with 1, 1 with 3"):
        choose("stardist", data(16, channels={"1": 9, "3": 1}), TrainSettings())


def test_a_patch_that_the_network_cannot_take() -> None:
    with pytest.raises(ConfigError, match="multiples of the network's stride"):
        choose("stardist", data(16), TrainSettings(patch=(100, 100)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": 0}, "epochs 0: must be at least 1"),
        ({"epoch": 5}, "did you mean 'epochs'"),
        ({"synthetic": 1.5}, "synthetic 1.5: must lie in 0..1"),
        ({"batch_size": 5, "devices": 2}, "cannot be shared evenly"),
        ({"scale": (2.0, 1.0)}, "the smaller first"),
        ({"workers": -1}, "must not be negative"),
    ],
)
def test_settings_out_of_range(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainSettings.from_mapping(values)


def test_an_unknown_network_setting_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="did you mean 'n_rays'"):
        choose("stardist", data(16), TrainSettings(network={"n_ray": 8}))
