"""Pictures of annotated and found boxes: where they are, and how they are told apart."""

from __future__ import annotations

import numpy as np
import pytest

from stellate.axes import Image
from stellate.reports.box_agreement import BOX_COLOURS, draw_box_agreement
from stellate.results import Boxes

NAMES = ("red", "white")
SIDE = 96
PLACES = {
    "right": (8, 8, 28, 28),
    "other": (60, 8, 84, 28),
    "missed": (8, 60, 30, 84),
    "false": (60, 60, 84, 84),
}


def boxes(places, classes, names=NAMES, scores=None) -> Boxes:
    corners = np.array([PLACES[p] for p in places], np.float32).reshape(-1, 4)
    scores = None if scores is None else np.array(scores, np.float32)
    return Boxes(corners, np.array(classes, np.int32), names, scores)


TRUTH = boxes(("right", "other", "missed"), (0, 1, 0))
# the names are in another order
FOUND = boxes(("right", "other", "false"), (1, 1, 0), ("white", "red"), (0.9, 0.8, 0.7))


def colours_near(picture, place, scale):
    """Which colours the frame around a place has, and on how many pixels."""
    x1, y1, x2, y2 = (round(v * scale) for v in place)
    part = picture[max(0, y1 - 5) : y2 + 5, max(0, x1 - 5) : x2 + 5]
    counts = {name: int((part == np.array(c)).all(axis=-1).sum()) for name, c in BOX_COLOURS.items()}
    return {name: n for name, n in counts.items() if n > 40}


@pytest.mark.parametrize(("factor", "scale"), [(1, 8), (16, 0.5)])
def test_each_kind_has_its_colour_in_the_right_picture(factor, scale):
    image = Image(np.full((SIDE * factor, SIDE * factor), 90, np.uint8), "YX")
    truth, found = (Boxes(b.boxes_xyxy * factor, b.classes, b.class_names, b.scores) for b in (TRUTH, FOUND))
    annotated, other = draw_box_agreement(image, truth, found)
    assert annotated.shape == other.shape == (768, 768, 3)
    near = {
        place: [set(colours_near(p, xyxy, factor * scale)) for p in (annotated, other)]
        for place, xyxy in PLACES.items()
    }
    assert near["right"] == [{"matched"}, {"matched"}]
    assert near["other"] == [{"mistaken"}, {"mistaken"}]
    assert near["missed"] == [{"missed"}, set()]
    assert near["false"] == [set(), {"false"}]


def test_matches_are_drawn_with_less_and_other_classes_are_dashed():
    image = Image(np.full((SIDE, SIDE), 90, np.uint8), "YX")
    same = boxes(("missed", "false"), (0, 0))
    all_missed, _ = draw_box_agreement(image, same, boxes((), ()))
    all_found, _ = draw_box_agreement(image, same, boxes(("missed", "false"), (0, 0)))
    all_mistaken, _ = draw_box_agreement(image, same, boxes(("missed", "false"), (1, 1)))
    thick = colours_near(all_missed, PLACES["missed"], 8)["missed"]
    assert colours_near(all_found, PLACES["missed"], 8)["matched"] < thick
    assert colours_near(all_mistaken, PLACES["missed"], 8)["mistaken"] < 0.8 * thick
    # a thick line has a dark rim
    assert (all_missed == 0).all(axis=-1).any()
    assert not (all_found == 0).all(axis=-1).any()
    # what matches has no label, what does not has one: a patch of its colour
    assert not (all_found == np.array(BOX_COLOURS["missed"])).all(axis=-1).any()


def test_nothing_to_draw_leaves_the_picture():
    image = Image(np.arange(64, dtype=np.uint8).reshape(8, 8), "YX")
    annotated, found = draw_box_agreement(image, boxes((), ()), boxes((), (), scores=()))
    np.testing.assert_array_equal(annotated, found)
