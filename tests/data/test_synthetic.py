"""Synthetic fields: what the configuration asks for is what the pixels show, and the truth is exact."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from skimage import measure

from stellate.data.sample import SAMPLE_CONFIG, SAMPLE_SEED, sample, sample_path
from stellate.data.synthetic import FieldConfig, generate_field, random_config
from stellate.data.synthetic_light import expose, smooth_noise
from stellate.data.synthetic_shapes import ShapeStyle, random_shape
from stellate.errors import ConfigError

CLEAN = FieldConfig(
    shape=(200, 200),
    diameter=(20, 30),
    touching=0,
    overlap=0,
    waviness=0,
    irregular=0,
    dividing=0,
    condensed=0,
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
)


def test_same_seed_gives_the_same_field_in_another_process() -> None:
    code = (
        "from stellate.data.synthetic import *; import hashlib\n"
        "image, truth = generate_field(FieldConfig(shape=(80, 90)), seed=3)\n"
        "print(hashlib.sha256(image.array.tobytes() + truth.labels.tobytes()).hexdigest())"
    )
    runs = {
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    }
    assert len(runs) == 1


def test_another_seed_gives_another_field() -> None:
    first, _ = generate_field(CLEAN, 0)
    second, _ = generate_field(CLEAN, 1)
    assert np.mean(first.array != second.array) > 0.1


def test_a_change_of_the_light_leaves_the_layout() -> None:
    _, before = generate_field(CLEAN, 4)
    _, after = generate_field(replace(CLEAN, texture=0.3, photons=20.0), 4)
    np.testing.assert_array_equal(before.labels, after.labels)


@pytest.mark.parametrize("shape", [(160, 200), (20, 70, 80)])
def test_labels_are_contiguous_and_each_is_one_piece(shape: tuple[int, ...]) -> None:
    config = FieldConfig(
        shape=shape, diameter=(10, 26), density=0.5, touching=0.9, overlap=0.3, irregular=0.8, dividing=0.3
    )
    _, truth = generate_field(config, 5)
    ids = np.unique(truth.labels)
    np.testing.assert_array_equal(ids, np.arange(len(truth) + 1))
    assert len(truth) > 5
    for k in ids[1:]:
        assert measure.label(truth.labels == k, connectivity=1).max() == 1, f"label {k} is in pieces"


@pytest.mark.parametrize("diameter", [(8, 8), (16, 16), (40, 40), (110, 110)])
def test_diameters_are_those_asked_for(diameter: tuple[float, float]) -> None:
    config = replace(CLEAN, shape=(600, 600), diameter=diameter, elongation=1.8, density=0.15)
    _, truth = generate_field(config, 2)
    found = [
        r.equivalent_diameter_area
        for r in measure.regionprops(truth.labels)
        if min(r.bbox[:2]) > 0 and max(r.bbox[2:]) < 600
    ]
    assert len(found) >= 3
    np.testing.assert_allclose(found, diameter[0], rtol=0.06)


def test_density_and_touching_steer_the_crowd() -> None:
    sparse = generate_field(replace(CLEAN, density=0.05), 1)[1].labels
    dense = generate_field(replace(CLEAN, density=0.45), 1)[1].labels
    assert np.mean(sparse > 0) == pytest.approx(0.05, abs=0.03)
    assert np.mean(dense > 0) == pytest.approx(0.45, abs=0.05)

    def contacts(touching: float) -> float:
        config = replace(CLEAN, shape=(500, 500), density=0.1, touching=touching, overlap=0.1)
        labels = generate_field(config, 1)[1].labels
        near = ndimage.grey_dilation(labels, 3)
        other = (labels > 0) & (near != labels) & (near > 0)
        return len(np.unique(labels[other])) / labels.max()

    assert contacts(1.0) > contacts(0.0) + 0.3


def test_dividing_nuclei_come_as_two_bright_objects() -> None:
    _, truth = generate_field(replace(CLEAN, density=0.01, dividing=1.0), 8)
    assert len(truth) == 2
    first, second = (r.centroid for r in measure.regionprops(truth.labels))
    assert np.hypot(*np.subtract(first, second)) < 30


def test_slices_far_apart_flatten_the_labels() -> None:
    config = replace(
        CLEAN, shape=(40, 90, 90), diameter=(24, 24), density=0.02, elongation=1.0, anisotropy=3.0
    )
    _, truth = generate_field(config, 1)
    (whole, *_) = [
        r
        for r in measure.regionprops(truth.labels)
        if min(r.bbox[:3]) > 0 and np.all(np.array(r.bbox[3:]) < truth.labels.shape)
    ]
    depth, height, width = np.subtract(whole.bbox[3:], whole.bbox[:3])
    assert depth == pytest.approx(8, abs=1)
    assert height == pytest.approx(24, abs=1)
    assert width == pytest.approx(24, abs=1)


def test_blurred_light_is_half_at_the_outline() -> None:
    """A flat disc blurred by a symmetric kernel has half its height where its edge was."""
    config = replace(CLEAN, diameter=(60, 60), density=0.05, blur=2.0, elongation=1.0)
    image, truth = generate_field(config, 3)
    inside = ndimage.distance_transform_edt(truth.labels > 0)
    outside = ndimage.distance_transform_edt(truth.labels == 0)
    full = np.median(image.array[inside > 10].astype(float))
    floor = np.median(image.array[outside > 10].astype(float))
    edge = image.array[(inside == 1) | (outside == 1)].astype(float)
    assert (edge.mean() - floor) / (full - floor) == pytest.approx(0.5, abs=0.05)


def test_camera_noise_has_the_variance_of_its_electrons() -> None:
    config = replace(CLEAN, photons=100.0, read_noise=5.0, exposure=0.5, offset=0.1, bits=16)
    counts = expose(config, np.ones((400, 400), np.float32), np.random.default_rng(0)).astype(float)
    gain = 0.5 * 65535 / 100
    assert counts.mean() == pytest.approx(0.1 * 65535 + 100 * gain, rel=0.01)
    assert counts.var() / gain**2 == pytest.approx(100 + 25, rel=0.03)


def test_hot_pixels_come_in_the_share_asked_for() -> None:
    config = replace(CLEAN, photons=1e4, hot_pixels=0.01)
    dark = expose(config, np.zeros((300, 300), np.float32), np.random.default_rng(0))
    assert np.mean(dark > dark.min()) == pytest.approx(0.01, rel=0.15)


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (12, np.uint16), (16, np.uint16)])
def test_bits_bound_the_counts(bits: int, dtype: type) -> None:
    image, _ = generate_field(replace(CLEAN, bits=bits, exposure=2.0), 0)
    assert image.array.dtype == dtype
    assert image.array.max() == 2**bits - 1
    assert image.bits == bits


def test_noise_has_unit_variance_and_the_width_asked_for() -> None:
    noise = smooth_noise(np.random.default_rng(0), (600, 600), (12.0, 3.0))
    assert noise.std() == pytest.approx(1, abs=0.1)

    def half_width(axis: int) -> int:
        correlation = [
            np.mean(np.take(noise, np.arange(550), axis) * np.take(noise, np.arange(550) + lag, axis))
            for lag in range(40)
        ]
        return int(np.argmax(np.array(correlation) < 0.5 * correlation[0]))

    assert half_width(0) == pytest.approx(4 * half_width(1), abs=4)


@pytest.mark.parametrize("ndim", [2, 3])
def test_plain_shapes_are_ellipsoids_of_the_volume_asked_for(ndim: int) -> None:
    rng = np.random.default_rng(1)
    style = ShapeStyle(elongation=2.0, waviness=0.0)
    for radius in (5.0, 14.0):
        level = random_shape(rng, radius, scale=(1.0,) * ndim, style=style)
        volume = np.pi * radius**2 if ndim == 2 else 4 / 3 * np.pi * radius**3
        assert np.count_nonzero(level < 1) == pytest.approx(volume, rel=0.03)


@pytest.mark.parametrize(
    "style", [ShapeStyle(2.2, 0.12), ShapeStyle(1.9, 0.1, bend=0.6), ShapeStyle(1.5, 0.1, lobes=3)]
)
def test_shapes_stay_within_their_grid(style: ShapeStyle) -> None:
    rng = np.random.default_rng(2)
    for _ in range(60):
        level = random_shape(rng, 15.0, scale=(1.0, 1.0), style=style)
        inside = level < 1
        rim = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
        assert not rim.any()
        assert inside.any()


def test_random_configurations_all_give_fields_and_span_the_range() -> None:
    rng = np.random.default_rng(0)
    configs = [random_config(rng, (96, 96)) for _ in range(60)]
    sizes = np.array([c.mean_diameter for c in configs])
    assert sizes.min() < 12
    assert sizes.max() > 90
    counts = [len(generate_field(c, k)[1]) for k, c in enumerate(configs[:20])]
    assert sum(n > 0 for n in counts) >= 18
    assert max(counts) > 20


def test_pixel_size_is_stated_in_micrometres() -> None:
    image, _ = generate_field(FieldConfig(shape=(12, 40, 40), anisotropy=4.0, pixel_um=0.25), 0)
    assert image.spacing("ZYX") == (1.0, 0.25, 0.25)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": (4, 100)}, "shape: expected 2 or 3 lengths of at least 8"),
        ({"diameter": (30.0, 20.0)}, "diameter: expected smallest <= largest"),
        ({"density": 1.5}, "density: expected a share from 0 to 1, got 1.5"),
        ({"bits": 4}, "bits: expected 8 to 16"),
        ({"photons": 0.0}, "must be above 0"),
    ],
)
def test_impossible_fields_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FieldConfig(**change)


def test_the_sample_that_ships_is_what_the_generator_makes() -> None:
    """The last bit of a sum may differ between processors, so a few pixels may round otherwise."""
    image, truth = generate_field(SAMPLE_CONFIG, SAMPLE_SEED)
    shipped, shipped_truth = sample()
    assert np.mean(truth.labels != shipped_truth.labels) < 1e-3
    assert np.mean(image.array != shipped.array) < 1e-2
    assert shipped.array.dtype == np.uint16
    assert sample_path().stat().st_size < 600_000
    assert 60 < len(shipped_truth) < 120
