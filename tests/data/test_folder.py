from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as Picture

from stellate.data.folder import open_folder
from stellate.data.listing import list_pairs
from stellate.errors import DataError


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix.lower() in (".tif", ".tiff"):
        tifffile.imwrite(path, array)
    else:
        Picture.fromarray(array).save(path)


def save_pair(root: Path, name: str, value: int = 1, suffixes: tuple[str, str] = (".png", ".png")) -> None:
    mask = np.zeros((4, 6), np.uint16)
    mask[1:3, 2:4] = value
    save(root / "images" / (name + suffixes[0]), np.full((4, 6), value, np.uint8))
    save(root / "masks" / (name + suffixes[1]), mask)


@pytest.fixture
def root(tmp_path):
    for k, name in enumerate(("b", "a", "c"), start=1):
        save_pair(tmp_path, name, k)
    return tmp_path


def test_pairs_are_sorted_and_read_when_asked(root):
    dataset = open_folder(root)
    assert [r.name for r in dataset] == ["a", "b", "c"]
    image, annotation = dataset.pair(0)
    assert (image.name, image.axes, int(image.array[0, 0])) == ("a", "YX", 2)
    assert len(annotation) == 1
    assert annotation.labels[1, 2] == 1
    (root / "images" / "b.png").write_bytes(b"broken now")
    assert int(open_folder(root).image(2).array[0, 0]) == 3


def test_suffixes_and_letter_case_may_differ(tmp_path):
    save_pair(tmp_path, "x", suffixes=(".PNG", ".tif"))
    save_pair(tmp_path, "field.01", suffixes=(".ome.tif", ".TIFF"))
    save(tmp_path / "images" / "Plate.png", np.zeros((4, 6), np.uint8))
    save(tmp_path / "masks" / "PLATE.tif", np.zeros((4, 6), np.uint8))
    found = {r.name: r.mask_path.name for r in open_folder(tmp_path)}
    assert found == {"x": "x.tif", "field.01": "field.01.TIFF", "Plate": "PLATE.tif"}


def test_the_same_name_goes_before_one_in_other_letters(tmp_path):
    for name in ("cell", "Cell"):
        save_pair(tmp_path, name)
    if len(list((tmp_path / "images").iterdir())) < 2:
        pytest.skip("this file system does not tell capitals from small letters")
    assert [(r.image_path.stem, r.mask_path.stem) for r in open_folder(tmp_path)] == [
        ("Cell",) * 2,
        ("cell",) * 2,
    ]


def test_an_accent_may_be_written_in_two_ways(tmp_path):
    save(tmp_path / "images" / "caf\u00e9.png", np.zeros((4, 6), np.uint8))
    save(tmp_path / "masks" / "cafe\u0301.png", np.zeros((4, 6), np.uint8))
    assert len(open_folder(tmp_path)) == 1


def test_leavings_of_file_managers_are_passed_over(root):
    for junk in (".DS_Store", "Thumbs.db", "desktop.ini", "._a.png"):
        (root / "images" / junk).write_bytes(b"junk")
        (root / "masks" / junk).write_bytes(b"junk")
    (root / "images" / "sub").mkdir()
    assert len(open_folder(root)) == 3
    assert list_pairs(root).ignored == ()


def test_split_folders(tmp_path):
    for folder, name in (("train", "b"), ("train", "a"), ("Validation", "a"), ("test", "z")):
        save_pair(tmp_path / folder, name)
    dataset = open_folder(tmp_path)
    found = [(r.split, r.name) for r in dataset]
    assert found == [("train", "a"), ("train", "b"), ("val", "a"), ("test", "z")]
    assert dataset.splits == ("train", "val", "test")
    assert [r.image_path.parts[-3] for r in dataset.split("val")] == ["Validation"]
    with pytest.raises(DataError, match="no part is called 'dev'; parts of this folder: train, val, test"):
        dataset.split("dev")


def test_slices_and_subsets_are_datasets(root):
    dataset = open_folder(root, axes="YX")
    assert [r.name for r in dataset[1:]] == ["b", "c"]
    part = dataset.subset([2, 0])
    assert [r.name for r in part] == ["c", "a"]
    assert int(part.image(0).array[0, 0]) == 3
    assert (dataset[-1].name, part.axes) == ("c", "YX")
    assert dataset.splits == ()


def test_axes_reach_the_reader(tmp_path):
    save(tmp_path / "images" / "a.tif", np.zeros((5, 4, 6), np.uint8))
    save(tmp_path / "masks" / "a.tif", np.zeros((4, 6), np.uint8))
    image, _ = open_folder(tmp_path, axes="CYX").pair(0)
    assert image.sizes == {"C": 5, "Y": 4, "X": 6}


def test_a_mask_of_another_shape(root):
    save(root / "masks" / "b.png", np.zeros((6, 4), np.uint8))
    with pytest.raises(DataError, match=r"masks/b\.png: .* shape \(6, 4\), but .* \(4, 6\) along YX"):
        open_folder(root).pair(1)


def test_files_without_partner_are_named(root):
    save(root / "images" / "lonely.png", np.zeros((4, 6), np.uint8))
    with pytest.raises(DataError, match=r"no mask of the same name for images/lonely\.png; add the masks"):
        open_folder(root)
    (root / "images" / "lonely.png").unlink()
    (root / "images" / "a.png").unlink()
    with pytest.raises(DataError, match=r"no image of the same name for masks/a\.png"):
        open_folder(root)


def test_many_files_without_partner_are_counted(root):
    for k in range(12):
        save(root / "images" / f"x{k:02}.png", np.zeros((4, 6), np.uint8))
    with pytest.raises(DataError, match=r"x07\.png and 4 more;"):
        open_folder(root)


def test_two_files_of_one_name(root):
    save(root / "images" / "a.tif", np.zeros((4, 6), np.uint8))
    with pytest.raises(DataError, match=r"files share a name: images/a\.png, images/a\.tif; keep one"):
        open_folder(root)
    assert [r.name for r in list_pairs(root).records] == ["b", "c"]


def test_folders_that_are_none(tmp_path, root):
    with pytest.raises(DataError, match="there is no such folder"):
        open_folder(tmp_path / "nowhere")
    with pytest.raises(DataError, match="is a file, not a folder"):
        open_folder(root / "images" / "a.png")


def test_a_folder_laid_out_differently(tmp_path):
    (tmp_path / "pictures").mkdir()
    with pytest.raises(
        DataError, match=r"expected folders images/ and masks/.*it holds the folders pictures"
    ):
        open_folder(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match="no folder masks/"):
        open_folder(tmp_path)
    (tmp_path / "masks").mkdir()
    (tmp_path / "images" / "a.txt").write_text("not an image")
    with pytest.raises(DataError, match=r"no images; expected .*\.tif.*files of other kinds: images/a\.txt"):
        open_folder(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match="holds images/, masks/, train/; keep either"):
        open_folder(tmp_path)


def test_real_data(shared_data):
    dataset = open_folder(shared_data / "dsb2018_nuclei")
    assert len(dataset) == 482
    image, annotation = dataset.pair(0)
    assert image.shape == annotation.labels.shape
    assert len(annotation) == len(np.unique(annotation.labels)) - 1
