"""Progress and text on terminals, in pipes and on consoles that lack letters."""

from __future__ import annotations

import io
import subprocess
import sys
import warnings

import numpy as np

from stellate.cli import console
from stellate.cli.console import as_options, show_progress, show_warnings, table, wrapped
from stellate.cli.evaluate import say_classes
from stellate.metrics.instances import score_instances
from stellate.results import Instances


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_progress_has_a_line_for_each_step_and_none_twice(monkeypatch) -> None:
    now = iter([0.0, 1.0, 2.0, 9.0, 9.5])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(now))
    stream = io.StringIO()
    with show_progress(stream) as progress:
        progress(0, 2, "a.tif")
        progress(0, 2, "a.tif, tile 1")  # too soon after the last line
        progress(1, 2, "b.tif")
        progress(1, 2, "b.tif, tile 7")  # long enough
        progress(1, 2, "b.tif, tile 7")
    assert stream.getvalue().splitlines() == ["0/2 a.tif", "1/2 b.tif", "1/2 b.tif, tile 7"]


def test_terminal_progress_shows_names_with_brackets_as_they_are() -> None:
    stream = Terminal()
    with show_progress(stream) as progress:
        progress(1, 4, "well[bold]A1.tif")
    assert "well[bold]A1.tif" in stream.getvalue()
    assert "1/4" in stream.getvalue()


def test_own_warnings_are_lines_told_once_and_those_of_others_stay(capsys, monkeypatch) -> None:
    others: list[str] = []
    monkeypatch.setattr(warnings, "showwarning", lambda message, *_, **__: others.append(str(message)))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with show_warnings():
            for name, line in ((console.__file__, 3), (console.__file__, 4), ("/elsewhere/package.py", 3)):
                warnings.warn_explicit("uneven (channels=2)", UserWarning, name, line)
    assert capsys.readouterr().err == "warning: uneven (--channels 2)\n"
    assert others == ["uneven (channels=2)"]


def test_arguments_in_messages_become_options_and_files_keep_their_names() -> None:
    given = "plane=2.tif: the one to use (channels=0), or name axes, e.g. axes='TYX'"
    assert as_options(given) == "plane=2.tif: the one to use (--channels 0), or name axes, e.g. --axes TYX"


def test_table_shows_what_is_missing_and_puts_numbers_right() -> None:
    lines = table(("name", "n", "share"), [("a", 5, 0.5), ("longer", None, 0.25)]).splitlines()
    assert lines == ["name    n  share", "a       5  0.500", "longer  -  0.250"]


def test_wrapped_keeps_lines_and_width(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    text = wrapped("card  ", "first line\n" + "word " * 30)
    lines = text.splitlines()
    assert lines[0] == "card  first line"
    assert all(line.startswith("      ") for line in lines[1:])
    assert max(map(len, lines)) <= 70
    assert text.count("word") == 30


def test_a_console_without_the_letters_shows_question_marks() -> None:
    code = (
        "import sys\n"
        "from stellate.cli.console import say, tolerant_streams\n"
        "sys.stdout.reconfigure(encoding='cp1252', errors='strict')\n"
        "tolerant_streams(); say('細胞.tif')"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
    assert out.strip() == b"??.tif"


def test_scores_of_classes_are_a_table(capsys) -> None:
    truth = Instances(np.array([[1, 1, 0, 2, 2]]), classes=np.array([0, 1]), class_names=("a", "b", "c"))
    found = Instances(np.array([[1, 1, 0, 2, 2]]), classes=np.array([0, 0]), class_names=("a", "b", "c"))
    say_classes(score_instances([found], [truth]).classes)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:6] == ["class", "annotated", "found", "TP", "FP", "FN"]
    assert lines[2].split() == ["a", "1", "2", "1", "1", "0", "0.500", "1.000", "0.667", "0.667", "0.500"]
    assert lines[3].split()[:6] == ["b", "1", "0", "0", "0", "1"]
    assert lines[4].split() == ["c", "0", "0", "0", "0", "0", *["-"] * 5]
    assert lines[5] == "mean over the classes: F1 0.333, PQ 0.333"
    assert lines[6] == "right class among the matched objects: 50.0%"


def test_of_many_steps_not_each_has_a_line() -> None:
    stream = io.StringIO()
    with show_progress(stream) as progress:
        for done in range(1001):
            progress(done, 1000)
    assert stream.getvalue() == "0/1000\n1000/1000\n"
