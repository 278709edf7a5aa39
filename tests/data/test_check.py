from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Picture

from stellate.data.check import CheckReport, Severity, check
from stellate.data.folder import open_folder
from stellate.errors import DataError

SHAPE = (40, 50)


def image(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(5, 200, SHAPE).astype(np.uint8)


def mask() -> np.ndarray:
    labels = np.zeros(SHAPE, np.uint16)
    labels[5:12, 5:12] = 3
    labels[20:30, 20:34] = 7
    return labels


def save(root: Path, name: str, pixels: np.ndarray, labels: np.ndarray, suffix: str = ".tif") -> None:
    for kind, array in (("images", pixels), ("masks", labels)):
        (root / kind).mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(root / kind / f"{name}{suffix}", array)


@pytest.fixture
def root(tmp_path):
    for seed in range(4):
        save(tmp_path, f"good{seed}", image(seed), mask())
    return tmp_path


def found(report: CheckReport, file: str | None) -> list[tuple[Severity, str]]:
    """Severity and text of the findings about one file."""
    return [(f.severity, f.what) for f in report.findings if (f.file.name if f.file else None) == file]


def only(report: CheckReport, file: str | None) -> tuple[Severity, str]:
    (finding,) = found(report, file)
    assert report.findings[0].remedy
    return finding


def test_nothing_to_find(root):
    report = check(root, receptive_fields={2: (14, 14)})
    assert report.findings == ()
    assert (report.can_train, report.n_images, report.n_objects) == (True, 4, 8)


def test_everything_at_once_and_worst_first(root):
    save(root, "broken", image(10), mask())
    (root / "images" / "broken.tif").write_bytes(b"II*\0 nothing of the kind")
    save(root, "dotted", image(11), np.where(mask() == 3, 0, mask()).astype(np.uint16))
    labels = mask()
    labels[39, 49] = 9
    save(root, "dotted", image(11), labels)
    (root / "masks" / "good0.tif").unlink()
    report = check(root)
    assert [str(f.severity) for f in report.findings] == ["error", "error", "warning"]
    assert (report.count(Severity.ERROR), report.can_train) == (2, False)
    assert {f.file.name for f in report.findings} == {"broken.tif", "good0.tif", "dotted.tif"}


def test_partners_missing_and_files_of_other_kinds(root):
    (root / "masks" / "good0.tif").unlink()
    (root / "images" / "good1.tif").unlink()
    Picture.fromarray(image(2)).save(root / "images" / "good2.png")
    (root / "images" / "notes.txt").write_text("by hand")
    report = check(root)
    assert only(report, "good0.tif") == (Severity.ERROR, "no mask of the same name")
    assert only(report, "good1.tif") == (Severity.ERROR, "no image of the same name")
    assert found(report, "good2.png") == [(Severity.ERROR, "another file has the same name")]
    assert only(report, "notes.txt") == (Severity.NOTE, "not an image that can be read")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (mask() / 10, "fraction"),
        (np.stack([mask()] * 3, axis=-1).astype(np.uint8), "3 channels"),
        (np.zeros((40, 49), np.uint8), r"shape (40, 49), but the image has (40, 50) along YX"),
    ],
)
def test_masks_that_are_none(root, labels, message):
    tifffile.imwrite(root / "masks" / "good2.tif", labels)
    findings = [f for f in check(root).findings if f.file == root / "masks" / "good2.tif"]
    assert [f.severity for f in findings if message in f"{f.what}; {f.remedy}"] == [Severity.ERROR]


def test_values_that_are_not_numbers(root):
    bad = image(9).astype(np.float32)
    bad[3, :5] = np.nan
    save(root, "nan", bad, mask())
    findings = found(check(root), "nan.tif")
    assert (
        Severity.ERROR,
        "values that are not finite numbers (NaN or infinite): 0.25% of the pixels",
    ) in findings


def test_constant_images(root):
    save(root, "flat", np.full(SHAPE, 7, np.uint8), mask())
    assert only(check(root), "flat.tif") == (Severity.WARNING, "constant: every pixel is 7")


def test_saturated_objects_but_not_a_bright_background(root):
    pixels = image(9)
    pixels[mask() == 3] = 255
    save(root, "bright", pixels, mask())
    around = image(8)
    around[mask() == 0] = 255
    save(root, "brightfield", around, mask())
    report = check(root)
    # 49 of 189 object pixels.
    assert only(report, "bright.tif") == (
        Severity.WARNING,
        "26% of the objects' pixels are saturated (at 255)",
    )
    assert found(report, "brightfield.tif") == []


def test_twelve_bits_saturate_at_4095(root):
    pixels = image(9).astype(np.uint16) * 10
    pixels[mask() == 3] = 4095
    save(root, "twelve", pixels, mask())
    assert (Severity.WARNING, "26% of the objects' pixels are saturated (at 4095)") in found(
        check(root), "twelve.tif"
    )


