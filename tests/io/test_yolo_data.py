"""``data.yaml``: what programs write, names as they are written, and that every slip is named."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stellate.errors import InputError
from stellate.io.annotation_text import class_name
from stellate.io.yolo_data import read_names, read_yolo_data, write_yolo_data

in_folder = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NAMES = st.text(st.characters(exclude_categories=("C",)), min_size=1, max_size=12).filter(
    lambda name: name.strip() and name.isprintable()
)


@pytest.fixture
def read(tmp_path):
    def of(text: str | bytes):
        (tmp_path / "data.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_yolo_data(tmp_path / "data.yaml")

    return of


@pytest.fixture
def refused(read, tmp_path):
    def of(text: str | bytes) -> str:
        with pytest.raises(InputError) as error:
            read(text)
        assert str(error.value).startswith(f"{tmp_path / 'data.yaml'}: ")
        return str(error.value).removeprefix(f"{tmp_path / 'data.yaml'}: ")

    return of


def test_as_ultralytics_and_roboflow_write_it(read):
    found = read(
        "# comment\npath: ../datasets/cells  # root\ntrain: images/train\nval:\n  - images/a\n  - images/b\n"
        "test:  # optional\n\nnames:\n  0: cell\n  1: T cell\n\ndownload: |\n  import os\n"
    )
    assert (found.path, found.names) == ("../datasets/cells", {0: "cell", 1: "T cell"})
    assert found.parts == {"train": ("images/train",), "val": ("images/a", "images/b")}
    found = read(
        "names: ['a', \"b: c\"]\nnc: 2\nroboflow:\n  version: 1\ntest: ../test/images\nvalid: list.txt\n"
    )
    assert (found.path, found.names) == ("", {0: "a", 1: "b: c"})
    assert found.parts == {"val": ("list.txt",), "test": ("../test/images",)}


def test_names_stay_what_is_written(read):
    found = read("train: a\nnames: [no, 1.0, 0x1F, 2020-01-01, null, 1_000, yes]\n")
    assert [*found.names.values()] == ["no", "1.0", "0x1F", "2020-01-01", "null", "1_000", "yes"]
    assert read("train: a\nnames: {7: b, 2: a}\n").names == {2: "a", 7: "b"}


@in_folder
@given(names=st.lists(NAMES, min_size=1, max_size=8, unique_by=lambda name: class_name(name, "")))
def test_what_is_written_is_read(tmp_path, names):
    names = tuple(class_name(name, "") for name in names)
    file = tmp_path / "data.yaml"
    write_yolo_data(file, names, {"train": "images/train", "val": "images/val"})
    found = read_yolo_data(file)
    assert found.names == dict(enumerate(names))
    assert found.parts == {"train": ("images/train",), "val": ("images/val",)}
    # other programs read the same
    assert yaml.safe_load(file.read_text(encoding="utf-8"))["names"] == dict(enumerate(names))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "the file is empty; write names and the folders of images"),
        ("train: a\n", "no names of classes; add a line such as names: [cell, nucleus]"),
        ("names: [a]\n", "names no images; add lines such as train: images/train and val: images/val"),
        ("- a\n- b\n", "line 1: no names with values, such as train: images/train; export it again"),
        (
            "train: a\nnames: cell\n",
            "line 2: no names with values, such as train: images/train; export it again",
        ),
        ("train: a\nnames: []\n", "line 2: names no class; write one name for each number"),
        (
            "train: a\nnames: [a, [b]]\n",
            "line 2: a list or mapping, where a text is expected; export it again",
        ),
        (
            "train: a\nnames: {0: a, x: b}\n",
            "line 2: 'x' is no number of a class; write numbers from 0, or a list",
        ),
        (
            "train: a\nnames: {-1: a}\n",
            "line 2: '-1' is no number of a class; write numbers from 0, or a list",
        ),
        ("train: a\nnames:\n  0: a\n  0: b\n", "line 4: '0' is there twice; keep one of them"),
        ("train: a\nnames:\n  0: a\n  00: b\n", "line 3: two names have the same number; keep one of them"),
        ("train: a\nnames: [a, b, a]\n", "classes 0 and 2 are both called 'a'; rename one of them"),
        ("train: a\nnames: [a, '']\n", "line 2: no class; name it, or take the row or object out"),
        (
            "train: {x: a}\nnames: [a]\n",
            "line 1: a list or mapping, where a text is expected; export it again",
        ),
        ("val: a\nvalid: b\nnames: [a]\n", "line 2: valid is another name of val, which is there; keep one"),
        (
            "train: a\nkpt_shape: [17, 3]\nnames: [a]\n",
            "line 2: key points, which are not read; export boxes",
        ),
        ("train: a\ntrain: b\nnames: [a]\n", "line 2: 'train' is there twice; keep one of them"),
    ],
)
def test_files_that_say_too_little_or_too_much(refused, text, what):
    assert refused(text) == what


def test_files_that_are_none(refused):
    assert refused("train: a\nnames: [a, b\n").startswith("line 3: no whole YAML (expected ',' or ']'")
    assert refused("train: a\nnames: {0: cell: x}\n").startswith("line 2: no whole YAML (")
    assert refused(b"train: \xff") == "not a text in UTF-8; save it in that encoding"
    assert refused("train: \x01").startswith("no whole YAML (")
    assert refused("names: " + "[" * 5000) == "nested too deeply to be YOLO's; export it again"
    assert refused(" " * (2**18 + 1)).startswith("262,145 bytes, where at most 262,144 are read")


def test_nothing_is_made_of_what_the_file_says(read, refused, tmp_path):
    told = tmp_path / "told"
    command = f'!!python/object/apply:os.system ["touch {told}"]'
    assert refused(f"train: a\nnames: [{command}]\n").startswith("line 2: a list or mapping")
    assert not told.exists()
    # what is repeated by reference, ten to the ninth times, stays as small as the file
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for k in range(1, 10):
        bomb += f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]\n"
    assert refused(f"{bomb}train: a\nnames: *a9\n").startswith("line 9: a list or mapping")
    assert read("a: &a [*a]\ntrain: b\nnames: [c]\n").names == {0: "c"}


def test_lists_of_names(tmp_path):
    file = tmp_path / "classes.txt"
    file.write_bytes("\ufeffcell\r\n T cell \r\nRöhre\r\n\r\n".encode())
    assert read_names(file) == {0: "cell", 1: "T cell", 2: "Röhre"}
    for text, what in (
        ("a\n\nb", "line 2: no class; name it"),
        ("", "line 1: no class; name it"),
        ("a\nb\na", "classes 0 and 2 are both called 'a'; rename one of them"),
    ):
        file.write_text(text)
        with pytest.raises(InputError, match=what):
            read_names(file)
    file.write_bytes(b"\xff")
    with pytest.raises(InputError, match="not a text in UTF-8"):
        read_names(file)
