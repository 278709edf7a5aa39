"""The images of a run that sees them as a whole: which can be used, of which classes, and how likely each is drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ..data.box_dataset import BoxDataset
from ..data.class_dataset import ClassDataset
from ..data.duplicates import annotation_hash, pixel_hash
from ..errors import DataError, InputError
from ..models.file import ModelInfo
from .settings import TrainSettings

__all__ = ["check_classes", "class_ids", "drawn_by_class", "usable"]

Whole = ClassDataset | BoxDataset

_NAMED = 8


def usable(
    dataset: Any, task: str, settings: TrainSettings, start: ModelInfo | None, *, say: Callable[[str], None]
) -> Any:
    """The images that can be trained on, with their classes in the order of the model to start from, if there is one.

    Every image is read once. Those of a part called test are left aside, and those of no part where others have one.

    Parameters
    ----------
    dataset
        Images of a class each, or with boxes.
    task
        What is learned.
    settings
        What the user set.
    start
        What is known of the model to start from.
    say
        Called with what is left out, with images that are there twice with different annotations, and with groups that
        are trained and validated on.

    Raises
    ------
    DataError
        If images cannot be read, or have not exactly one box where one is to be found, unless they are to be left out;
        or a class has a single image.
    """
    dataset = _without_test(dataset)
    if not settings.folds:  # which do not keep to the parts
        dataset = _of_parts(dataset, say)
    kept = _readable(dataset, settings, say)
    if task == "localization":
        readable, kept = kept, kept.single(skip=settings.skip_not_single)
        if left := len(readable) - len(kept):
            say(f"left out: {left} images without exactly one box")
    kept = kept.with_class_names(_used(kept)) if task == "detection" else _with_enough(kept, settings, say)
    if start is not None and set(kept.class_names) <= set(start.class_names):
        kept = kept.with_class_names(start.class_names)
    return kept


def class_ids(dataset: Whole) -> npt.NDArray[np.int64]:
    """Class of each image, or of the one box in it: ``(n,)`` int64."""
    if isinstance(dataset, BoxDataset):
        return np.array([record.classes[0] for record in dataset.records], dtype=np.int64)
    return np.array([record.class_id for record in dataset.records], dtype=np.int64)


def _used(dataset: BoxDataset) -> list[str]:
    """Names of the classes that boxes have."""
    return [name for name, count in zip(dataset.class_names, dataset.counts(), strict=True) if count]


def _present(dataset: Whole) -> set[int]:
    if isinstance(dataset, BoxDataset):
        return set(np.flatnonzero(dataset.counts()).tolist())
    return set(class_ids(dataset).tolist())


def check_classes(train: Whole, validation: Whole) -> None:
    """See that every class of the images to validate on is among those to train on.

    Raises
    ------
    DataError
        If one is not.
    """
    names = train.class_names
    strange = sorted(_present(validation) - _present(train))
    if strange:
        raise DataError(
            f"{train.root}: {_named([names[k] for k in strange])} is in the images to validate on, but not in those to "
            "train on; add images of it there, or take it out"
        )


def drawn_by_class(train: Whole) -> npt.NDArray[np.float64]:
    """How likely each image is to be drawn, so that all classes are drawn alike: ``(n,)``, the sum is 1."""
    ids = class_ids(train)
    counts = np.bincount(ids)
    chances: npt.NDArray[np.float64] = 1 / (np.count_nonzero(counts) * counts[ids])
    return chances


def _without_test(dataset: Any) -> Any:
    """The images but for those to test on, unless there are no others."""
    others = [k for k, record in enumerate(dataset.records) if record.split != "test"]
    return dataset.subset(others) if others else dataset


def _of_parts(dataset: Any, say: Callable[[str], None]) -> Any:
    """The images that are of a part, where any are, with a word on the others, and on groups that are in several."""
    if not dataset.splits:
        return dataset
    without = [record.name for record in dataset.records if record.split is None]
    if without:
        say(f"left out: {len(without)} images of no part ({_named(without)}), where others are of one")
    parts: dict[str, set[str]] = {}
    for record in dataset.records:
        if record.group and record.split:
            parts.setdefault(record.group, set()).add(record.split)
    if both := [group for group, of in parts.items() if len(of) > 1]:
        say(
            f"warning: images of the group {_named(both)} are both trained and validated on; scores will seem too good"
        )
    return dataset.subset(k for k, record in enumerate(dataset.records) if record.split)


def _readable(dataset: Any, settings: TrainSettings, say: Callable[[str], None]) -> Any:
    problems: dict[int, str] = {}
    hashes: dict[int, str] = {}
    for index in range(len(dataset)):
        try:
            image = dataset.image(index)
            if image.array.dtype.kind == "f" and not np.isfinite(np.asarray(image.array)).all():
                problems[index] = f"{dataset[index].image_path}: values that are NaN or infinite"
            hashes[index] = pixel_hash(image)
        except (InputError, DataError, OSError) as error:
            problems[index] = str(error)
    _say_contradictions(dataset, hashes, say)
    if not problems:
        return dataset
    shown = "; ".join([*problems.values()][:_NAMED])
    more = f"; and {len(problems) - _NAMED} more" if len(problems) > _NAMED else ""
    what = f"{len(problems)} of {len(dataset)} images cannot be used: {shown}{more}"
    if not settings.skip_unreadable:
        raise DataError(
            f"{dataset.root}: {what}; mend them or take them out, or go on without them (skip_unreadable)"
        )
    if len(problems) == len(dataset):
        raise DataError(f"{dataset.root}: no image is left; {what}")
    say(f"left out: {what}")
    return dataset.subset(k for k in range(len(dataset)) if k not in problems)


def _say_contradictions(dataset: Any, hashes: dict[int, str], say: Callable[[str], None]) -> None:
    """Say which images are copies of others, but annotated otherwise; they cannot both be learned."""
    first: dict[str, int] = {}
    found = []
    for index, content in hashes.items():
        other = first.setdefault(content, index)
        if annotation_hash(dataset.annotation(index)) != annotation_hash(dataset.annotation(other)):
            found.append(f"{dataset[other].image_path} and {dataset[index].image_path}")
    if found:
        say(f"warning: the same image, annotated differently: {_named(found)}; keep the better of the two")


def _with_enough(dataset: Any, settings: TrainSettings, say: Callable[[str], None]) -> Any:
    """The images of classes that have enough of them; classes without any are left out in silence."""
    ids = class_ids(dataset)
    counts = Counter(ids.tolist())
    names = dataset.class_names
    rare = [k for k, n in counts.items() if n < settings.least_images]
    if rare:
        shown = _named([f"{names[k]} ({counts[k]})" for k in rare])
        say(f"left out: {shown}, with fewer images than {settings.least_images}")
    kept = [k for k in range(len(names)) if counts[k] and k not in rare]
    single = [names[k] for k in kept if counts[k] == 1]
    if single:
        raise DataError(
            f"{dataset.root}: there is a single image of {_named(single)}; a class needs two at least, one to train on "
            "and one to validate on: add images, or leave such classes out (least_images 2)"
        )
    if not kept:
        raise DataError(
            f"{dataset.root}: no class has {settings.least_images} images; choose a smaller least_images"
        )
    of_kept = dataset.subset(np.flatnonzero(np.isin(ids, kept)).tolist())
    return of_kept.with_class_names([names[k] for k in kept])


def _named(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
