"""Checks that networks share: of the fields of their configs, and of the images that they are given."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError, InputError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "check_choice",
    "check_flags",
    "check_image",
    "check_share",
    "check_whole_numbers",
    "per_axis",
    "sides",
    "whole_numbers",
]


def check_whole_numbers(config: object, ranges: Mapping[str, tuple[int, int]]) -> None:
    """Check that fields are whole numbers from a lowest to a highest one.

    Raises
    ------
    ConfigError
        If one is not.
    """
    for name, (low, high) in ranges.items():
        value = getattr(config, name)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ConfigError(f"{name} {value!r}: expected a whole number from {low} to {high}")


def check_flags(config: object, *names: str) -> None:
    """Check that fields are true or false.

    Raises
    ------
    ConfigError
        If one is not.
    """
    for name in names:
        if not isinstance(getattr(config, name), bool):
            raise ConfigError(f"{name} {getattr(config, name)!r}: expected true or false")


def check_choice(config: object, name: str, choices: Collection[str]) -> None:
    """Check that a field is one of some words.

    Raises
    ------
    ConfigError
        If it is not.
    """
    if getattr(config, name) not in choices:
        raise ConfigError(f"{name} {getattr(config, name)!r}: there are {', '.join(choices)}")


def check_share(config: object, name: str) -> None:
    """Check that a field is a number from 0 to below 1.

    Raises
    ------
    ConfigError
        If it is not.
    """
    value = getattr(config, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise ConfigError(f"{name} {value!r}: expected a number from 0 to below 1")


def sides(name: str, value: object, low: int, high: int) -> tuple[int, ...]:
    """Turn a number, or two, into the height and width of an image in pixels.

    Raises
    ------
    ConfigError
        If it is neither, or one is out of range.
    """
    numbers = per_axis(name, value, 2)
    if not all(low <= n <= high for n in numbers):
        raise ConfigError(f"{name} {value!r}: expected a height and a width from {low} to {high} pixels")
    return numbers


def per_axis(name: str, value: object, n_axes: int) -> tuple[int, ...]:
    """Turn a number, or a sequence of one per axis, into a tuple of one per axis.

    Raises
    ------
    ConfigError
        If it is neither.
    """
    numbers = (value,) * n_axes if isinstance(value, int) else value
    if not isinstance(numbers, list | tuple) or len(numbers) != n_axes:
        raise ConfigError(f"{name} {value!r}: expected {n_axes} numbers, one per image axis")
    return whole_numbers(name, numbers)


def whole_numbers(name: str, values: Sequence[object]) -> tuple[int, ...]:
    """Turn a sequence of whole numbers into a tuple.

    Raises
    ------
    ConfigError
        If there is anything else in it.
    """
    numbers = tuple(n for n in values if isinstance(n, int) and not isinstance(n, bool))
    if len(numbers) < len(values):
        raise ConfigError(f"{name} {values!r}: expected whole numbers")
    return numbers


def check_image(image: Tensor, config: Any) -> None:
    """Check the axes, channels and sides of a batch against the config of a network.

    Parameters
    ----------
    image
        ``(B, in_channels, *spatial)``.
    config
        With ``stride`` and ``in_channels``.

    Raises
    ------
    InputError
        If they do not fit.
    """
    stride, sides = tuple(config.stride), tuple(image.shape[2:])
    if len(sides) != len(stride):
        raise InputError(f"an image with {len(sides)} axes: this network takes {len(stride)}")
    if image.shape[1] != config.in_channels:
        raise InputError(f"an image with {image.shape[1]} channels: this network takes {config.in_channels}")
    if any(n % s for n, s in zip(sides, stride, strict=True)):
        raise InputError(f"an image of {sides} pixels: this network takes multiples of {stride}")
