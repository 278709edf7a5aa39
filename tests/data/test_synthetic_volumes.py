"""Synthetic volumes: each thing that a microscope adds is there in the amount asked for, and the truth is exact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import KDTree
from skimage import measure

from stellate.data.synthetic_layout import lay_out
from stellate.data.synthetic_tissue import Tissue, TissueCanvas
from stellate.data.synthetic_volumes import VolumeConfig, generate_volume, random_volume_config
from stellate.errors import ConfigError

CLEAN = VolumeConfig(
    shape=(24, 72, 80),
    diameter=(14, 14),
    touching=0,
    overlap=0,
    waviness=0,
    irregular=0,
    dividing=0,
    condensed=0,
    elongation=1,
    brightness_spread=0,
    roundness=0,
    texture=0,
    nucleoli=0,
    bright_spots=0,
    defocused=0,
    halo=0,
    background=0,
    unevenness=0,
    wisps=0,
    debris=0,
    photons=1e6,
    read_noise=0,
    offset=0,
)
CROWD = replace(
    CLEAN, diameter=(10, 16), density=0.7, touching=0.8, squeeze=0.35, elongation=1.5, irregular=0.5
)


def contact_share(labels: np.ndarray) -> float:
    """Of the steps across the surface of objects, along an axis, the share that ends in another object."""
    meetings = steps = 0
    for axis in range(3):
        a, b = np.moveaxis(labels, axis, 0)[:-1], np.moveaxis(labels, axis, 0)[1:]
        steps += np.count_nonzero(a != b)
        meetings += np.count_nonzero((a != b) & (a > 0) & (b > 0))
    return meetings / steps


def test_same_seed_gives_the_same_volume_and_another_does_not() -> None:
    first, second, other = (generate_volume(CROWD, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0].array, second[0].array)
    np.testing.assert_array_equal(first[1].labels, second[1].labels)
    assert np.mean(first[1].labels != other[1].labels) > 0.1


def test_a_change_of_the_light_leaves_the_layout() -> None:
    _, before = generate_volume(CROWD, 4)
    _, after = generate_volume(replace(CROWD, haze=0.5, scatter=2.0, rods=3, flicker=0.2, photons=20.0), 4)
    np.testing.assert_array_equal(before.labels, after.labels)


@pytest.mark.parametrize("squeeze", [0.0, 0.35])
def test_labels_are_contiguous_and_each_is_one_piece(squeeze: float) -> None:
    _, truth = generate_volume(replace(CROWD, squeeze=squeeze, dividing=0.2, overlap=0.2), 5)
    ids = np.unique(truth.labels)
    np.testing.assert_array_equal(ids, np.arange(len(truth) + 1))
    assert len(truth) > 20
    for k in ids[1:]:
        assert measure.label(truth.labels == k, connectivity=1).max() == 1, f"label {k} is in pieces"


def test_squeezed_nuclei_pack_denser_than_whole_ones() -> None:
    whole = generate_volume(replace(CROWD, squeeze=0.0), 1)[1].labels
    squeezed = generate_volume(CROWD, 1)[1].labels
    assert np.mean(squeezed > 0) > np.mean(whole > 0) + 0.1
    assert contact_share(squeezed) > 2 * contact_share(whole)


def test_balls_pressed_together_meet_half_way_between_their_centres() -> None:
    """Each covered voxel is its nearest centre's; centres lie up to half a voxel off the grid."""
    config = replace(CLEAN, shape=(40, 60, 60), density=0.5, touching=1.0, squeeze=0.3, anisotropy=1.0)
    canvas = TissueCanvas(config, np.random.default_rng(0))
    labels, objects = lay_out(config, np.random.default_rng(3), canvas)
    assert len(objects) > 20
    _, nearest = KDTree(np.stack([o.centre for o in objects])).query(np.argwhere(labels > 0))
    assert np.mean(nearest + 1 == labels[labels > 0]) > 0.96
    assert contact_share(labels) > 0.1


