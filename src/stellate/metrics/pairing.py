"""What was found and what was annotated, image by image."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

from ..errors import InputError

__all__ = ["pairs"]


def pairs(
    predictions: Iterable[Any], truths: Iterable[Any], names: Iterable[str] | None
) -> Iterator[tuple[str, Any, Any]]:
    """Names, predictions and annotations, one image at a time.

    Parameters
    ----------
    predictions, truths
        One per image. Of what iterators make nothing is held here while the next is made, as volumes may fill the
        memory; the caller has to let go of it likewise.
    names
        What the images are called; "1", "2", ... if None.

    Raises
    ------
    InputError
        If the numbers of images or names differ, or there are no images.
    """
    names_ = None if names is None else list(names)
    ones, others = iter(predictions), iter(truths)
    missing: Any = object()
    for done in itertools.count():
        predicted, truth = next(ones, missing), next(others, missing)
        if predicted is missing and truth is missing:
            break
        if predicted is missing or truth is missing:
            raise InputError(f"predictions and annotations differ in number: only one goes on after {done}")
        if names_ is not None and done >= len(names_):
            raise InputError(f"{len(names_)} names for more images; give one name per image")
        yield (str(done + 1) if names_ is None else names_[done]), predicted, truth
        # lest they be held while the next are made
        del predicted, truth
    if not done:
        raise InputError("no images to compare")
