"""Values of settings that are given by name (``--network.depth 4``), whose type only their owner knows."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

__all__ = ["as_text", "literal", "literals"]

_CALL = re.compile(r"\w\s*\(")
"""A name with its numbers in brackets; the commas there part these numbers, not values of the setting."""


def literals(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same settings with ``_`` between words and texts turned into values."""
    return {
        name.replace("-", "_"): literal(value) if isinstance(value, str) else value
        for name, value in values.items()
    }


def literal(text: str) -> Any:
    """What a text means: a number, true or false, several of them with commas between, or the text itself.

    Examples
    --------
    >>> literal("4"), literal("2,2"), literal("true"), literal("iou"), literal("1e-3")
    (4, (2, 2), True, 'iou', 0.001)
    >>> literal("dice + tversky(alpha=0.3, beta=0.7)")
    'dice + tversky(alpha=0.3, beta=0.7)'
    """
    if "," in text and not _CALL.search(text):
        return tuple(literal(part.strip()) for part in text.strip("[]()").split(",") if part.strip())
    try:
        value = tomllib.loads(f"value = {text.strip()}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        return text
    return value if isinstance(value, int | float | bool) else text


def as_text(value: Any) -> str:
    """The text that `literal` reads as this value.

    Examples
    --------
    >>> as_text([1, 2]), as_text(True), as_text("iou")
    ('1,2', 'true', 'iou')
    """
    if isinstance(value, list | tuple):
        return ",".join(as_text(v) for v in value)
    return str(value).lower() if isinstance(value, bool) else str(value)
