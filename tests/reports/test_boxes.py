"""Frames in pictures: where their lines are, what they hide, and when they have labels."""

from __future__ import annotations

import numpy as np
import pytest

from stellate.axes import Image
from stellate.io.class_colours import class_colour
from stellate.reports.boxes import Frame, draw_frames, frames_of, in_words
from stellate.reports.legend import legend_of
from stellate.reports.overlay import overlay
from stellate.results import Boxes, Scores

NAMES = ("round", "long")
RED, GREEN = (200, 30, 30), (30, 160, 30)
GROUND = 120
# of a picture of this size
LINE = 3


def boxes(*places, of=None, scores=None) -> Boxes:
    classes = np.zeros(len(places), np.int32) if of is None else np.array(of, np.int32)
    known = None if scores is None else np.array(scores, np.float32)
    return Boxes(np.array(places, np.float32).reshape(-1, 4), classes, NAMES, known)


def ground(height=200, width=300) -> np.ndarray:
    return np.full((height, width, 3), GROUND, np.uint8)


def of_colour(picture, colour) -> np.ndarray:
    return (picture == np.array(colour)).all(axis=-1)


def test_lines_lie_around_the_box_and_touch_it():
    drawn = of_colour(draw_frames(ground(), [Frame((50, 60, 120, 100), RED)]), RED)
    expected = np.zeros((200, 300), bool)
    expected[60 - LINE : 100 + LINE, 50 - LINE : 120 + LINE] = True
    expected[60:100, 50:120] = False
    np.testing.assert_array_equal(drawn, expected)


def test_what_is_inside_is_left_as_it_is_but_for_a_rim():
    picture = draw_frames(ground(), [Frame((50, 60, 120, 100), RED)])
    assert (picture[61:99, 51:119] == GROUND).all()
    assert (picture[60, 50:120] == 0).all()


@pytest.mark.parametrize("box", [(0, 0, 300, 200), (-40, -9, 900, 500), (299, 199, 300, 200), (5, 5, 5, 5)])
def test_a_frame_at_the_border_and_one_without_area_are_seen_whole(box):
    drawn = of_colour(draw_frames(ground(), [Frame(box, RED)]), RED)
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    last = np.array([199, 299])
    low = np.clip(np.array([box[1], box[0]]) - LINE, 0, last)
    high = np.clip(np.array([box[3], box[2]]) + LINE - 1, 0, last)
    assert [rows[0], columns[0]] == low.tolist()
    assert [rows[-1], columns[-1]] == high.tolist()


def test_dashes_begin_and_end_at_the_corners():
    box = (50, 60, 120, 100)
    solid = of_colour(draw_frames(ground(), [Frame(box, RED)]), RED)
    broken = of_colour(draw_frames(ground(), [Frame(box, RED, dashed=True)]), RED)
    assert not (broken & ~solid).any()
    assert 0.3 < broken.sum() / solid.sum() < 0.9
    for row in (60 - LINE, 100 + LINE - 1):
        for column in (50 - LINE, 120 + LINE - 1):
            assert broken[row, column]
    tiny = of_colour(draw_frames(ground(), [Frame((50, 60, 51, 61), RED, dashed=True)]), RED)
    assert tiny.sum() > 20


def labels(picture, colour) -> int:
    """Pixels of a colour beyond the lines of frames."""
    return int(of_colour(picture, colour).sum())


def test_a_label_hides_no_other_box_and_no_other_label():
    one = Frame((50, 60, 120, 100), RED, "round")
    alone = draw_frames(ground(), [one])
    bare = draw_frames(ground(), [Frame(one.box, RED)])
    changed = np.flatnonzero((alone != bare).any(axis=-1).any(axis=1))
    assert changed.max() < 60  # above the box
    above = Frame((30, 20, 160, 55), GREEN)
    below = draw_frames(ground(), [one, above])
    changed = np.flatnonzero(
        (below != draw_frames(ground(), [Frame(one.box, RED), above])).any(axis=-1).any(axis=1)
    )
    assert changed.min() >= 100  # there is room below
    beneath = Frame((30, 104, 160, 190), GREEN)
    crowded = draw_frames(ground(), [one, above, beneath])
    np.testing.assert_array_equal(crowded, draw_frames(ground(), [Frame(one.box, RED), above, beneath]))


def test_a_box_that_fills_the_picture_has_its_label_inside():
    full = (0, 0, 300, 200)
    labelled, bare = (draw_frames(ground(), [Frame(full, RED, words)]) for words in ("round 90%", ""))
    changed = (labelled != bare).any(axis=-1)
    assert changed[:30, :120].any()
    assert not changed[30:].any()


