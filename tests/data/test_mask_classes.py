"""Values of masks to classes: exact, within a tolerance, ignored, and refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image as PillowImage

from stellate.data.mask_classes import MaskClasses
from stellate.errors import ConfigError, DataError

CELLS = MaskClasses((0, 128, 255), ("ground", "plasma", "nucleus"))
PAINTED = MaskClasses(((0, 0, 0), (255, 0, 0)), ("ground", "cell"), ignore=((255, 255, 255),), tolerance=20)
HERE = Path("m.png")


def test_numbers_become_ids():
    classes = CELLS.apply(np.array([[255, 0], [128, -3]]), HERE)
    assert (classes.tolist(), classes.dtype) == ([[2, 0], [1, -1]], np.int32)


def test_colours_become_ids_of_the_nearest_within_the_tolerance():
    stored = np.array([[[0, 12, 16], [240, 8, 0], [250, 250, 250]]], np.uint8)
    assert PAINTED.apply(stored, HERE).tolist() == [[0, 1, -1]]
    with pytest.raises(
        DataError, match=r"m\.png: colours of no class: #000d10 \(1 px\)\. Classes are #000000 ground"
    ):
        PAINTED.apply(np.array([[[0, 13, 16]]], np.uint8), HERE)


def test_several_values_of_one_class():
    merged = MaskClasses((155, 161, 0), ("plasma", "plasma", "ground"))
    assert merged.class_names == ("plasma", "ground")
    assert merged.apply(np.array([[0, 155, 161]]), HERE).tolist() == [[1, 0, 0]]


@st.composite
def valued(draw):
    width = draw(st.sampled_from([1, 3]))
    value = st.tuples(*[st.integers(0, 9)] * width)
    known = draw(st.lists(value, min_size=1, max_size=5, unique=True))
    n_classes = draw(st.integers(1, len(known)))
    shape = draw(array_shapes(min_dims=2, max_dims=2 if width == 3 else 3, max_side=4))
    stored = draw(arrays(np.uint8, (*shape, width), elements=st.integers(0, 9)))
    return known, n_classes, draw(st.sampled_from([0, 1, 1.5, 20])), stored


@settings(max_examples=150, deadline=None)
@given(valued())
def test_each_pixel_has_the_class_of_the_nearest_value(case):
    known, n_classes, tolerance, stored = case
    plain = [v[0] if len(v) == 1 else v for v in known]
    names = tuple(f"c{k}" for k in range(n_classes))
    classes = MaskClasses(tuple(plain[:n_classes]), names, tuple(plain[n_classes:]), tolerance)
    pixels = stored if stored.shape[-1] == 3 else stored[..., 0]
    distances = np.sqrt(((stored[..., None, :].astype(float) - known) ** 2).sum(-1))
    if (distances.min(-1) > tolerance).any():
        with pytest.raises(DataError, match="of no class"):
            classes.apply(pixels, HERE)
        return
    got = classes.apply(pixels, HERE)
    assert got.shape == stored.shape[:-1]
    for at in np.ndindex(got.shape):
        nearest = np.flatnonzero(distances[at] == distances[at].min())
        assert got[at] in [k if k < n_classes else -1 for k in nearest]


def test_values_of_no_class_are_listed_most_frequent_first():
    stored = np.repeat([0, 7, 9, 300], [5, 2, 1, 4])[None]
    with pytest.raises(DataError) as caught:
        CELLS.apply(stored, HERE)
    assert str(caught.value).startswith(
        "m.png: values of no class: 300 (4 px), 7 (2 px), 9 (1 px). Classes are 0 ground, 128 plasma, 255 nucleus; "
    )
    with pytest.raises(DataError, match=r"1 \(1 px\), .*, 8 \(1 px\) and 12 more\."):
        CELLS.apply(np.arange(1, 21)[None], HERE)


def test_a_mask_is_read_by_the_kind_of_its_values(tmp_path):
    path = tmp_path / "m.png"
    PillowImage.fromarray(np.array([[0, 128]], np.uint8)).save(path)
    mask = CELLS.read(path)
    assert (mask.classes.tolist(), mask.class_names) == ([[0, 1]], CELLS.class_names)
    PillowImage.fromarray(np.array([[0, 255]], np.uint8)).save(path)
    assert PAINTED.read(path).classes.tolist() == [[0, -1]]
    PillowImage.fromarray(np.array([[[1, 2, 3]]], np.uint8)).save(path)
    with pytest.raises(DataError, match=r"m\.png: a mask in colour, where classes are numbers"):
        CELLS.read(path)


@pytest.mark.parametrize("classes", [CELLS, PAINTED])
def test_the_model_file_keeps_them(classes):
    plain = json.loads(json.dumps(classes.to_dict()))
    assert MaskClasses.from_dict(plain) == classes


@pytest.mark.parametrize(
    "plain",
    [
        {},
        {"values": [[1, 2]], "names": ["a"], "ignore": [], "tolerance": 0},
        {"values": [True], "names": ["a"], "ignore": [], "tolerance": 0},
        {"values": [1], "names": ["a"], "ignore": [], "tolerance": "x"},
    ],
)
def test_other_data_is_refused(plain):
    with pytest.raises(ConfigError, match="expected values of mask classes"):
        MaskClasses.from_dict(plain)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((0, 255), ("ground", "void"), (255,)), "255 is to be ignored, and the value of the class void"),
        (((0, 1, 1), ("a", "b", "c")), "the value 1 is given twice"),
        (((0, 1), ("a", "b"), (9, 9)), "the value 9 is given twice"),
        (((0, (1, 1, 1)), ("a", "b")), "numbers and colours"),
        (((0, 1), ("a", "b"), ((0, 0, 0),)), "numbers and colours"),
        (((0, 1), ("a",)), "2 values of classes and 1 names"),
        (((), ()), "0 values of classes"),
        (((0, 1), ("a", "b"), (), -1.0), "tolerance -1"),
        (((0, 1), ("a", "b"), (), float("nan")), "tolerance nan"),
    ],
)
def test_what_contradicts_itself_is_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        MaskClasses(*arguments)
