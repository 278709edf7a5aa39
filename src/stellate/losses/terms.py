"""The losses of class maps as users write them: names, and sums such as ``cross-entropy + 0.5*dice``."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import ConfigError, suggestion

__all__ = ["OPTIONS", "LossTerm", "parse_losses"]

OPTIONS: Mapping[str, Mapping[str, float]] = {
    "cross-entropy": {},
    "binary-cross-entropy": {},
    "dice": {},
    "focal": {"gamma": 2.0},
    "tversky": {"alpha": 0.3, "beta": 0.7},
}
"""The losses by name, each with the numbers that can be set, and what they are unless set."""

_TERM = re.compile(r"(?:(?P<weight>[^*]*)\*)?\s*(?P<name>[^\s(*]+)\s*(?:\((?P<options>[^()]*)\))?")
_EXAMPLE = "write e.g. cross-entropy+dice, or 0.5*dice + focal(gamma=3)"


@dataclass(frozen=True)
class LossTerm:
    """One loss of a sum.

    Attributes
    ----------
    name
        One of `OPTIONS`.
    weight
        What it is multiplied by.
    options
        All of its numbers by name.
    """

    name: str
    weight: float = 1.0
    options: Mapping[str, float] = field(default_factory=dict)


def parse_losses(text: str) -> tuple[LossTerm, ...]:
    """Read a sum of losses.

    Parameters
    ----------
    text
        Names with ``+`` between them, each with a weight and ``*`` before it where that is not 1, and its numbers in
        parentheses after it where they are not the usual ones: ``0.5*dice + tversky(alpha=0.2, beta=0.8)``.

    Raises
    ------
    ConfigError
        If it cannot be read, a name is unknown or occurs twice, or a number is out of range.

    Examples
    --------
    >>> [(t.name, t.weight) for t in parse_losses("0.5*dice + cross-entropy")]
    [('dice', 0.5), ('cross-entropy', 1.0)]
    """
    terms: dict[str, LossTerm] = {}
    for part in text.split("+"):
        term = _term(part.strip(), text)
        if term.name in terms:
            raise ConfigError(
                f"loss {text!r}: {term.name} occurs twice; name it once, with the sum of the weights"
            )
        terms[term.name] = term
    return tuple(terms.values())


def _term(part: str, text: str) -> LossTerm:
    found = _TERM.fullmatch(part)
    if found is None:
        raise ConfigError(f"loss {text!r}: cannot read {part!r}; {_EXAMPLE}")
    name = found["name"]
    if name not in OPTIONS:
        raise ConfigError(f"loss {text!r}: no loss is called {name!r}{suggestion(name, OPTIONS)}")
    weight = 1.0 if found["weight"] is None else _number(found["weight"], f"the weight of {name}", text)
    if weight == 0:
        raise ConfigError(f"loss {text!r}: the weight of {name} is 0; leave it out")
    options = dict(OPTIONS[name])
    for setting in filter(None, map(str.strip, (found["options"] or "").split(","))):
        key, _, value = (side.strip() for side in setting.partition("="))
        if key not in options:
            raise ConfigError(f"loss {text!r}: {name} has no number called {key!r}{suggestion(key, options)}")
        options[key] = _number(value, f"{key} of {name}", text)
    _check(name, options, text)
    return LossTerm(name, weight, options)


def _number(written: str, what: str, text: str) -> float:
    try:
        value = float(written)
    except ValueError as error:
        raise ConfigError(
            f"loss {text!r}: {what} is {written.strip()!r}, which is no number; {_EXAMPLE}"
        ) from error
    if not 0 <= value < math.inf:
        raise ConfigError(f"loss {text!r}: {what} is {value:g}; expected a finite number from 0")
    return value


def _check(name: str, options: Mapping[str, float], text: str) -> None:
    # (1 - p)^gamma has no finite slope at p = 1 in between
    if name == "focal" and 0 < options["gamma"] < 1:
        raise ConfigError(
            f"loss {text!r}: gamma of focal is {options['gamma']:g}; expected 0, or a number from 1"
        )
    if name == "tversky" and options["alpha"] + options["beta"] == 0:
        raise ConfigError(f"loss {text!r}: alpha and beta of tversky are both 0; one must be above")