def test_boxes_in_a_box_keep_their_labels():
    inner = Frame((100, 90, 160, 130), GREEN, "long")
    outer = Frame((20, 20, 280, 180), RED)
    assert labels(draw_frames(ground(), [outer, inner]), GREEN) > labels(
        draw_frames(ground(), [outer, Frame(inner.box, GREEN)]), GREEN
    )


def test_a_picture_without_frames_and_the_smallest_picture():
    np.testing.assert_array_equal(draw_frames(ground(), []), ground())
    smallest = draw_frames(np.zeros((1, 1, 3), np.uint8), [Frame((0, 0, 1, 1), RED, "round")])
    assert smallest.tolist() == [[list(RED)]]


def test_the_surest_lies_above_the_others():
    found = boxes((50, 60, 120, 100), (50, 60, 120, 100), of=[1, 0], scores=[0.9, 0.3])
    frames = frames_of(found)
    assert [f.words for f in frames] == ["round 30%", "long 90%"]
    picture = draw_frames(ground(), frames)
    assert picture[60 - LINE, 100].tolist() == list(class_colour(1))


def test_words_without_scores_and_without_names():
    assert in_words(boxes((0, 0, 1, 1), of=[1]), 0) == "long"
    assert in_words(Boxes(np.zeros((1, 4), np.float32), np.array([2], np.int32)), 0) == "class 3"


def test_boxes_of_an_overlay_are_in_pixels_of_the_image():
    image = Image(np.full((40, 60), GROUND, np.uint8), "YX")
    found = boxes((10, 5, 30, 25))
    colour = class_colour(0)
    # label above, so look at the lower edge and at the left
    enlarged = of_colour(overlay(image, found, zoom=5), colour)
    assert enlarged.shape == (200, 300)
    assert enlarged[125 : 125 + LINE, 50:150].all()
    assert not enlarged[26:124, 51:149].any()
    large = Image(np.full((400, 600), GROUND, np.uint8), "YX")
    reduced = of_colour(overlay(large, boxes((100, 50, 300, 250)), max_side=300), colour)
    assert reduced.shape == (200, 300)
    assert reduced[125 : 125 + LINE, 50:150].all()


def test_of_a_volume_the_brightest_is_seen_and_of_time_the_middle():
    volume = np.zeros((3, 40, 60), np.uint8)
    volume[0, 10:30, 20:40] = 200
    picture = overlay(Image(volume, "ZYX"), boxes((20, 10, 40, 30)))
    assert picture[20, 30].min() > 100
    film = overlay(Image(volume, "TYX"), boxes((20, 10, 40, 30)))
    assert film[20, 30].max() < 140  # the middle frame is empty


def test_the_class_of_a_whole_image_leaves_its_picture_as_it_is():
    image = np.random.default_rng(0).integers(0, 255, (20, 30, 3)).astype(np.uint8)
    scores = Scores(np.array([0.5, 0.5], np.float32), NAMES)
    empty = boxes()
    np.testing.assert_array_equal(overlay(image, scores), overlay(image, empty))


def test_colours_of_several_boxes_are_explained():
    assert legend_of(boxes((0, 0, 1, 1), (2, 2, 3, 3), of=[1, 1])) == [("long", class_colour(1))]
    assert legend_of(boxes((0, 0, 1, 1))) == []
    assert legend_of(Scores(np.array([1.0], np.float32), ("round",))) == []


def test_a_faint_frame_touches_its_box_with_a_thinner_line_and_no_rim():
    picture = draw_frames(ground(), [Frame((50, 60, 120, 100), RED, faint=True)])
    drawn = of_colour(picture, RED)
    full = of_colour(draw_frames(ground(), [Frame((50, 60, 120, 100), RED)]), RED)
    assert 0 < drawn.sum() < full.sum()
    assert not (drawn & ~full).any()
    assert not (picture == 0).all(axis=-1).any()


def test_a_label_may_hide_faint_frames_but_no_others():
    """Above and below the named frame lies another."""
    named = Frame((100, 90, 200, 110), RED, "round")
    places = ((60, 50, 240, 80), (60, 120, 240, 150))
    for faint in (True, False):
        picture = draw_frames(ground(), [*(Frame(p, GREEN, faint=faint) for p in places), named])
        labelled = of_colour(picture, RED)[50 : 90 - LINE, 100:200].any()
        assert labelled == faint
