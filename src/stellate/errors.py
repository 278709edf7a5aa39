"""The errors that stellate raises on purpose: each says what was expected, what came, and the remedy."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "ConfigError",
    "DataError",
    "InputError",
    "ModelFileError",
    "OutputError",
    "StellateError",
    "suggestion",
]


class StellateError(Exception):
    """Base of every error that is the fault of an input, not of the program."""


class InputError(StellateError, ValueError):
    """An image file or array cannot be read, or is not what it must be (axes, channels, dtype, values)."""


class DataError(StellateError, ValueError):
    """An annotated folder cannot be used as it is (unmatched pairs, wrong shapes, no objects)."""


class ModelFileError(StellateError, ValueError):
    """A file or folder given as a model is none, is damaged, or was made for something else."""


class ConfigError(StellateError, ValueError):
    """A setting is unknown, out of range, or contradicts another."""


class OutputError(StellateError, OSError):
    """A result cannot be written where it was asked for (disk full, no permission, no such folder)."""

    def __str__(self) -> str:
        # without the number that the system gives the error
        return self.strerror or super().__str__()


def suggestion(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest known one, or all of them.

    Examples
    --------
    >>> suggestion("n_ray", ["n_rays", "grid"])
    "; did you mean 'n_rays'?"
    >>> suggestion("colour", ["n_rays", "grid"])
    '; there are: n_rays, grid'
    """
    known = list(known)
    near = get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(known) or 'none'}"
