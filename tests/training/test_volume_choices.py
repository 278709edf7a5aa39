"""What is chosen for volumes, from the shape of the objects along each axis."""

from __future__ import annotations

import math

import pytest

from stellate.data.fingerprint import Fingerprint
from stellate.errors import ConfigError
from stellate.models.file import ModelInfo
from stellate.models.stardist import StarDistConfig
from stellate.training.choices import Choices, choose, widest_field
from stellate.training.settings import TrainSettings
from stellate.training.volume_choices import MOST_VOXELS, PATCH_VOXELS

from .fingerprints import fingerprint

Sides = tuple[float, float, float]


def data(
    sides: Sides = (12, 24, 24),
    *,
    large: float = 1.5,
    shape: tuple[int, int, int] = (64, 256, 256),
    **changes: object,
) -> Fingerprint:
    """Objects of these sides, the large ones longer by a factor."""
    diameter = math.prod(sides) ** (1 / 3)
    known = {
        "spatial_axes": "ZYX",
        "object_diameters": {"50": diameter, "99": large * diameter},
        "object_extents": {"50": max(sides), "99": large * max(sides)},
        "median_extent": sides,
        "large_extent": tuple(large * s for s in sides),
        "anisotropy": tuple(max(sides) / s for s in sides),
        **dict.fromkeys(("shape_min", "shape_median", "shape_max"), shape),
    }
    return fingerprint(**{**known, **changes})


def chosen(fingerprint: Fingerprint, **settings: object) -> Choices:
    return choose("stardist", fingerprint, TrainSettings(**settings))


def why(choices: Choices, name: str) -> str:
    return next(r.why for r in choices.reasons if r.name == name)


def test_a_network_for_volumes_as_stardist_has_it() -> None:
    config = StarDistConfig(**chosen(data()).network)
    assert (config.n_rays, config.depth, config.anisotropy) == (96, 2, (2, 1, 1))
    assert (config.grid, config.pool, config.backbone) == ((1, 2, 2), (2, 2, 2), "unet")
    assert config.rays is not None
    assert not config.foreground


@pytest.mark.parametrize(
    ("sides", "grid"),
    [
        ((6, 6, 6), (1, 1, 1)),
        ((20, 20, 20), (2, 2, 2)),
        ((60, 60, 60), (4, 4, 4)),
        ((16, 20, 20), (2, 2, 2)),
        ((12, 20, 20), (1, 2, 2)),
        ((30, 60, 60), (2, 4, 4)),
        ((10, 70, 70), (1, 4, 4)),
        ((20, 9, 9), (2, 1, 1)),
    ],
)
def test_the_grid_is_about_even_in_space(sides: Sides, grid: tuple[int, int, int]) -> None:
    choices = chosen(data(sides))
    assert choices.network["grid"] == grid
    lengths = [g * a for g, a in zip(grid, choices.network["anisotropy"], strict=True)]
    assert max(lengths) / min(lengths) <= 2 or 1 in grid


def test_anisotropy_of_few_objects_is_that_of_the_voxels() -> None:
    spacing = (0.9, 0.3, 0.3)
    many, few = data(spacing_um=spacing), data(spacing_um=spacing, n_objects=4)
    assert chosen(many).network["anisotropy"] == (2, 1, 1)
    assert "by the voxel size it would be 3 x 1 x 1" in why(chosen(many), "anisotropy")
    assert chosen(few).network["anisotropy"] == (3, 1, 1)
    assert chosen(data(n_objects=4)).network["anisotropy"] == (2, 1, 1)
    assert "no voxel size is stated" in why(chosen(data()), "anisotropy")


@pytest.mark.parametrize(("z", "told"), [(0.6, False), (0.36, False), (1.5, True), (0.06, True)])
def test_a_voxel_size_that_contradicts_the_objects_is_told(z: float, told: bool) -> None:
    """Twice as flat as they should be is told; objects suggest 2."""
    reason = why(chosen(data(spacing_um=(z, 0.3, 0.3))), "anisotropy")
    assert ("see that it is right" in reason) == told


def test_rows_and_columns_that_hardly_differ_are_alike() -> None:
    assert chosen(data((10, 20, 21))).network["anisotropy"] == pytest.approx((2.05, 1, 1), abs=0.01)
    assert chosen(data((10, 20, 30))).network["anisotropy"] == pytest.approx((3, 1.5, 1))


@pytest.mark.parametrize("backbone", ["unet", "resnet"])
@pytest.mark.parametrize("side", [8, 16, 30, 46])
def test_the_network_sees_large_objects_and_what_lies_around_them(backbone: str, side: float) -> None:
    network = {"backbone": backbone} if backbone == "resnet" else {}
    choices = chosen(data((side / 2, side, side), shape=(300, 300, 300)), network=network)
    config = StarDistConfig(**choices.network)
    most = config.n_blocks == 10 if backbone == "resnet" else config.depth == 4
    seen = zip(config.receptive_field, (side / 2, side, side), strict=True)
    assert all(field >= 2 * 1.5 * s for field, s in seen) or most


def test_the_network_need_not_see_more_than_the_volumes_have() -> None:
    assert chosen(data((20, 40, 40), shape=(300, 300, 300))).network["depth"] == 3
    assert chosen(data((20, 40, 40), shape=(40, 90, 90))).network["depth"] == 2


