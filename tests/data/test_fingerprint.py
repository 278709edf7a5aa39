from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from stellate.data.fingerprint import fingerprint
from stellate.data.folder import open_folder
from stellate.data.mask_classes import MaskClasses
from stellate.errors import DataError
from stellate.results import Mask


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
    with pytest.raises(DataError, match=r"d\.tif: has the axes ZYX, where a\.tif has YX; keep images and"):
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


def boxes(
    *sides: tuple[int, int, int], shape: tuple[int, int, int] = (24, 40, 200), at: int = 3
) -> np.ndarray:
    """Boxes of these sides in a row along x, a little away from the border."""
    labels = np.zeros(shape, np.uint16)
    for k, (z, y, x) in enumerate(sides):
        labels[at : at + z, at : at + y, 20 * k + at : 20 * k + at + x] = k + 1
    return labels


def save_volume(root: Path, name: str, labels: np.ndarray) -> None:
    for kind, array in (("images", labels), ("masks", labels)):
        (root / kind).mkdir(parents=True, exist_ok=True)
        spacing = {"axes": "ZYX", "spacing": 0.5, "unit": "um"}
        tifffile.imwrite(root / kind / f"{name}.tif", array, imagej=True, resolution=(5, 5), metadata=spacing)


def test_volumes(tmp_path):
    save_volume(tmp_path, "a", boxes((4, 10, 12), (6, 8, 14)))
    save_volume(tmp_path, "b", boxes((5, 9, 16), shape=(30, 40, 100)))
    got = fingerprint(open_folder(tmp_path))
    assert (got.spatial_axes, got.axes) == ("ZYX", {"ZYX": 2})
    assert (got.shape_min, got.shape_max) == ((24, 40, 100), (30, 40, 200))
    assert got.median_extent == (5, 9, 14)
    assert got.large_extent == pytest.approx((5.98, 9.98, 15.96))
    assert got.anisotropy == (2.8, 1.56, 1)
    assert got.spacing_um == pytest.approx((0.5, 0.2, 0.2))
    # a ball of the volume of 5 x 9 x 16 voxels; the others have 480 and 672
    assert got.object_diameters["100"] == pytest.approx(np.cbrt(6 * 720 / np.pi))
    assert got.object_extents["100"] == 16


def test_anisotropy_is_that_of_stardist(tmp_path):
    """Of whole objects in one volume; ``stardist.utils.calculate_extents`` takes the median of bounding boxes."""
    rng = np.random.default_rng(3)
    labels = boxes(*rng.integers((3, 9, 8), (7, 15, 15), (9, 3)).tolist())
    save_volume(tmp_path, "a", labels)
    sides = np.median([np.ptp(np.argwhere(labels == k), axis=0) + 1 for k in range(1, 10)], axis=0)
    assert fingerprint(open_folder(tmp_path)).anisotropy == pytest.approx(sides.max() / sides, abs=0.005)


def test_objects_that_the_border_cuts_do_not_count_along_it(tmp_path):
    """Five whole boxes of 8 planes; of seven more the border leaves 2."""
    labels = boxes(*[(8, 16, 16)] * 5, *[(0, 0, 0)] * 4, shape=(12, 42, 200), at=2)
    for k in range(7):
        labels[:2, 24:40, 20 * k : 20 * k + 16] = 10 + k
    save_volume(tmp_path, "a", labels)
    got = fingerprint(open_folder(tmp_path))
    assert got.median_extent[0] == 2
    assert got.anisotropy == (2, 1, 1)


def test_images_have_no_anisotropy(small):
    assert fingerprint(small).anisotropy == ()


def test_one_volume_is_held_at_a_time(tmp_path, monkeypatch):
    """When a volume is read, the one before it has gone."""
    for name in "abc":
        save_volume(tmp_path, name, boxes((4, 10, 12)))
    dataset = open_folder(tmp_path)
    alive: list[weakref.ref] = []
    read = type(dataset).pair

    def pair(self, index):
        gc.collect()
        assert all(ref() is None for ref in alive)
        image, annotation = read(self, index)
        alive.append(weakref.ref(image))
        return image, annotation

    monkeypatch.setattr(type(dataset), "pair", pair)
    fingerprint(dataset)
    assert len(alive) == 3


def test_masks_of_classes(class_masks, tmp_path):
    """Pixels of each class are counted, and pieces of all classes but the ground are what there is to see."""
    dataset = open_folder(class_masks(tmp_path, count=3))
    masks = dataset.with_mask_classes(MaskClasses((0, 1, 2), ("ground", "cell", "nucleus")))
    summary = fingerprint(masks)
    stored = [tifffile.imread(r.mask_path) for r in dataset.records]
    counts = np.sum([np.bincount(m.ravel(), minlength=3) for m in stored], axis=0)
    assert summary.mask_pixels.names == ("ground", "cell", "nucleus")
    assert summary.mask_pixels.pixels == tuple(counts)
    assert summary.mask_pixels.not_annotated == 0
    assert not summary.classes_of_objects
    pieces = [ndimage.label(m == c, np.ones((3, 3))) for m in stored for c in (1, 2)]
    sizes = [np.bincount(labels.ravel())[1:] for labels, _ in pieces]
    assert summary.n_objects == sum(int((s >= 10).sum()) for s in sizes)
    assert json.loads(json.dumps(summary.to_dict()))["mask_pixels"]["pixels"] == counts.tolist()


def test_classes_made_of_objects(small):
    summary = fingerprint(small, mask_of=lambda a: Mask(np.minimum(a.labels, 1), ("ground", "object")))
    plain = fingerprint(small)
    assert summary.classes_of_objects
    assert summary.mask_pixels.names == ("ground", "object")
    assert summary.object_diameters == plain.object_diameters
    assert plain.mask_pixels is None
