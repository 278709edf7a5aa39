from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from stellate.data.folder import Dataset, open_folder
from stellate.data.split import validation_split
from stellate.errors import ConfigError, DataError


def folder(root: Path, contents: dict[str, int]) -> Dataset:
    """A folder of images by name, each filled with one grey value."""
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
        for name, value in contents.items():
            Picture.fromarray(np.full((3, 3), value if kind == "images" else 0, np.uint8)).save(
                root / kind / f"{name}.png"
            )
    return open_folder(root)


def names(part: Dataset) -> set[str]:
    return {r.name for r in part}


def test_divides_without_loss_or_overlap(tmp_path):
    dataset = folder(tmp_path, {f"i{k}": k for k in range(20)})
    training, validation = validation_split(dataset, fraction=0.25)
    assert (len(training), len(validation)) == (15, 5)
    assert names(training) | names(validation) == names(dataset)
    assert [r.name for r in training] == sorted(names(training), key=[r.name for r in dataset].index)
    assert names(validation_split(dataset, fraction=0.25)[1]) == names(validation)


def test_another_seed_another_choice(tmp_path):
    dataset = folder(tmp_path, {f"i{k}": k for k in range(30)})
    choices = {frozenset(names(validation_split(dataset, count=6, seed=s)[1])) for s in range(5)}
    assert len(choices) == 5


def test_names_do_not_matter(tmp_path):
    first = folder(tmp_path / "a", {f"i{k:02}": k for k in range(20)})
    second = folder(tmp_path / "b", {f"z{99 - k:02}": k for k in range(20)})
    aside = {int(r.name[1:]) for r in validation_split(first, count=5)[1]}
    assert {99 - int(r.name[1:]) for r in validation_split(second, count=5)[1]} == aside


def test_copies_stay_together(tmp_path):
    # 12 images of 4 contents.
    dataset = folder(tmp_path, {f"i{k:02}": k % 4 for k in range(12)})
    for seed in range(8):
        training, validation = validation_split(dataset, count=4, seed=seed)
        sides = [{int(r.name[1:]) % 4 for r in part} for part in (training, validation)]
        assert not sides[0] & sides[1]
        assert len(validation) == 3


def test_copies_more_than_asked_for(tmp_path):
    training, validation = validation_split(
        folder(tmp_path, {"a": 1, "b": 1, "c": 2, "d": 2, "e": 2}), count=1
    )
    assert (names(training), names(validation)) == ({"c", "d", "e"}, {"a", "b"})


def test_always_one_on_each_side(tmp_path):
    for k, fraction in enumerate((0.01, 0.99)):
        parts = validation_split(folder(tmp_path / str(k), {"a": 1, "b": 2}), fraction=fraction)
        assert [len(p) for p in parts] == [1, 1]


def test_most_images_stay_where_they_are_when_some_are_added(tmp_path):
    few = folder(tmp_path / "few", {f"i{k:03}": k for k in range(100)})
    more = folder(tmp_path / "more", {f"i{k:03}": k for k in range(110)})
    before, after = (names(validation_split(d, fraction=0.2)[1]) for d in (few, more))
    assert len(before & after) >= 17


def test_bad_settings(tmp_path):
    dataset = folder(tmp_path, {"a": 1, "b": 2})
    with pytest.raises(ConfigError, match="not both"):
        validation_split(dataset, fraction=0.5, count=1)
    with pytest.raises(ConfigError, match="fraction 1:"):
        validation_split(dataset, fraction=1)
    with pytest.raises(ConfigError, match="2 validation images of 2"):
        validation_split(dataset, count=2)
    with pytest.raises(DataError, match="at least two different images, and there is one"):
        validation_split(folder(tmp_path / "c", {"a": 5, "b": 5}))