@pytest.mark.parametrize("name", ["depth", "n_blocks"])
def test_objects_that_no_network_sees_are_told(name: str) -> None:
    network = {"backbone": "resnet"} if name == "n_blocks" else {}
    huge, usual = data((900, 900, 900), shape=(1000, 1000, 1000)), data()
    assert "scale the volumes down" in why(chosen(huge, network=network), name)
    assert "scale the volumes down" not in why(chosen(usual, network=network), name)
    shallow = chosen(data((40, 40, 40)), network={**network, name: 1 if name == "n_blocks" else 0, "grid": 1})
    assert why(shallow, name) == "as set"


def test_few_planes_and_long_voxels_are_not_pooled() -> None:
    assert chosen(data(shape=(5, 256, 256))).network["pool"] == (1, 2, 2)
    assert chosen(data((5, 24, 24))).network["pool"] == (1, 2, 2)
    assert chosen(data((9, 24, 24))).network["pool"] == (2, 2, 2)


@pytest.mark.parametrize(
    "shape", [(1, 64, 64), (7, 30, 30), (31, 61, 57), (64, 256, 256), (2000, 2000, 2000)]
)
@pytest.mark.parametrize("sides", [(1, 2, 2), (7, 15, 14), (25, 25, 25), (80, 120, 120), (300, 300, 300)])
@pytest.mark.parametrize("backbone", ["unet", "resnet"])
def test_patches_fit_network_volumes_and_memory(
    shape: tuple[int, int, int], sides: Sides, backbone: str
) -> None:
    choices = chosen(data(sides, shape=shape), network={"backbone": backbone})
    stride = StarDistConfig(**choices.network).stride
    assert all(p % s == 0 for p, s in zip(choices.patch, stride, strict=True))
    assert all(p <= max(n, s) for p, n, s in zip(choices.patch, shape, stride, strict=True))
    assert math.prod(choices.patch) <= (PATCH_VOXELS if max(sides) < 50 else MOST_VOXELS)
    assert 1 <= choices.batch_size <= 4
    if max(sides) < 50 and min(shape) > 60:
        assert all(p >= 1.5 * s for p, s in zip(choices.patch, sides, strict=True))


@pytest.mark.parametrize("shape", [(64, 256, 256), (64, 80, 500), (200, 40, 30)])
def test_patches_are_square_in_the_plane(shape: tuple[int, int, int]) -> None:
    """So that they can be turned by quarters, though objects and volumes are not."""
    depth, height, width = chosen(data((10, 21, 24), shape=shape)).patch
    assert height == width
    assert depth >= 1.5 * 10


def test_fewer_large_patches_a_step() -> None:
    assert chosen(data(), patch=(128, 128, 128)).batch_size == 1
    assert chosen(data(), patch=(16, 32, 32)).batch_size == 4
    assert chosen(data(), patch=(128, 128, 128), batch_size=3).batch_size == 3


def test_what_the_user_sets_wins() -> None:
    network = {
        "anisotropy": (3, 1, 1),
        "grid": 2,
        "n_rays": 64,
        "depth": 1,
        "pool": (1, 2, 2),
        "batch_norm": False,
    }
    choices = chosen(data(), network=network, patch=(8, 32, 32))
    config = StarDistConfig(**choices.network)
    assert (config.grid, config.pool, config.depth, config.n_rays) == ((2, 2, 2), (1, 2, 2), 1, 64)
    assert config.anisotropy == (3, 1, 1)
    assert choices.patch == (8, 32, 32)
    assert all(why(choices, name) == "as set" for name in (*network, "patch"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"patch": (64, 64)},
            r"expected 3 numbers \(depth, height and width\), for the data is volumes, axes ZYX",
        ),
        ({"patch": (6, 64, 64)}, r"multiples of the network's stride \(4, 8, 8\)"),
        (
            {"network": {"grid": (2, 2)}},
            r"network\.grid \(2, 2\): expected 3 numbers, for the data is volumes",
        ),
        ({"network": {"anisotropy": (2, 1)}}, "anisotropy"),
        ({"network": {"backbone": "vgg"}}, "there are unet and resnet"),
    ],
)
def test_settings_for_images(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        chosen(data(), **settings)


def start(**config: object) -> ModelInfo:
    return ModelInfo("start", "stardist", "instances", {"in_channels": 1, "depth": 2, **config})


def test_fine_tuning_goes_on_in_the_same_dimensions_only() -> None:
    of_volumes = start(grid=[1, 2, 2], n_rays=96, anisotropy=[2.0, 1.0, 1.0])
    choices = choose("stardist", data(), TrainSettings(), of_volumes)
    assert choices.network == of_volumes.config
    assert len(choices.patch) == 3
    with pytest.raises(
        ConfigError, match=r"to start from is for images, axes YX, but the data is volumes, axes ZYX"
    ):
        choose("stardist", data(), TrainSettings(), start(grid=[2, 2]))
    images = data(spatial_axes="YX", shape_median=(256, 256), shape_max=(256, 256))
    with pytest.raises(
        ConfigError, match=r"to start from is for volumes, axes ZYX, but the data is images, axes YX"
    ):
        choose("stardist", images, TrainSettings(), of_volumes)


@pytest.mark.parametrize("axes", [2, 3])
def test_no_network_that_is_chosen_sees_more(axes: int) -> None:
    huge = 5000.0
    if axes == 3:
        fingerprint = data((huge, huge, huge), shape=(9999, 9999, 9999))
    else:
        fingerprint = data(
            spatial_axes="YX",
            object_diameters={"50": huge},
            object_extents={"99": huge},
            shape_median=(9999, 9999),
        )
    config = StarDistConfig(**chosen(fingerprint).network)
    assert config.receptive_field == widest_field(axes)
