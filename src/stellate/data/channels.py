"""Which channels of an image a model gets. Nothing is guessed: where it is open, the user is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from ..axes import Image
from ..errors import InputError
from .pixels import GREY, Pixels

__all__ = ["choose_channels", "pick_channels"]

Channels = tuple[int, ...] | Literal["grey"]


def choose_channels(
    image: Image,
    wanted: int,
    chosen: tuple[int | str, ...],
    *,
    trained: tuple[int | str, ...] = (),
    volume: bool = False,
) -> tuple[Pixels, str]:
    """Bring an image to the number of channels that a model takes.

    - Where the user chose, that is used.
    - Where the model was trained on chosen channels and the image has them, these are used.
    - As many channels as wanted are used as they are.
    - One is wanted and there are more: those that are constant (an unused colour, an opaque alpha channel)
      are left out and equal ones (a grey picture stored as a colour one) count once; if one is left, it is
      used.
    - Three are wanted and there are four of which the last is constant: a colour picture with an alpha
      channel; the first three are used.
    - All else is an error that names the choices.

    Parameters
    ----------
    image
        With the axes ``Y``, ``X`` and perhaps ``C`` and ``Z`` (see `Pixels`).
    wanted
        Channels that the model takes.
    chosen
        Indices or names, or the one word ``"grey"``; empty where the user left it open.
    trained
        What was chosen when the model was trained, likewise; empty if nothing was, or it is not known.
    volume
        Whether the model takes volumes.

    Returns
    -------
    pixels
        ``(wanted, H, W)``, for volumes ``(wanted, Z, Y, X)``, read when sliced.
    note
        What was done, for the user; empty if nothing.

    Raises
    ------
    InputError
        If the choice does not fit the image or the model, or is needed.
    """
    everything = Pixels(image, tuple(range(image.channels)), volume=volume)
    picked, note = _choose(image, everything, wanted, chosen, trained)
    return Pixels(image, picked, volume=volume), note


def _choose(
    image: Image,
    everything: Pixels,
    wanted: int,
    chosen: tuple[int | str, ...],
    trained: tuple[int | str, ...],
) -> tuple[Channels, str]:
    if chosen:
        return _pick(image, wanted, chosen)
    if trained and (found := _as_trained(image, wanted, trained)):
        return found
    if image.channels == wanted:
        return tuple(range(wanted)), ""
    if wanted == 1:
        return _only_one(image, everything, trained)
    if (wanted, image.channels) == (3, 4) and _varying(everything)[3] is False:
        return (0, 1, 2), "the constant fourth channel (alpha) is left out"
    raise InputError(
        f"{image.name}: the model takes {wanted} channels, the image has {_described(image)}; "
        f"name the {wanted} to use, in the model's order (channels; one may be named several times)"
        f"{_not_as_trained(trained)}"
    )


def pick_channels(image: Image, chosen: tuple[int | str, ...]) -> Image:
    """The image with the chosen channels alone.

    Parameters
    ----------
    image
        A single frame; with the axis ``Z`` if it is a volume.
    chosen
        Indices or names, or the one word ``"grey"``.

    Raises
    ------
    InputError
        If it has not these channels; the message begins with the image's path.
    """
    where = image.path or image.name
    volume = "Z" in image.axes
    image = image.squeeze("ZYX" if volume else "YX")
    try:
        wanted = 1 if chosen == (GREY,) else len(chosen)
        pixels, _ = choose_channels(image, wanted, chosen, volume=volume)
    except InputError as error:
        raise InputError(f"{where}: {str(error).removeprefix(f'{image.name}: ')}") from error
    names = image.channel_names if chosen != (GREY,) else ()
    return replace(
        image,
        array=pixels[(slice(None),)],
        axes="CZYX" if volume else "CYX",
        channel_names=tuple(names[_index(image, c)] for c in chosen) if names else (),
    )


def _pick(image: Image, wanted: int, chosen: tuple[int | str, ...]) -> tuple[Channels, str]:
    if chosen == (GREY,) and GREY not in image.channel_names:
        return _grey(image, wanted)
    indices = tuple(_index(image, c) for c in chosen)
    if len(indices) != wanted:
        raise InputError(
            f"{image.name}: the model takes {wanted} channel{'s'[: wanted > 1]}, but "
            f"{len(indices)} were chosen ({', '.join(map(str, chosen))})"
        )
    return indices, f"{_listed(chosen)} used"


def _as_trained(image: Image, wanted: int, trained: tuple[int | str, ...]) -> tuple[Channels, str] | None:
    """The channels that the model was trained on; None where the image has not got them."""
    try:
        picked, note = _pick(image, wanted, trained)
    except InputError:
        return None
    if image.channels == wanted and all(_index(image, c) == k for k, c in enumerate(trained)):
        return picked, ""  # all there are, in their order
    return picked, f"{note}, as the model was trained"


def _not_as_trained(trained: tuple[int | str, ...]) -> str:
    if not trained:
        return ""
    what = "the brightness of colour pictures (grey)" if trained == (GREY,) else _listed(trained)
    return f"; the model was trained on {what}, which this image does not have"


def _only_one(image: Image, everything: Pixels, trained: tuple[int | str, ...]) -> tuple[Channels, str]:
    varying = [i for i, v in enumerate(_varying(everything)) if v]
    kept = varying[:1] or [0]
    if all(_equal(everything, kept[0], other) for other in varying[1:]):
        if len(varying) > 1:
            return (kept[0],), f"the {len(varying)} channels that are not constant are equal: one is used"
        return (kept[0],), f"channel {_name(image, kept[0])} used: the others are constant"
    raise InputError(
        f"{image.name}: the model takes 1 channel, the image has {_described(image)} that differ; "
        f"name the one to use (channels={varying[0]}), or 'grey' for the brightness of a colour picture"
        f"{_not_as_trained(trained)}"
    )


def _grey(image: Image, wanted: int) -> tuple[Channels, str]:
    if wanted != 1 or image.channels not in (3, 4):
        raise InputError(
            f"{image.name}: 'grey' makes 1 channel of a colour picture's 3; the model takes {wanted}, "
            f"the image has {_described(image)}"
        )
    return GREY, "colours turned to grey (0.299 R + 0.587 G + 0.114 B)"


def _index(image: Image, channel: int | str) -> int:
    if channel in image.channel_names:
        return image.channel_names.index(str(channel))
    if isinstance(channel, str) and not channel.isdecimal():
        raise InputError(f"{image.name}: no channel is called {channel!r}; the image has {_described(image)}")
    index = int(channel)
    if not 0 <= index < image.channels:
        raise InputError(
            f"{image.name}: no channel {index}; the image has {_described(image)}, counted from 0"
        )
    return index


def _described(image: Image) -> str:
    names = f" ({', '.join(image.channel_names)})" if image.channel_names else ""
    return f"{image.channels} channel{'s'[: image.channels > 1]}{names}"


def _listed(channels: tuple[int | str, ...]) -> str:
    return f"channel{'s'[: len(channels) > 1]} {', '.join(map(str, channels))}"


def _name(image: Image, index: int) -> str:
    return image.channel_names[index] if image.channel_names else str(index)


def _varying(pixels: Pixels) -> list[bool]:
    """Whether each channel has more than one value."""
    first = pixels[(slice(None), *[slice(1)] * (len(pixels.shape) - 1))]
    varying = np.zeros(pixels.shape[0], dtype=bool)
    for block in pixels.blocks():
        varying |= (block != first).any(axis=tuple(range(1, block.ndim)))
        if varying.all():
            break
    return [bool(v) for v in varying]


def _equal(pixels: Pixels, one: int, other: int) -> bool:
    return all(np.array_equal(block[one], block[other]) for block in pixels.blocks())
