"""Divisions that keep groups together and give each part its share of every class."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stellate.axes import Image
from stellate.data.box_dataset import BoxDataset, BoxRecord
from stellate.data.class_dataset import ClassDataset, ClassRecord
from stellate.data.split import folds, validation_split
from stellate.errors import ConfigError, DataError


class InMemory(ClassDataset):
    """Each image is one pixel, of the value that its name is."""

    def image(self, index: int) -> Image:
        return Image(np.array([[int(self.records[index].name)]], dtype=np.int64), "YX")


def of(images: list[tuple[int, int, str]]) -> InMemory:
    """A dataset of images as (pixel, class, group)."""
    records = [
        ClassRecord(str(pixel), Path(f"{k}.png"), c, None, g) for k, (pixel, c, g) in enumerate(images)
    ]
    n_classes = max(c for _, c, _ in images) + 1
    return InMemory(Path("data"), tuple(records), class_names=tuple(f"c{k}" for k in range(n_classes)))


def files(part: ClassDataset) -> set[str]:
    return {record.image_path.name for record in part.records}


def groups(part: ClassDataset) -> set[str]:
    return {record.group for record in part.records if record.group}


def of_class(part: ClassDataset) -> Counter[int]:
    return Counter(record.class_id for record in part.records)


@st.composite
def grouped(draw: st.DrawFn) -> list[tuple[int, int, str]]:
    """Images in groups of one class each, of 1 to 4 images; some are copies of one of their group."""
    images: list[tuple[int, int, str]] = []
    for g, class_id in enumerate(draw(st.lists(st.integers(0, 3), min_size=5, max_size=24))):
        size = draw(st.integers(1, 4))
        pixels = draw(st.lists(st.integers(0, 2), min_size=size, max_size=size))
        images += [(10 * g + p, class_id, f"g{g}" if size > 1 else "") for p in pixels]
    return draw(st.permutations(images))


@settings(max_examples=150, deadline=None)
@given(images=grouped(), n=st.integers(2, 5), seed=st.integers(0, 5))
def test_folds_of_groups(images, n, seed):
    dataset = of(images)
    parts = folds(dataset, n, seed)
    # each image is validated on once, and trained on else
    assert sorted(f for _, validation in parts for f in files(validation)) == sorted(files(dataset))
    for training, validation in parts:
        assert files(training) | files(validation) == files(dataset)
        assert not files(training) & files(validation)
        assert not groups(training) & groups(validation)
        assert not {r.name for r in training.records} & {r.name for r in validation.records}
        assert len(validation)
    # counted without the code that is tested: groups by the tens of their pixels
    n_groups = Counter(c for c, _ in {(c, pixel // 10) for pixel, c, _ in images})
    for class_id, count in n_groups.items():
        if count >= n:
            assert all(of_class(validation)[class_id] for _, validation in parts)
    # nothing that stays together has more than 4 images
    sizes = [len(validation) for _, validation in parts]
    assert max(sizes) - min(sizes) <= 2 * 4


@settings(max_examples=60, deadline=None)
@given(classes=st.lists(st.integers(0, 4), min_size=6, max_size=60), n=st.integers(2, 6))
def test_folds_of_single_images_are_as_equal_as_can_be(classes, n):
    dataset = of([(k, c, "") for k, c in enumerate(classes)])
    parts = [validation for _, validation in folds(dataset, n)]
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    for class_id in set(classes):
        counts = [of_class(part)[class_id] for part in parts]
        assert max(counts) - min(counts) <= 1


@settings(max_examples=150, deadline=None)
@given(images=grouped(), fraction=st.sampled_from((0.1, 0.2, 0.35, 0.5)), seed=st.integers(0, 5))
def test_validation_of_groups(images, fraction, seed):
    dataset = of(images)
    training, validation = validation_split(dataset, fraction=fraction, seed=seed)
    assert files(training) | files(validation) == files(dataset)
    assert not groups(training) & groups(validation)
    assert not {r.name for r in training.records} & {r.name for r in validation.records}
    assert len(training)
    assert len(validation)
    # a group of up to 4 may be the smallest that can be set aside
    assert len(validation) <= max(4, round(fraction * len(images)))


def test_each_class_has_its_share():
    dataset = of([(k, int(k >= 80) + int(k >= 98), "") for k in range(100)])  # 80, 18 and 2 images
    training, validation = validation_split(dataset, fraction=0.2)
    assert of_class(validation) == {0: 16, 1: 3, 2: 1}
    assert of_class(training) == {0: 64, 1: 15, 2: 1}


def test_the_only_image_of_a_class_is_trained_on():
    dataset = of([(k, int(k == 0), "") for k in range(10)])
    for seed in range(20):
        training, _ = validation_split(dataset, fraction=0.5, seed=seed)
        assert of_class(training)[1] == 1


def test_copies_and_groups_are_chained():
    # 1 and 2 are of group a; 2 is a copy of 3; 3 and 4 are of group b
    dataset = of([(1, 0, "a"), (2, 0, "a"), (2, 0, "b"), (4, 0, "b"), (5, 0, ""), (6, 0, "")])
    for _, validation in folds(dataset, 3):
        assert files(validation) in ({"0.png", "1.png", "2.png", "3.png"}, {"4.png"}, {"5.png"})


def test_folds_depend_on_pixels_and_seed_alone():
    images = [(k, k % 3, "") for k in range(30)]
    dataset, turned = of(images), of(images[::-1])

    def pixels(parts) -> list[set[str]]:
        return [{r.name for r in validation.records} for _, validation in parts]

    assert pixels(folds(dataset, 4, 7)) == pixels(folds(turned, 4, 7))
    assert pixels(folds(dataset, 4, 7)) != pixels(folds(dataset, 4, 8))


def test_single_boxes_are_divided_by_class():
    class Boxed(BoxDataset):
        def image(self, index: int) -> Image:
            return Image(np.array([[index]], dtype=np.int64), "YX")

    box = np.array([[0, 0, 1, 1]], dtype=np.float32)
    records = tuple(
        BoxRecord(str(k), Path(f"{k}.png"), box, np.array([int(k >= 12)], dtype=np.int32)) for k in range(16)
    )
    for _, validation in folds(Boxed(Path("data"), records, class_names=("a", "b")), 4):
        assert Counter(int(r.classes[0]) for r in validation.records) == {0: 3, 1: 1}


@pytest.mark.parametrize("seed", range(6))
def test_a_class_of_boxes_in_a_single_image_is_trained_on(seed: int):
    class Boxed(BoxDataset):
        def image(self, index: int) -> Image:
            return Image(np.array([[index]], dtype=np.int64), "YX")

    boxes = np.array([[0, 0, 1, 1], [0, 0, 1, 2]], dtype=np.float32)
    classes = [np.array([0, 0], dtype=np.int32)] * 9 + [np.array([0, 1], dtype=np.int32)]
    records = [BoxRecord(str(k), Path(f"{k}.png"), boxes, of) for k, of in enumerate(classes)]
    records += [BoxRecord("empty", Path("empty.png"), boxes[:0], classes[0][:0])]
    dataset = Boxed(Path("data"), tuple(records), class_names=("cell", "rare"))
    training, validation = validation_split(dataset, fraction=0.5, seed=seed)
    assert len(validation) in (5, 6)
    assert validation.counts()[1] == 0
    assert training.counts()[1] == 1


def test_too_few():
    with pytest.raises(
        DataError, match=r"3 folds need 3 different images, and there are 2 \(copies, and images of"
    ):
        folds(of([(1, 0, "a"), (2, 0, "a"), (3, 0, "")]), 3)
    with pytest.raises(ConfigError, match="1 folds: expected at least 2"):
        folds(of([(1, 0, ""), (2, 0, "")]), 1)
    with pytest.raises(
        DataError, match=r"at least two different images, and there is one \(copies, and images of one"
    ):
        validation_split(of([(1, 0, "a"), (2, 0, "a")]), count=1)