def test_depth_takes_the_light_that_was_asked_for() -> None:
    lit = replace(CLEAN, background=1.0, density=0.0, exposure=0.5)
    for attenuation, first, last in ((1.2, 1.0, np.exp(-1.2)), (-0.7, np.exp(-0.7), 1.0)):
        array = generate_volume(replace(lit, attenuation=attenuation), 0)[0].array / (0.5 * 65535)
        assert array[0].mean() == pytest.approx(first, rel=0.01)
        assert array[-1].mean() == pytest.approx(last, rel=0.01)


def test_flicker_changes_whole_slices() -> None:
    lit = replace(CLEAN, shape=(400, 8, 8), background=1.0, density=0.0, exposure=0.3, flicker=0.1)
    slices = np.log(generate_volume(lit, 0)[0].array.astype(float))
    assert slices.mean(axis=(1, 2)).std() == pytest.approx(0.1, rel=0.15)
    assert slices.std(axis=(1, 2)).max() < 0.01


def test_the_optics_blur_more_along_their_axis() -> None:
    """A blur adds its variance to that of the light, whatever the objects, unless it crosses the border."""
    sharp = replace(CLEAN, shape=(64, 64, 64), anisotropy=1.0, density=0.004, blur=1.5)
    seed = next(k for k in range(99) if _clear_of_borders(generate_volume(sharp, k)[1].labels, margin=12))
    for ratio in (1.0, 3.0):
        image, truth = generate_volume(replace(sharp, axial_blur=ratio), seed)
        added = [_variance(image.array, axis) - _variance(truth.labels > 0, axis) for axis in range(3)]
        # sampling widens pixels a little beyond the nominal sigma
        np.testing.assert_allclose(added, np.array([ratio**2, 1, 1]) * 1.5**2, rtol=0.08, atol=0.1)


def _clear_of_borders(labels: np.ndarray, margin: int) -> bool:
    inner = labels[(slice(margin, -margin),) * 3]
    return bool(labels.any()) and np.count_nonzero(inner) == np.count_nonzero(labels)


def _variance(light: np.ndarray, axis: int) -> float:
    profile = light.sum(axis=tuple(a for a in range(3) if a != axis), dtype=float)
    at = np.arange(len(profile))
    mean = np.average(at, weights=profile)
    return float(np.average((at - mean) ** 2, weights=profile))


def test_haze_lights_the_slices_beside_a_nucleus() -> None:
    clear = replace(CLEAN, shape=(48, 64, 64), anisotropy=1.0, density=0.01)
    labels = generate_volume(clear, 2)[1].labels
    away = ndimage.distance_transform_edt(labels == 0)
    ring = (away > 5) & (away < 9)
    dark, hazy = (generate_volume(c, 2)[0].array[ring].mean() for c in (clear, replace(clear, haze=0.6)))
    assert dark < 20
    assert hazy > 200


def test_scatter_blurs_the_deep_slices_only() -> None:
    texture = replace(CLEAN, wisps=0.5, density=0.0, background=0.5)
    sharp, deep = (
        generate_volume(c, 2)[0].array.astype(float) for c in (texture, replace(texture, scatter=6.0))
    )
    contrast = [deep[k].std() / sharp[k].std() for k in (0, -1)]
    assert contrast[0] == pytest.approx(1.0, abs=0.01)
    assert contrast[1] < 0.9


def test_rods_carry_no_label() -> None:
    image, truth = generate_volume(replace(CLEAN, density=0.0, rods=4), 1)
    assert len(truth) == 0
    assert image.array.max() > 0.1 * 65535


def test_smoothing_takes_away_noise_and_keeps_the_type() -> None:
    noisy = replace(CLEAN, background=0.5, density=0.0, photons=50.0, bits=8)
    rough, smooth = (generate_volume(c, 0)[0].array for c in (noisy, replace(noisy, smoothing=1.0)))
    assert smooth.dtype == np.uint8
    assert smooth.std() < 0.4 * rough.std()
    assert smooth.mean() == pytest.approx(rough.mean(), abs=0.5)


