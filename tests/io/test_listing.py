"""Files, folders and patterns."""

from __future__ import annotations

from pathlib import Path

import pytest

from stellate.errors import InputError
from stellate.io import list_images


@pytest.fixture
def folder(tmp_path):
    for name in (
        "b.TIF",
        "a.png",
        "c.jpg",
        "notes.txt",
        ".hidden.png",
        "[1].png",
        "sub/d.tif",
        "sub/deep/e.npy",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder.tif").mkdir()
    return tmp_path


def names(paths):
    return [path.name for path in paths]


def test_folder_holds_its_images_only(folder):
    assert names(list_images(folder)) == ["[1].png", "a.png", "b.TIF", "c.jpg"]


def test_patterns(folder):
    assert names(list_images(folder / "*.png")) == ["[1].png", "a.png"]
    assert names(list_images(str(folder / "**" / "*"))) == [
        "[1].png",
        "a.png",
        "b.TIF",
        "c.jpg",
        "d.tif",
        "e.npy",
    ]
    assert names(list_images(folder / "?.[pj]*")) == ["a.png", "c.jpg"]


def test_each_file_once_and_sorted(folder):
    given = [folder / "c.jpg", folder / "sub" / ".." / "a.png", folder, str(folder / "*.png")]
    found = list_images(given)
    assert sorted(names(found)) == ["[1].png", "a.png", "b.TIF", "c.jpg"]
    assert found == sorted(found)


def test_a_name_with_brackets_is_a_name(folder):
    assert names(list_images(folder / "[1].png")) == ["[1].png"]


def test_a_named_file_is_taken_whatever_its_suffix(folder):
    assert names(list_images([folder / "notes.txt"])) == ["notes.txt"]


def test_relative_patterns_and_home(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert list_images("sub/*.tif") == [Path("sub/d.tif")]
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    assert names(list_images("~/sub")) == ["d.tif"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("missing.tif", r"missing\.tif: no such file or folder"),
        ("*.gif", r"\*\.gif: no image matches this pattern; images are \.tif"),
        ("*.txt", "no image matches this pattern"),
        ("empty", "empty: no images in this folder"),
    ],
)
def test_nothing_found(folder, given, message):
    with pytest.raises(InputError, match=message):
        list_images([folder / "a.png", folder / given])


def test_nothing_named():
    with pytest.raises(InputError, match="no images were named"):
        list_images([])
