"""Samples of a folder: normalised once, kept while memory allows, and named where they do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from stellate.data.folder import open_folder
from stellate.data.normalization import Normalization
from stellate.data.samples import FolderSamples, SyntheticSamples, typical_diameter
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


def test_an_image_of_other_channels_is_named(annotated_folder: Path) -> None:
    samples = FolderSamples(open_folder(annotated_folder), NORMALIZATION, in_channels=2)
    path = annotated_folder / "images" / "0.tif"
    with pytest.raises(InputError, match="the model takes 2 channels, the image has 1") as caught:
        samples.check_channels()
    assert str(caught.value).startswith(f"{path}: ")


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