def test_empty_masks(root):
    save(root, "none", image(9), np.zeros(SHAPE, np.uint8))
    report = check(root)
    assert only(report, "none.tif") == (Severity.NOTE, "no objects")
    assert report.can_train


def test_no_objects_in_any_mask(tmp_path):
    for seed in range(2):
        save(tmp_path, f"n{seed}", image(seed), np.zeros(SHAPE, np.uint8))
    report = check(tmp_path)
    assert only(report, None) == (Severity.ERROR, "no objects in any mask")
    assert not report.can_train


def test_split_and_tiny_objects_are_named_by_the_ids_of_the_file(root):
    labels = mask()
    labels[0, 0] = 7
    labels[39, 0] = 1000
    save(root, "odd", image(9), labels)
    assert found(check(root), "odd.tif") == [
        (Severity.WARNING, "1 object in several pieces: id 7"),
        (Severity.WARNING, "1 object of a single pixel: id 1000"),
    ]


def test_a_foreground_mask(root):
    save(root, "binary", image(9), (mask() > 0).astype(np.uint8) * 255)
    severity, what = only(check(root), "binary.tif")
    assert severity is Severity.WARNING
    assert what.startswith("a single id (255) in 2 pieces")


def test_objects_larger_than_the_receptive_field(root):
    report = check(root, receptive_fields={2: (14, 13)})
    what = "1 object larger than the network sees (14 x 13 pixels): id 7"
    assert [found(report, f"good{k}.tif") for k in range(4)] == [[(Severity.WARNING, what)]] * 4


def test_images_of_another_kind(root):
    save(root, "wide", image(9).astype(np.uint16), mask())
    Picture.fromarray(np.stack([image(5)] * 3, axis=-1)).save(root / "images" / "rgb.png")
    tifffile.imwrite(root / "masks" / "rgb.tif", mask())
    report = check(root)
    assert only(report, "wide.tif") == (Severity.WARNING, "dtype: uint16, where most images have uint8")
    assert found(report, "rgb.png") == [
        (Severity.ERROR, "channels: 3, where most images have 1"),
        (Severity.WARNING, "axes: YXC, where most images have YX"),
    ]


def test_copies_in_one_part(root):
    save(root, "z1", image(0), mask())
    other = mask()
    other[30:35, 5:9] = 8
    save(root, "z2", image(1), other)
    report = check(root)
    assert only(report, "z1.tif") == (Severity.NOTE, "the same image and mask as good0.tif")
    assert only(report, "z2.tif") == (Severity.WARNING, "the same image as good1.tif, with another mask")


def test_copies_and_look_alikes_across_parts(tmp_path):
    smooth = np.add.outer(np.arange(40), np.arange(50) % 17 * 3).astype(np.uint8)
    save(tmp_path / "train", "a", image(0), mask())
    save(tmp_path / "train", "b", smooth, mask())
    save(tmp_path / "val", "c", image(0), mask())
    save(tmp_path / "val", "d", smooth + 1, mask())
    save(tmp_path / "val", "e", image(4), mask())
    report = check(tmp_path)
    assert only(report, "c.tif") == (Severity.WARNING, "the same image as a.tif in train/")
    assert only(report, "d.tif") == (Severity.WARNING, "nearly the same image as b.tif in train/")
    assert len(report.findings) == 2


def test_takes_an_open_dataset_and_reports_progress(root):
    steps: list[tuple[int, int]] = []
    report = check(open_folder(root)[:2], progress=lambda done, total: steps.append((done, total)))
    assert (report.n_images, steps) == (2, [(1, 2), (2, 2)])


def test_table_names_files_within_the_folder(root):
    save(root, "none", image(9), np.zeros(SHAPE, np.uint8))
    report = check(root)
    (row,) = report.table()
    assert (row["severity"], row["file"], row["what"]) == ("note", "masks/none.tif", "no objects")
    assert str(report.findings[0]).startswith(f"note: {root / 'masks' / 'none.tif'}: no objects; keep it if")


def test_a_folder_of_another_kind(tmp_path):
    with pytest.raises(DataError, match="expected folders images/ and masks/"):
        check(tmp_path)
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    report = check(tmp_path)
    assert only(report, None) == (Severity.ERROR, "no pair of image and mask")


def test_images_of_several_frames(root):
    tifffile.imwrite(root / "images" / "good2.tif", np.stack([image(2), image(7)]), metadata={"axes": "TYX"})
    report = check(root)
    assert (Severity.ERROR, "several frames (2 along T)") in found(report, "good2.tif")
    assert not report.can_train
    with pytest.raises(DataError, match=r"good2\.tif: several frames \(2 along T\); .* a single frame"):
        open_folder(root).pair(2)
