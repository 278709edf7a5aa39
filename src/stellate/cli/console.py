"""What the command line shows: tables, messages and progress, on terminals, in pipes and on old consoles."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TextIO

__all__ = [
    "Progress",
    "as_options",
    "counted",
    "say",
    "show_progress",
    "show_warnings",
    "table",
    "tolerant_streams",
    "warn",
    "wrapped",
]

SECONDS_BETWEEN_LINES = 5.0
MOST_LINES = 100
"""Of more steps than this not each has a line of its own."""

_ARGUMENT = re.compile(r"(\(|e\.g\. )(axes|channels|plane)='?(\w+)'?")
"""An argument, as errors spell it for those who call from Python; files may be called so, too."""

_SETTINGS = (
    "bad_boxes", "balance", "crop_margin", "folds", "freeze", "least_images", "masks", "skip_not_single",
    "skip_unreadable", "weights",
)  # fmt: skip
_SETTING = re.compile(rf"\(({'|'.join(_SETTINGS)})((?: [\w.:-]+)?)\)")
"""A setting with its value, as a remedy in brackets."""


class Progress(Protocol):
    """Called when a step is done: how many are done, how many there are, and what is being done."""

    def __call__(self, done: int, total: int, text: str = "", /) -> None:
        """Take note of it."""


def say(text: str = "") -> None:
    """A line of results, on standard output."""
    sys.stdout.write(text + "\n")


def counted(number: int, noun: str) -> str:
    """A number with its noun.

    Examples
    --------
    >>> counted(1, "image"), counted(2, "image")
    ('1 image', '2 images')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def warn(text: str) -> None:
    """A line about what went wrong, on standard error."""
    sys.stderr.write(as_options(text) + "\n")


@contextmanager
def show_warnings() -> Iterator[None]:
    """Show a warning of stellate as a line, once; those of other packages as Python does."""
    told: set[str] = set()
    other = warnings.showwarning

    def show(
        message: Warning | str, category: type[Warning], filename: str, *place: Any, **more: Any
    ) -> None:
        if not Path(filename).is_relative_to(Path(__file__).parents[1]):
            other(message, category, filename, *place, **more)
        elif str(message) not in told:
            told.add(str(message))
            warn(f"warning: {message}")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def as_options(text: str) -> str:
    """A message with the arguments that it names spelled as options of the command line.

    Examples
    --------
    >>> as_options("name one (plane=0), or the axes (axes='TYX' for time)")
    'name one (--plane 0), or the axes (--axes TYX for time)'
    >>> as_options("plane=2.tif: the file is empty")
    'plane=2.tif: the file is empty'
    >>> as_options("leave them out (bad_boxes drop), or go on without (skip_unreadable)")
    'leave them out (--bad-boxes drop), or go on without (--skip-unreadable)'
    """
    text = _SETTING.sub(lambda found: f"(--{found[1].replace('_', '-')}{found[2]})", text)
    return _ARGUMENT.sub(r"\1--\2 \3", text)


def tolerant_streams() -> None:
    """Let consoles that lack a letter (names in another script) show a question mark instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Columns of text; numbers, and texts that end in a percent sign, stand to the right.

    Examples
    --------
    >>> print(table(("image", "objects"), [("a.tif", 12), ("long_name.tif", 7)]))
    image          objects
    a.tif               12
    long_name.tif        7
    """
    rows = [tuple(row) for row in rows]
    texts = [tuple(header), *(tuple(_text(v) for v in row) for row in rows)]
    widths = [max(len(line[k]) for line in texts) for k in range(len(header))]
    right = [bool(rows) and all(_is_number(row[k]) for row in rows) for k in range(len(header))]
    lines = (
        "  ".join(t.rjust(w) if r else t.ljust(w) for t, w, r in zip(line, widths, right, strict=True))
        for line in texts
    )
    return "\n".join(line.rstrip() for line in lines)


def _is_number(value: Any) -> bool:
    return value is None or isinstance(value, int | float) or (isinstance(value, str) and value.endswith("%"))


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


@contextmanager
def show_progress(stream: TextIO | None = None) -> Iterator[Progress]:
    """Show progress on standard error: a bar on a terminal, elsewhere a line for each step, or of many for some."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield _Lines(stream)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=Console(file=stream), transient=True) as bar:
        task = bar.add_task("", total=None)

        def update(done: int, total: int, text: str = "", /) -> None:
            # file names may hold square brackets, which are markup to rich
            bar.update(task, completed=done, total=total, description=text.replace("[", r"\["))

        yield update


class _Lines:
    """Progress as plain lines: when another step is done, and now and then within a long one; of many steps less."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._last: tuple[int, str] | None = None
        self._at = 0.0

    def __call__(self, done: int, total: int, text: str = "", /) -> None:
        now = time.monotonic()
        step = (self._last is None or done != self._last[0]) and (total <= MOST_LINES or done == total)
        news = self._last is None or step or now - self._at > SECONDS_BETWEEN_LINES
        if not news or (done, text) == self._last:
            return
        self._stream.write(f"{done}/{total} {text}".rstrip() + "\n")
        self._stream.flush()
        self._last, self._at = (done, text), now


def wrapped(start: str, text: str) -> str:
    """Text after a heading, broken to the width of the terminal, later lines set in as far.

    Examples
    --------
    >>> print(wrapped("limits  ", "objects that " * 12))  # doctest: +NORMALIZE_WHITESPACE
    limits  objects that objects that objects that objects that objects that objects that
            objects that objects that objects that objects that objects that objects that
    """
    width = max(60, min(100, shutil.get_terminal_size((88, 24)).columns))
    indent = " " * len(start)
    lines = [
        textwrap.fill(line, width, initial_indent=indent, subsequent_indent=indent)
        for line in text.splitlines()
    ]
    return (start + "\n".join(lines)[len(start) :]).rstrip()
