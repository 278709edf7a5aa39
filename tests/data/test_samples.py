"""Samples of a folder: normalised once, kept while memory allows, and named where they do not fit."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from pathlib import Path

import numpy as np
import pytest
import tifffile

from stellate.data.folder import open_folder
from stellate.data.normalization import Normalization
from stellate.data.objects import measure_objects
from stellate.data.samples import FolderSamples, Sample, SyntheticSamples, typical_diameter
from stellate.errors import InputError
from stellate.results import Instances

NORMALIZATION = Normalization(1, 99.8)


def test_a_sample_is_the_normalised_image_and_its_objects(annotated_folder: Path) -> None:
    samples = FolderSamples(open_folder(annotated_folder), NORMALIZATION, in_channels=1)
    image = tifffile.imread(annotated_folder / "images" / "3.tif").astype(np.float64)
    low, high = np.percentile(image, [1, 99.8])
    np.testing.assert_allclose(samples[3].pixels[:][0], (image - low) / (high - low), atol=1e-5)
    mask = tifffile.imread(annotated_folder / "masks" / "3.tif")
    np.testing.assert_array_equal(samples[3].annotation.labels > 0, mask > 0)
    areas = np.unique(mask[mask > 0], return_counts=True)[1]
    assert samples[3].diameter == pytest.approx(np.median(np.sqrt(4 * areas / np.pi)))


def recorded(samples: FolderSamples, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the samples that are read from now on."""
    reads: list[int] = []
    make = samples._make
    monkeypatch.setattr(samples, "_make", lambda index: reads.append(index) or make(index))
    return reads