@pytest.mark.parametrize("tissue", ["layers", "ball", "shell"])
def test_nuclei_gather_where_the_tissue_is(tissue: str) -> None:
    config = replace(CLEAN, shape=(48, 96, 96), anisotropy=1.0, tissue=tissue, density=0.06, diameter=(6, 8))
    placed = Tissue.draw(config, _after_colonies(config, 7))
    labels = generate_volume(config, 7)[1].labels
    whole = [r.centroid for r in measure.regionprops(labels) if r.area > 100]
    assert len(whole) > 20
    # a voxel is as exact as a centroid gets
    near = [placed.contains(np.array(c) + s).any() for c in whole for s in [_NEIGHBOURHOOD]]
    assert np.mean(near) == 1
    anywhere = placed.contains(np.random.default_rng(0).uniform(0, config.shape, (5000, 3)))
    assert 0.02 < anywhere.mean() < 0.8


_NEIGHBOURHOOD = np.stack(np.meshgrid(*[np.linspace(-1, 1, 5)] * 3), axis=-1).reshape(-1, 3)


def _after_colonies(config: VolumeConfig, seed: int) -> np.random.Generator:
    """The stream that draws the layout; without colonies nothing is drawn before the tissue."""
    assert config.colonies == 0
    return np.random.default_rng(np.random.SeedSequence(seed).spawn(3)[0])


def test_a_shell_is_hollow_and_a_ball_is_not() -> None:
    made = {"origin": np.zeros(3), "normal": np.array([1.0, 0, 0]), "waves": np.zeros((3, 3)), "swing": 0.0}
    points = np.array([[0.0, 0, 0], [0, 0, 9], [0, 11, 0]])
    ball = Tissue("ball", size=10.0, thickness=2.0, **made)
    shell = Tissue("shell", size=10.0, thickness=2.0, **made)
    layers = Tissue("layers", size=10.0, thickness=2.0, **made)
    assert ball.contains(points).tolist() == [True, True, False]
    assert shell.contains(points).tolist() == [False, True, False]
    assert layers.contains(np.array([[0.5, 3, 3], [5, 0, 0], [10.9, 0, 0]])).tolist() == [True, False, True]


def test_random_volumes_span_sizes_densities_and_kinds() -> None:
    rng = np.random.default_rng(0)
    configs = [random_volume_config(rng, (16, 48, 48)) for _ in range(80)]
    sizes = np.array([c.mean_diameter for c in configs])
    steps = np.array([c.anisotropy for c in configs])
    assert sizes.min() < 13
    assert sizes.max() > 40
    assert steps.min() < 1.3
    assert steps.max() > 4
    # enough slices cut a nucleus of mean size
    assert np.all(sizes / steps > 3.4)
    assert {c.tissue for c in configs} == {"everywhere", "layers", "ball", "shell"}
    assert {c.bits for c in configs} == {8, 12, 16}
    shares = []
    for k, config in enumerate(configs[:24]):
        image, truth = generate_volume(config, k)
        assert image.spacing("ZYX") == pytest.approx(
            (config.pixel_um * config.anisotropy,) + 2 * (config.pixel_um,)
        )
        shares.append(np.mean(truth.labels > 0))
    assert min(shares) < 0.15
    assert max(shares) > 0.4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": (100, 100)}, r"shape: expected \(slices, rows, columns\), got \(100, 100\)"),
        ({"tissue": "heap"}, "tissue: expected one of everywhere, layers, ball, shell, got 'heap'"),
        ({"squeeze": 1.0}, "squeeze: expected a share from 0 to below 1, got 1.0"),
        ({"haze": -0.1}, "haze: expected a number of at least 0, got -0.1"),
        ({"smoothing": float("nan")}, "smoothing: expected a number of at least 0, got nan"),
        ({"axial_blur": 0.0}, "axial_blur must be above 0"),
    ],
)
def test_impossible_volumes_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        VolumeConfig(**change)
