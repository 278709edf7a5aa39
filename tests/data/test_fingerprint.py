from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from stellate.data.fingerprint import fingerprint
from stellate.data.folder import open_folder
from stellate.errors import DataError


def save(root: Path, name: str, pixels: np.ndarray, labels: np.ndarray, **metadata: object) -> None:
    for kind, array in (("images", pixels), ("masks", labels)):
        (root / kind).mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(root / kind / f"{name}.tif", array, **(metadata if kind == "images" else {}))


def squares(*sides: int, shape: tuple[int, int] = (40, 200)) -> np.ndarray:
    """One square of each side length, in a row."""
    labels = np.zeros(shape, np.uint16)
    for k, side in enumerate(sides):
        labels[:side, 40 * k : 40 * k + side] = k + 1
    return labels


@pytest.fixture
def small(tmp_path):
    ramp = np.arange(8000, dtype=np.uint16).reshape(40, 200)
    save(tmp_path, "a", ramp, squares(10, 20, 30))
    save(tmp_path, "b", ramp + 2, squares(5, 5))
    save(tmp_path, "c", np.zeros((20, 100), np.uint8), np.zeros((20, 100), np.uint8))
    return open_folder(tmp_path)


def test_counts_and_shapes(small):
    got = fingerprint(small)
    assert (got.n_images, got.n_objects, got.images_without_objects) == (3, 5, 1)
    assert got.objects_per_image == (0, 2, 3)
    assert (got.shape_min, got.shape_median, got.shape_max) == ((20, 100), (40, 200), (40, 200))
    assert (got.axes, got.dtypes, got.channels) == ({"YX": 3}, {"uint16": 2, "uint8": 1}, {"1": 3})
    assert got.foreground_share == pytest.approx((100 + 400 + 900 + 50) / (8000 + 8000 + 2000))


def test_each_pair_is_shown_once_and_in_order(small):
    seen = []
    fingerprint(small, each=lambda k, image, annotation: seen.append((k, image.name, len(annotation))))
    assert seen == [(0, "a", 3), (1, "b", 2), (2, "c", 0)]


def test_object_sizes(small):
    got = fingerprint(small)
    assert got.object_extents["50"] == 10
    assert got.object_extents["25"] == 5
    assert got.object_extents["100"] == 30
    # A disc of the area of a square of side s has the diameter 2 s / sqrt(pi).
    assert got.object_diameters["75"] == pytest.approx(2 * 20 / np.sqrt(np.pi))
    assert got.median_extent == (10, 10)


def test_intensities_are_those_of_the_typical_image(small):
    got = fingerprint(small).intensities
    # Images from 0 to 7999, from 2 to 8001 and of 0 only; the median is the first's.
    assert (got["0"], got["50"], got["100"]) == (0, 3999.5, 7999)


def test_extent_is_the_longest_side(tmp_path):
    labels = np.zeros((40, 40), np.uint8)
    labels[3:6, 3:33] = 1
    save(tmp_path, "a", labels, labels)
    got = fingerprint(open_folder(tmp_path))
    assert got.object_extents["50"] == 30
    assert got.median_extent == (3, 30)


def test_ready_for_json(small):
    got = fingerprint(small).to_dict()
    assert json.loads(json.dumps(got)) == got


def test_no_objects_at_all(tmp_path):
    save(tmp_path, "a", np.ones((5, 5), np.uint8), np.zeros((5, 5), np.uint8))
    got = fingerprint(open_folder(tmp_path))
    assert (got.n_objects, got.object_diameters, got.object_extents, got.median_extent) == (0, {}, {}, ())


def test_pixel_size_only_where_all_agree(tmp_path):
    labels = squares(10)
    for name, size in (("a", 0.5), ("b", 0.501)):
        save(
            tmp_path,
            name,
            labels,
            labels,
            imagej=True,
            resolution=(1 / size, 1 / size),
            metadata={"unit": "um"},
        )
    assert fingerprint(open_folder(tmp_path)).spacing_um == pytest.approx((0.5005, 0.5005), rel=1e-4)
    save(tmp_path, "c", labels, labels, imagej=True, resolution=(1, 1), metadata={"unit": "um"})
    assert fingerprint(open_folder(tmp_path)).spacing_um is None
    save(tmp_path, "c", labels, labels)
    assert fingerprint(open_folder(tmp_path)).spacing_um is None


def test_2d_and_3d_do_not_mix(small, tmp_path):
    save(
        tmp_path,
        "d",
        np.zeros((5, 30, 40), np.uint8),
        np.zeros((5, 30, 40), np.uint8),
        imagej=True,
        metadata={"axes": "ZYX"},
    )
    with pytest.raises(DataError, match=r"d\.tif: has the axes ZYX, where images before it have YX"):
        fingerprint(open_folder(tmp_path))


def test_nothing_to_look_at(small):
    with pytest.raises(DataError, match="no images to look at"):
        fingerprint(small[:0])


def test_progress(small):
    steps: list[tuple[int, int]] = []
    fingerprint(small, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_real_data(shared_data):
    got = fingerprint(open_folder(shared_data / "dsb2018_nuclei")[:20])
    assert 10 < got.object_diameters["50"] < 40
    assert got.channels == {"1": 20}


def test_values_that_are_not_numbers_are_refused_by_the_name_of_the_file(tmp_path):
    ramp = np.arange(8000, dtype=np.float32).reshape(40, 200)
    save(tmp_path, "good", ramp, squares(10))
    ramp[3, 5] = np.inf
    save(tmp_path, "odd", ramp, squares(10))
    with pytest.raises(DataError, match=r"odd\.tif: 1 value that is NaN or infinite; replace them"):
        fingerprint(open_folder(tmp_path))


def test_classes_are_counted_by_name(tmp_path):
    ramp = np.arange(8000, dtype=np.uint16).reshape(40, 200)
    save(tmp_path, "a", ramp, squares(10, 20, 30))
    save(tmp_path, "b", ramp + 2, squares(5, 6, 7, 8))
    save(tmp_path, "c", ramp + 5, squares(9))
    (tmp_path / "class_names.txt").write_text("small\nlarge\nnone\n")
    (tmp_path / "masks" / "a.csv").write_text("label,class\n1,small\n3,large\n2,large\n")
    (tmp_path / "masks" / "b.json").write_text('{"4": 1, "2": null, "1": "small"}')
    got = fingerprint(open_folder(tmp_path))
    assert got.class_objects == {"small": 3, "large": 2, "none": 0}
    assert list(got.class_objects) == ["small", "large", "none"]
    assert got.class_pixels == {"small": 100 + 64 + 25, "large": 400 + 900, "none": 0}
    assert got.unknown_class == 3
    assert json.loads(json.dumps(got.to_dict()))["class_objects"] == {"small": 3, "large": 2, "none": 0}


def test_without_classes_none_are_counted(small):
    got = fingerprint(small)
    assert (got.class_objects, got.class_pixels, got.unknown_class) == ({}, {}, None)