def test_files_are_read_once_while_memory_allows(
    annotated_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # memory for two of the three, which take 1 byte per pixel and 4 for its label
    dataset = open_folder(annotated_folder)
    taken = 96 * 96 * (dataset.image(0).array.dtype.itemsize + 4)
    samples = FolderSamples(dataset, NORMALIZATION, in_channels=1, memory=2 * taken)
    reads = recorded(samples, monkeypatch)
    for index in (0, 1, 0, 1):
        samples[index]
    assert reads == [0, 1]
    # the one that was asked for longest ago goes
    for index in (0, 2, 0, 1):
        samples[index]
    assert reads == [0, 1, 2, 1]


def test_a_sample_that_is_read_again_is_the_same(annotated_folder: Path) -> None:
    samples = FolderSamples(open_folder(annotated_folder), NORMALIZATION, in_channels=1, memory=1)
    before, diameters = [samples[k].pixels[:] for k in range(4)], [samples[k].diameter for k in range(4)]
    for k in reversed(range(4)):
        np.testing.assert_array_equal(samples[k].pixels[:], before[k])
        assert samples[k].diameter == diameters[k]
    assert len({*diameters}) == 4


def test_an_image_of_other_channels_is_named(annotated_folder: Path) -> None:
    samples = FolderSamples(open_folder(annotated_folder), NORMALIZATION, in_channels=2)
    path = annotated_folder / "images" / "0.tif"
    with pytest.raises(InputError, match="the model takes 2 channels, the image has 1") as caught:
        samples.check_channels()
    assert str(caught.value).startswith(f"{path}: ")


def save_volumes(folder: Path, count: int, shape: tuple[int, int, int] = (6, 20, 24)) -> None:
    """Volumes of noise with a box each, whose number tells which one it is."""
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for k in range(count):
        volume = np.random.default_rng(k).integers(0, 4000, shape).astype(np.uint16)
        labels = np.zeros(shape, np.uint16)
        labels[1:5, 2:8, 2 : 5 + k] = 7
        tifffile.imwrite(folder / "images" / f"{k}.tif", volume, imagej=True, metadata={"axes": "ZYX"})
        tifffile.imwrite(folder / "masks" / f"{k}.tif", labels, imagej=True, metadata={"axes": "ZYX"})


def test_a_volume_keeps_its_planes_and_its_own_percentiles(tmp_path: Path) -> None:
    save_volumes(tmp_path, 2)
    samples = FolderSamples(open_folder(tmp_path), NORMALIZATION, in_channels=1, volumes=True)
    stored = tifffile.imread(tmp_path / "images" / "1.tif").astype(np.float64)
    low, high = np.percentile(stored, [1, 99.8])
    part = (slice(2, 5), slice(3, 20, 2), slice(-4, None))
    np.testing.assert_allclose(
        samples[1].pixels[(slice(None), *part)][0], (stored[part] - low) / (high - low), atol=1e-5
    )
    assert samples[1].diameter == pytest.approx((6 * 4 * 6 * 4 / np.pi) ** (1 / 3))


def test_a_volume_of_one_plane_is_a_volume(tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "0.npy", np.arange(480).reshape(1, 20, 24).astype(np.uint16))
    samples = FolderSamples(open_folder(tmp_path), NORMALIZATION, in_channels=1, volumes=True)
    assert samples[0].pixels[:].shape == (1, 1, 20, 24)
    assert samples[0].annotation.labels.shape == (1, 20, 24)


def test_memory_does_not_grow_with_the_number_of_volumes(tmp_path: Path) -> None:
    shape = (16, 96, 96)
    save_volumes(tmp_path, 12, shape)
    volume = int(np.prod(shape)) * (2 + 4)
    samples = FolderSamples(
        open_folder(tmp_path), NORMALIZATION, in_channels=1, volumes=True, memory=3 * volume
    )
    samples[0]  # which imports and compiles
    peaks = []
    for order in (range(4), [*range(12)] * 2):
        samples._kept.clear()
        samples._bytes = 0
        gc.collect()
        tracemalloc.start()
        for index in order:
            samples[index]
        peaks.append(tracemalloc.get_traced_memory()[1])
        gc.collect()
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert held < 3.2 * volume
    # 12 volumes would take three times as much as the 4
    assert peaks[1] < 1.5 * peaks[0]


def test_a_sample_larger_than_all_memory_is_the_only_one(tmp_path: Path) -> None:
    save_volumes(tmp_path, 2)
    samples = FolderSamples(open_folder(tmp_path), NORMALIZATION, in_channels=1, volumes=True, memory=1)
    first = weakref.ref(samples[0])
    assert samples[0] is first()  # not read again while nothing else is asked for
    held: list[object] = []
    make = samples._make
    samples._make = lambda index: held.append(first()) or make(index)  # type: ignore[method-assign]
    samples[1]
    assert held == [None]  # gone before the next was read


def test_channels_that_are_not_used_are_not_kept(tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    volume = np.random.default_rng(0).integers(0, 255, (4, 3, 20, 24)).astype(np.uint8)
    volume[:, 1:] = 9
    tifffile.imwrite(tmp_path / "images" / "0.tif", volume, imagej=True, metadata={"axes": "ZCYX"})
    mask = tmp_path / "masks" / "0.tif"
    tifffile.imwrite(mask, np.ones((4, 20, 24), np.uint16), imagej=True, metadata={"axes": "ZYX"})
    sample = FolderSamples(open_folder(tmp_path), Normalization(0, 100), in_channels=1, volumes=True)[0]
    values = volume[:, 0].astype(float)
    expected = (values - values.min()) / (values.max() - values.min())
    np.testing.assert_allclose(sample.pixels[:][0], expected, atol=1e-6)
    array = sample.pixels._pixels
    assert (array if array.base is None else array.base).nbytes == sample.pixels.nbytes == 4 * 20 * 24


def test_pixels_of_objects_are_counted_by_plane() -> None:
    labels = np.zeros((3, 4, 5), np.int32)
    labels[1, :2, :3], labels[2, 0], labels[0, 0, 0] = 4, 2, -1
    assert Sample(None, Instances(labels)).pixels_by_line.ravel().tolist() == [0, 6, 5]


def test_generated_volumes_have_the_wanted_slices() -> None:
    one, other = (
        SyntheticSamples(NORMALIZATION, count=2, size=(24, 64, 64), anisotropy=(3.0, 3.0)) for _ in range(2)
    )
    assert one[0].pixels.shape == (1, 24, 64, 64)
    assert one[0].annotation.labels.shape == (24, 64, 64)
    np.testing.assert_array_equal(one[1].pixels[:], other[1].pixels[:])
    sizes = measure_objects(one[0].annotation.labels)
    whole = ~sizes.cut.any(axis=1)
    z, y, x = sizes.extents[whole].mean(axis=0)
    assert 1.5 < (y + x) / 2 / z < 6


def test_generated_fields_are_the_same_every_time() -> None:
    one, other = (SyntheticSamples(NORMALIZATION, count=3, size=(64, 64)) for _ in range(2))
    np.testing.assert_array_equal(one[1].pixels[:], other[1].pixels[:])
    assert not np.array_equal(one[1].pixels[:], one[2].pixels[:])
    drawn = {id(one.draw(np.random.default_rng(k))) for k in range(40)}
    assert drawn == {id(one[k]) for k in range(3)}


def test_the_typical_diameter_leaves_out_what_is_no_object() -> None:
    labels = np.full((40, 40), -1, np.int32)
    assert typical_diameter(Instances(labels)) is None
    labels[:10, :10], labels[20:24, 20:24], labels[30:32, 30:32] = 1, 2, 3
    assert typical_diameter(Instances(labels)) == pytest.approx(np.sqrt(4 * 16 / np.pi))


def test_the_typical_diameter_of_a_volume_is_that_of_a_ball() -> None:
    z, y, x = np.mgrid[:40, :40, :40] - 20
    labels = (z**2 + y**2 + x**2 <= 14.5**2).astype(np.int32)
    labels[0, 0, 0] = 2
    labels[:5, 30:35, 30:35] = 3
    assert typical_diameter(Instances(np.where(labels == 1, 1, 0).astype(np.int32))) == pytest.approx(
        29, abs=0.2
    )
    assert typical_diameter(Instances(labels)) == pytest.approx((6 * 125 / np.pi) ** (1 / 3))


def test_samples_are_drawn_as_often_as_was_said(annotated_folder: Path) -> None:
    dataset = open_folder(annotated_folder)
    chances = np.array([0, 0.5, 0, 0.3, 0.2, 0, 0, 0])
    samples = FolderSamples(dataset, Normalization(), in_channels=1, chances=chances)
    rng = np.random.default_rng(0)
    drawn = [samples.draw(rng).name for _ in range(400)]
    shares = [drawn.count(record.name) / 400 for record in dataset.records]
    np.testing.assert_allclose(shares, chances, atol=0.07)
    assert [s > 0 for s in shares] == [c > 0 for c in chances]
