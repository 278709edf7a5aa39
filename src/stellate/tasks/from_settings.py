"""Tasks with the settings that were stored beside a network, or that the user gave."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from ..errors import ConfigError, suggestion

__all__ = ["check_names", "check_number", "with_settings"]

TaskT = TypeVar("TaskT")


def with_settings(task: TaskT, settings: Mapping[str, Any], *, besides: Collection[str] = ()) -> TaskT:
    """A task with some of its fields set.

    Parameters
    ----------
    task
        A frozen dataclass.
    settings
        Values by the name of the field.
    besides
        Fields that are no settings.

    Raises
    ------
    ConfigError
        If a setting is unknown or out of range.
    """
    known = [f.name for f in fields(task) if f.name not in besides]  # type: ignore[arg-type]
    for name in settings:
        if name not in known:
            raise ConfigError(f"the task has no setting {name!r}{suggestion(name, known)}")
    return replace(task, **settings)  # type: ignore[type-var]


def check_names(names: Collection[str], n_classes: int) -> tuple[str, ...]:
    """A name for each class that a network tells apart.

    Raises
    ------
    ConfigError
        If there are more or fewer.
    """
    found = tuple(names) or tuple(f"class {k}" for k in range(n_classes))
    if len(found) != n_classes:
        raise ConfigError(f"{len(found)} names of classes for a network of {n_classes}; give one for each")
    return found


def check_number(task: Any, name: str, low: float, high: float) -> None:
    """Check that a field is a number in a range.

    Raises
    ------
    ConfigError
        If it is not.
    """
    value = getattr(task, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ConfigError(f"{name} {value!r}: expected a number from {low:g} to {high:g}")
