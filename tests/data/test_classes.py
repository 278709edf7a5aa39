"""Classes of annotated objects, from the files to the instances."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from stellate.data.augmentation import Augmentation
from stellate.data.folder import Dataset, open_folder
from stellate.data.normalization import Normalization
from stellate.data.patches import PatchDataset, PatchSettings
from stellate.data.samples import FolderSamples
from stellate.data.split import validation_split
from stellate.errors import DataError


def save(root: Path, name: str, *ids: int, size: int = 4) -> None:
    """An image whose objects are squares; each is as bright as its place among `ids`, from 1."""
    labels = np.zeros((size + 2, (size + 1) * max(1, len(ids)) + 1), np.uint32)
    image = np.zeros(labels.shape, np.uint16)
    for k, label in enumerate(ids):
        square = (slice(1, 1 + size), slice(k * (size + 1) + 1, (k + 1) * (size + 1)))
        labels[square], image[square] = label, k + 1
    for kind, array in (("images", image), ("masks", labels)):
        (root / kind).mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(root / kind / f"{name}.tif", array)


def write(path: Path, content: str | dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=1), encoding="utf-8")


def named(dataset: Dataset) -> dict[str, dict[int, str | None] | None]:
    """Class name by brightness, for every image; None where nothing is known of an image."""
    found: dict[str, dict[int, str | None] | None] = {}
    for k, record in enumerate(dataset):
        image, objects = dataset.pair(k)
        assert objects.class_names == dataset.class_names
        if objects.classes is None:
            found[record.name] = None
            continue
        assert objects.classes.dtype == np.int32
        names = [*objects.class_names, None]
        pixels = np.asarray(image.array)
        found[record.name] = {
            int(pixels[objects.labels == label][0]): names[objects.classes[label - 1]]
            for label in range(1, len(objects) + 1)
        }
    return found


def refused(root: Path) -> str:
    with pytest.raises(DataError) as error:
        open_folder(root)
    return str(error.value)


@pytest.fixture
def root(tmp_path):
    """Ids beyond 16 bits, with gaps, in no order."""
    save(tmp_path, "a", 70_000, 12, 65_536, 2**31)
    save(tmp_path, "b", 9, 5)
    save(tmp_path, "c", 1)
    return tmp_path


def test_ids_far_apart_and_out_of_order_find_their_class(root):
    write(root / "masks" / "a.csv", f"label,class\n65536,long\n70000,round\n{2**31},\n12,flat\n")
    write(root / "masks" / "b.json", {"5": "round", "9": "long"})
    dataset = open_folder(root)
    assert dataset.class_names == ("flat", "long", "round")
    assert named(dataset) == {
        "a": {1: "round", 2: "flat", 3: "long", 4: None},
        "b": {1: "long", 2: "round"},
        "c": None,
    }


@pytest.mark.parametrize("kind", ["masks.csv", "masks.json", "classes.csv", "classes.json"])
def test_every_place_and_format_says_the_same(root, kind):
    wanted = {"a": {70_000: 2, 12: 1, 65_536: None}, "b": {9: 10, 5: 2}}
    if kind == "masks.csv":
        for name, of in wanted.items():
            text = "".join(f"{label};{'' if c is None else c}\n" for label, c in of.items())
            write(root / "masks" / f"{name}.csv", f"label;class\n{text}")
    elif kind == "masks.json":
        for name, of in wanted.items():
            write(root / "masks" / f"{name}.json", {str(k): v for k, v in of.items()})
    elif kind == "classes.csv":
        text = "".join(
            f"{name}.tif\t{label}\t{'' if c is None else c}\n"
            for name, of in wanted.items()
            for label, c in of.items()
        )
        write(root / "classes.csv", f"image\tlabel\tclass\n{text}")
    else:
        write(
            root / "classes.json", {name: {str(k): v for k, v in of.items()} for name, of in wanted.items()}
        )
    dataset = open_folder(root)
    assert dataset.class_names == ("class 1", "class 2", "class 10")
    assert named(dataset) == {
        "a": {1: "class 2", 2: "class 1", 3: None, 4: None},
        "b": {1: "class 10", 2: "class 2"},
        "c": None,
    }


def test_the_list_gives_order_and_names_of_numbers(root):
    write(root / "class_names.txt", "round\nlong\nnever\n")
    write(root / "classes.csv", "image,label,class\na,12,2\na,70000,round\nb,9,1\nb,5,long\nb,5,2\n")
    dataset = open_folder(root)
    assert dataset.class_names == ("round", "long", "never")
    assert named(dataset)["a"] == {1: "round", 2: "long", 3: None, 4: None}
    assert named(dataset)["b"] == {1: "round", 2: "long"}


def test_a_name_that_was_a_number_is_read_as_one(root):
    """What is predicted by a model whose classes have numbers can be trained on."""
    write(root / "masks" / "a.csv", "label,class\n12,class 2\n70000,class 10\n")
    write(root / "masks" / "b.csv", "label,class\n5,2\n")
    assert open_folder(root).class_names == ("class 2", "class 10")


def test_without_files_nothing_changes(root):
    dataset = open_folder(root)
    assert (dataset.class_names, dict(dataset.classes)) == ((), {})
    assert named(dataset) == {"a": None, "b": None, "c": None}


def test_an_empty_file_says_that_nothing_is_known(root):
    write(root / "masks" / "a.json", {})
    write(root / "masks" / "b.json", {"5": 1})
    assert named(open_folder(root)) == {
        "a": dict.fromkeys((1, 2, 3, 4)),
        "b": {1: None, 2: "class 1"},
        "c": None,
    }


def test_parts_share_one_mapping(tmp_path):
    for part, name in (("train", "z"), ("val", "a"), ("test", "m")):
        save(tmp_path / part, "x", 1, 2)
        write(tmp_path / part / "masks" / "x.csv", f"label,class\n1,{name}\n2,z\n")
    dataset = open_folder(tmp_path)
    for part, name in (("train", "z"), ("val", "a"), ("test", "m")):
        assert dataset.split(part).class_names == ("a", "m", "z")
        assert named(dataset.split(part)) == {"x": {1: name, 2: "z"}}


def test_one_file_for_all_parts(tmp_path):
    for part in ("train", "val"):
        save(tmp_path / part, "x", 1)
        save(tmp_path / part, f"only_{part}", 1)
    write(tmp_path / "classes.json", {"train/x": {"1": "a"}, "val/x.tif": {"1": "b"}, "only_val": {"1": "a"}})
    dataset = open_folder(tmp_path)
    assert named(dataset.split("train")) == {"x": {1: "a"}, "only_train": None}
    assert named(dataset.split("val")) == {"x": {1: "b"}, "only_val": {1: "a"}}
    write(tmp_path / "classes.json", {"x": {"1": "a"}})
    assert "several parts of the data have an image 'x'; write the part before it" in refused(tmp_path)


def test_subsets_and_the_split_keep_classes(root):
    write(root / "classes.csv", "image,label,class\na,12,p\nb,9,q\nc,1,r\n")
    dataset = open_folder(root)
    train, validation = validation_split(dataset, count=1)
    assert train.class_names == validation.class_names == ("p", "q", "r")
    assert named(train) | named(validation) == named(dataset)
    assert named(dataset[1:])["c"] == {1: "r"}
    assert named(dataset.subset([2, 0]))["a"][2] == "p"


def test_names_in_another_order(root):
    write(root / "classes.csv", "image,label,class\na,12,p\nb,9,q\nb,5,\nc,1,r\n")
    dataset = open_folder(root)
    other = dataset.with_class_names(("r", "unused", "q", "p"))
    assert other.class_names == ("r", "unused", "q", "p")
    assert named(other) == named(dataset)
    assert other.annotation(1).classes.tolist() == [-1, 2]
    with pytest.raises(DataError, match=r"objects of the class q, which is not among p, r"):
        dataset.with_class_names(("p", "r"))
    assert named(dataset.with_class_names(())) == {"a": None, "b": None, "c": None}


def test_patches_keep_the_class_of_each_object(tmp_path):
    """Every patch tells the class of an object by its brightness."""
    ids = tuple(int(i) for i in np.random.default_rng(0).choice(10**6, 30, replace=False) + 1)
    save(tmp_path, "a", *ids, size=6)
    classes = {label: ("abc?"[k % 4]) for k, label in enumerate(ids)}
    write(tmp_path / "masks" / "a.json", {str(i): None if c == "?" else c for i, c in classes.items()})
    samples = FolderSamples(open_folder(tmp_path), Normalization(), in_channels=1)
    brightness = {samples[0].pixels[:][0, 3, 3 + 7 * k]: "abc?"[k % 4] for k in range(30)}
    patches = PatchDataset([samples], dict, settings=PatchSettings((8, 32), 0.9, Augmentation.none()), seed=0)
    seen = set()
    for index in range(40):
        patch = patches.cut(samples[0], np.random.default_rng(index))
        objects = patch.annotation
        for label in range(1, len(objects) + 1):
            value = patch.pixels[0][objects.labels == label]
            assert len(set(value)) == 1
            assert brightness[value[0]] == ["a", "b", "c", "?"][objects.classes[label - 1]]
            seen.add(value[0])
    assert len(seen) > 20


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"masks/a.csv": "label,class\n12,x\n12,y\n"},
            "a.csv: line 3: label 12 is of another class than in line 2",
        ),
        (
            {"masks/a.json": '{"12": 1,\n"12": null}'},
            "a.json: line 2: label 12 is of another class than in line 1",
        ),
        ({"masks/a.json": '{"12":\n0}'}, "a.json: line 1: class 0 is the background"),
        (
            {"masks/a.csv": "label,class\n12,x\n", "masks/b.csv": "label,class\n5,y\n9,X \n"},
            "line 3: 'X' differs from 'x' (a.csv, line 2) by capitals or blanks only",
        ),
        (
            {"masks/a.csv": "label,class\n12,T cell\n70000,Tcell\n"},
            "line 3: 'Tcell' differs from 'T cell' (a.csv, line 2) by capitals or blanks only",
        ),
        (
            {"masks/a.csv": "label,class\n12,1\n", "masks/b.csv": "label,class\n5,2\n9,tumour\n"},
            "b.csv: line 3: a class by name ('tumour'), where a.csv, line 2, has 1",
        ),
        (
            {"masks/a.csv": "label,class\n12,1\n", "classes.csv": "image,label,class\na,70000,1\n"},
            "classes.csv: states classes of a.tif, and so does a.csv; keep one of them",
        ),
        (
            {"class_names.txt": "tumour\nstroma\n", "masks/a.csv": "label,class\n12,tumuor\n"},
            "a.csv: line 2: class_names.txt lists no class 'tumuor'; did you mean 'tumour'?",
        ),
        (
            {"class_names.txt": "tumour\nstroma\n", "masks/a.json": '{"12": 3}'},
            "a.json: line 1: class 3, where class_names.txt lists 2",
        ),
        (
            {"class_names.txt": "a\nb\na\n", "masks/a.json": '{"12": 3}'},
            "class_names.txt: line 3: the name 'a' is listed twice",
        ),
        (
            {"class_names.txt": "a\nA\n", "masks/a.json": '{"12": 3}'},
            "class_names.txt: line 2: 'A' differs from 'a'",
        ),
        (
            {"class_names.txt": "a\n\nb\n", "masks/a.json": '{"12": 3}'},
            "class_names.txt: line 2: an empty line",
        ),
        (
            {"classes.csv": "image,label,class\nq,1,x\nr,1,x\n"},
            "line 2: none of the images that it names is in this folder ('q', 'r')",
        ),
        ({"masks/a.json": '{"12": 1'}, "a.json: line 1: no JSON"),
        ({"masks/a.csv": "nothing\n"}, "a.csv: line 1: expected a header"),
    ],
)
def test_what_cannot_be_used_is_named_with_file_and_line(root, files, message):
    for name, content in files.items():
        write(root / name, content)
    assert message in refused(root)


def test_a_column_of_remarks_is_no_column_of_classes(tmp_path):
    save(tmp_path, "a", 1)
    write(
        tmp_path / "masks" / "a.csv", "label,class\n" + "".join(f"{k},remark {k} x\n" for k in range(1, 1200))
    )
    assert "1199 different classes, where at most 1000 are meant to be" in refused(tmp_path)


def test_a_label_that_the_mask_has_not_is_named_when_it_is_read(root):
    write(root / "masks" / "a.csv", "label,class\n70000,x\n13,x\n12,y\n14,x\n")
    dataset = open_folder(root)
    with pytest.raises(
        DataError, match=r"a\.csv: line 3: the mask has no label 13 \(and 1 more\) in a\.tif; labels"
    ):
        dataset.pair(0)
    assert len(dataset.pair(1)[1]) == 2


def test_other_tables_among_the_masks_are_left_alone(root):
    write(root / "masks" / "summary.csv", "nothing of the kind")
    write(root / "masks" / "._a.csv", "\0\0 of a Mac")
    assert open_folder(root).class_names == ()


def test_letter_case_of_the_file_may_differ(root):
    write(root / "masks" / "A.CSV", "label,class\n12,x\n")
    assert named(open_folder(root))["a"][2] == "x"


def test_volumes_have_classes_too(tmp_path):
    labels = np.zeros((4, 8, 9), np.uint32)
    labels[:2, 1:4, 1:4], labels[2:, 4:7, 5:8] = 80_000, 7
    for kind, array in (("images", labels.astype(np.float32)), ("masks", labels)):
        (tmp_path / kind).mkdir()
        tifffile.imwrite(tmp_path / kind / "v.tif", array, photometric="minisblack", metadata={"axes": "ZYX"})
    write(tmp_path / "classes.csv", "image,label,class\nv,80000,p\nv,7,q\n")
    image, objects = open_folder(tmp_path).pair(0)
    assert image.spatial_axes == "ZYX"
    assert [objects.class_names[k] for k in objects.classes] == ["q", "p"]
    assert objects.labels[0, 1, 1] == 2
