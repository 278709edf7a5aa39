"""The image that an annotation speaks of is found, or it is said why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from stellate.data.image_files import ImageFiles
from stellate.errors import DataError


@pytest.fixture
def folder(tmp_path):
    """Writes empty files, and gives the folder."""

    def write(*files: str) -> Path:
        for file in files:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_bytes(b"")
        return tmp_path

    return write


def found(root: Path, name: str) -> str:
    return ImageFiles(root).find(name, "t.csv: line 2").relative_to(root).as_posix()


@pytest.mark.parametrize("name", ["a.png", "a", "A.PNG", "A", "a.tif", "images/a.png", "plate/images/a.png"])
def test_a_name_may_lack_its_suffix_its_folder_and_its_case(folder, name):
    assert found(folder("images/a.png", "images/b.png", "masks/a.png"), name) == "images/a.png"


def test_what_is_nearer_and_what_fits_better_goes_first(folder):
    root = folder("x.png", "images/x.png", "images/X.tif", "images/y.jpg", "JPEGImages/y.jpg", "images/Y.png")
    assert found(root, "x") == found(root, "x.png") == "x.png"
    assert found(root, "images/X.tif") == "images/X.tif"
    assert found(root, "y") == found(root, "y.jpg") == "images/y.jpg"
    assert found(root, "JPEGImages/y.jpg") == "JPEGImages/y.jpg"
    assert found(root, "Y.png") == "images/Y.png"


def test_images_below_are_found_by_their_names_alone(folder):
    root = folder("plates/1/b02.tif", "plates/2/b03.tif", "wbc_masks/b04.tif", ".hidden/b04.tif")
    assert found(root, "b02.tif") == "plates/1/b02.tif"
    assert found(root, "elsewhere/b03") == "plates/2/b03.tif"
    with pytest.raises(
        DataError, match=r"t\.csv: line 2: no image is called 'b04'; images lie beside the annotation"
    ):
        found(root, "b04")


def test_several_of_one_name_are_told_apart_by_their_folders(folder):
    root = folder("1/a.png", "2/a.png")
    assert found(root, "2/a") == "2/a.png"
    with pytest.raises(DataError, match=r"line 2: 'a' may be 1/a\.png and 2/a\.png; write the path within "):
        found(root, "a")


def test_an_image_that_is_missing_from_the_folder_named_is_not_that_of_another(folder):
    root = folder("p1/001.png", "p1/002.png", "p2/003.png")
    assert found(root, "elsewhere/002.png") == "p1/002.png"  # the data were moved
    for name in ("p2/001.png", "p2/1"):
        with pytest.raises(DataError, match=rf"t.csv: line 2: no image is called '{name}'"):
            found(root, name)


def test_numbers(folder):
    root = folder("images/001.png", "images/010.png", "images/7a.png", "images/img 7.png")
    assert found(root, "1") == found(root, "01") == "images/001.png"
    assert found(root, "10") == "images/010.png"
    with pytest.raises(DataError, match="no image is called '7'"):
        found(root, "7")
    folder("images/01.png")
    assert found(root, "01") == "images/01.png"  # by its name
    with pytest.raises(DataError, match=r"'1' may be images/001\.png and images/01\.png; write the path"):
        found(root, "1")


def test_a_stem_that_two_files_have(folder):
    root = folder("a.png", "a.tif")
    assert found(root, "a.tif") == "a.tif"
    with pytest.raises(DataError, match=r"'a' may be a\.png and a\.tif"):
        found(root, "a")


def test_accents_and_dots(folder):
    root = folder("cafe\u0301.png", "field.01.ome.tif")
    assert found(root, "caf\u00e9.png") == found(root, "caf\u00e9") == "cafe\u0301.png"
    assert found(root, "field.01") == "field.01.ome.tif"


def test_a_whole_path(folder):
    root = folder("inside/annotations.csv", "outside/a.png")
    there = root / "outside" / "a.png"
    assert ImageFiles(root / "inside").find(there.as_posix(), "t.csv") == there
    assert ImageFiles(root / "inside").find("../outside/a.png", "t.csv").samefile(there)


def test_folders_that_lead_in_a_circle(folder):
    root = folder("deep/a.png")
    try:
        (root / "deep" / "again").symlink_to(root, target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no links")
    assert found(root, "deep/a.png") == "deep/a.png"
    with pytest.raises(DataError, match="no image is called 'b'"):
        found(root, "b")
