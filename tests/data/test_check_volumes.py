"""The same checks as of images, of volumes, and what is peculiar to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from stellate.data.check import CheckReport, Severity, check

SHAPE = (8, 20, 30)
SPACING = (0.5, 0.2, 0.2)


def volume(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(5, 200, SHAPE).astype(np.uint8)


def mask() -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint16)
    labels[1:4, 2:7, 2:8] = 3
    labels[4:8, 9:16, 10:25] = 7
    return labels


def save(
    root: Path,
    name: str,
    pixels: np.ndarray,
    labels: np.ndarray,
    *,
    axes: str = "ZYX",
    spacing: tuple[float, ...] = SPACING,
) -> None:
    for kind, array in (("images", pixels), ("masks", labels)):
        (root / kind).mkdir(parents=True, exist_ok=True)
        options = {"resolution": tuple(1 / s for s in spacing[:0:-1])} if spacing else {}
        metadata = {"axes": axes, **({"spacing": spacing[0], "unit": "um"} if spacing else {})}
        tifffile.imwrite(root / kind / f"{name}.tif", array, imagej=True, metadata=metadata, **options)


@pytest.fixture
def root(tmp_path):
    for seed in range(3):
        save(tmp_path, f"good{seed}", volume(seed), mask())
    return tmp_path


def found(report: CheckReport, file: str | None) -> list[tuple[Severity, str]]:
    return [(f.severity, f.what) for f in report.findings if (f.file.name if f.file else None) == file]


def test_nothing_to_find(root):
    report = check(root, receptive_fields={3: (4, 7, 15)})
    assert report.findings == ()
    assert (report.can_train, report.n_images, report.n_objects) == (True, 3, 6)


def test_all_that_is_found_in_images_is_found_in_volumes(root):
    save(root, "empty", volume(10), np.zeros(SHAPE, np.uint8))
    labels = mask()
    labels[0, 0, 0] = 7
    labels[0, 19, 29] = 12
    save(root, "odd", volume(11), labels)
    bright = volume(12)
    bright[mask() == 3] = 255
    save(root, "bright", bright, mask())
    save(root, "flat", np.full(SHAPE, 9, np.uint8), mask())
    save(root, "twice", volume(1), mask())
    save(root, "binary", volume(13), (mask() > 0).astype(np.uint8))
    report = check(root)
    assert found(report, "empty.tif") == [(Severity.NOTE, "no objects")]
    assert found(report, "odd.tif") == [
        (Severity.WARNING, "1 object in several pieces: id 7"),
        (Severity.WARNING, "1 object of a single voxel: id 12"),
    ]
    # 90 of 510 voxels
    assert found(report, "bright.tif") == [
        (Severity.WARNING, "18% of the objects' pixels are saturated (at 255)")
    ]
    assert found(report, "flat.tif") == [(Severity.WARNING, "constant: every pixel is 9")]
    assert found(report, "twice.tif") == [(Severity.NOTE, "the same image and mask as good1.tif")]
    assert found(report, "binary.tif")[0][1].startswith("a single id (1) in 2 pieces")
    assert report.can_train


def test_pieces_that_touch_only_in_depth_are_one(root):
    """Planes that meet at an edge; a plane between them parts the object."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[2, :4, :5] = 1
    labels[3, 4:8, 5:9] = 1
    labels[0, 12:15, :5] = labels[2, 12:15, :5] = 2
    save(root, "planes", volume(10), labels)
    assert found(check(root), "planes.tif") == [(Severity.WARNING, "1 object in several pieces: id 2")]


def test_objects_larger_than_the_network_sees(root):
    report = check(root, receptive_fields={2: (1, 1), 3: (4, 6, 15)})
    what = "1 object larger than the network sees (4 x 6 x 15 voxels): id 7"
    assert [found(report, f"good{k}.tif") for k in range(3)] == [[(Severity.WARNING, what)]] * 3


def test_a_model_for_the_others(root):
    assert found(check(root, receptive_fields={2: (1, 1)}), None) == [
        (Severity.WARNING, "the model is for images, but 3 of 3 pairs are none")
    ]
    assert found(check(root, receptive_fields={3: (99, 99, 99)}), None) == []


def test_images_among_volumes(root):
    save(root, "plane", volume(9)[0], mask()[4], axes="YX")
    report = check(root)
    assert (Severity.ERROR, "axes: YX, where most images have ZYX") in found(report, "plane.tif")
    assert not report.can_train


def test_pages_are_planes_and_channels_are_no_planes(root):
    for name, axes in (("pages", {}), ("channels", {"imagej": True, "metadata": {"axes": "CYX"}})):
        tifffile.imwrite(root / "images" / f"{name}.tif", volume(len(name)), photometric="minisblack", **axes)
        tifffile.imwrite(root / "masks" / f"{name}.tif", mask(), photometric="minisblack")
    report = check(root)
    assert found(report, "pages.tif") == []
    (finding,) = (f for f in report.findings if f.file == root / "masks" / "channels.tif")
    assert finding.what == "shape (8, 20, 30), but the image has (20, 30) along YX"
    assert finding.remedy.endswith("or name the image's axes, e.g. axes ZYX for planes")
    assert found(check(root, axes="ZYX"), "channels.tif") == []


def test_voxel_sizes_that_are_missing_or_differ(root):
    save(root, "silent", volume(8), mask(), spacing=())
    save(root, "coarse", volume(9), mask(), spacing=(0.5, 0.4, 0.4))
    save(root, "rounded", volume(7), mask(), spacing=(0.501, 0.2, 0.2))
    report = check(root)
    assert found(report, None) == [(Severity.NOTE, "no voxel size is stated by 1 of 6 volumes")]
    assert found(report, "coarse.tif") == [
        (Severity.WARNING, "voxels of 0.5 x 0.4 x 0.4 um, where most volumes have 0.5 x 0.2 x 0.2 um")
    ]
    assert found(report, "rounded.tif") == []


def test_values_that_are_not_numbers(root):
    bad = volume(9).astype(np.float32)
    bad[3, 5, :24] = np.nan
    save(root, "nan", bad, mask())
    assert (
        Severity.ERROR,
        "values that are not finite numbers (NaN or infinite): 0.50% of the pixels",
    ) in found(check(root), "nan.tif")


def test_thousands_of_one_voxel_objects(tmp_path):
    labels = np.zeros((10, 60, 60), np.uint16)
    labels[::2, ::2, ::2] = np.arange(1, 4501).reshape(5, 30, 30)
    save(tmp_path, "dust", np.arange(36000, dtype=np.uint16).reshape(10, 60, 60), labels)
    report = check(tmp_path)
    (finding,) = found(report, "dust.tif")
    assert finding[1].startswith("4500 objects of a single voxel: ids 1, 2, 3, 4, 5, 6 and 4494 more")
