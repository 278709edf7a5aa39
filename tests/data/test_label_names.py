"""Ids of classes by names: whose order counts, and what cannot be told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from stellate.data.label_names import listed_names, name_classes, natural
from stellate.errors import InputError

FILE = Path("t.csv")


def named(*names: str, ordered=(), listed=()):
    return name_classes(dict.fromkeys(names, FILE), ordered, listed)


def test_names_are_sorted_numbers_as_such():
    assert named("10", "b", "9", "A", "2x")[0] == ("2x", "9", "10", "A", "b")
    assert sorted(["g10", "G9", "g1"], key=natural) == ["g1", "G9", "g10"]


def test_the_order_of_the_annotation_counts_and_others_follow():
    names, ids, problems = named("c", "a", "b", ordered=("c", "unused"))
    assert names == ("c", "unused", "a", "b")
    assert (ids["c"], ids["b"], list(problems)) == (0, 3, [])


def test_a_list_counts_most_and_gives_numbers_their_names():
    names, ids, problems = named("2", "round", ordered=("2",), listed=("round", "long"))
    assert (names, ids["2"], ids["round"], problems) == (("round", "long"), 1, 0, [])
    assert named("2", listed=("1", "2", "3"))[1]["2"] == 1  # a name before a number


@pytest.mark.parametrize("name", ["0", "3", "-1", "lon", "\u00b2"])
def test_what_is_not_listed(name):
    _, ids, (problem,) = named(name, listed=("round", "long"))
    assert name not in ids
    assert (problem.file, problem.severity) == (FILE, "error")
    assert problem.what.startswith(f"class_names.txt lists no class {name!r}")


@pytest.mark.parametrize(("one", "other"), [("Cell", "cell"), ("T cell", "Tcell"), ("T_cell", "T-cell")])
def test_names_that_differ_by_little(one, other):
    _, _, (problem,) = named(one, other)
    assert problem.what.endswith("differ by capitals, blanks or hyphens only")
    assert repr(one) in problem.what


def test_signs_alone_are_names():
    assert named("-", "_", "+")[2] == []


def test_lists(tmp_path):
    assert listed_names(tmp_path) == ()
    (tmp_path / "Class_Names.txt").write_text("b\na\n")
    assert listed_names(tmp_path) == ("b", "a")
    (tmp_path / "Class_Names.txt").write_text("b\na\nb\n")
    with pytest.raises(InputError, match=r"Class_Names\.txt: 'b' is listed twice; keep one of them"):
        listed_names(tmp_path)
