"""How images with classes, or with boxes, are read when a model is measured on them: by the names of its classes."""

from __future__ import annotations

from collections import Counter
from typing import TypeVar

from ..data.box_dataset import BoxDataset
from ..data.class_dataset import ClassDataset
from ..data.mask_options import MaskOptions
from ..errors import ConfigError, DataError
from ..models.file import ModelInfo

__all__ = ["with_names_of_model"]

_NAMED = 5
"""Classes that a warning lists."""

DatasetT = TypeVar("DatasetT", ClassDataset, BoxDataset)


def with_names_of_model(
    info: ModelInfo, dataset: DatasetT, masks: MaskOptions | None
) -> tuple[DatasetT, str]:
    """Annotated images with the classes of a model first, in its order; those that it does not know follow.

    Parameters
    ----------
    info
        The model.
    dataset
        Images of classes, or with boxes.
    masks
        What the user says of masks, of which there are none.

    Returns
    -------
    dataset
        Classes are what they were called; only their numbers change.
    warning : str
        Which classes occur that the model does not know, so that it can only be wrong; empty if there are none.

    Raises
    ------
    ConfigError
        If something is said of masks.
    DataError
        If no class that occurs is one of the model's.
    """
    if masks is not None and masks != MaskOptions():
        raise ConfigError(
            f"{info.name} is measured on images that are annotated by classes or boxes, and something is said of "
            "masks; leave it out"
        )
    counts = Counter(dataset.class_names[k] for k in _class_ids(dataset))
    strange = {name: count for name, count in counts.items() if name not in info.class_names}
    if counts and len(strange) == len(counts):
        raise DataError(
            f"{dataset.root}: its classes are {', '.join(counts)}, those of the model {', '.join(info.class_names)}; "
            "name them alike"
        )
    dataset = dataset.with_class_names(tuple(dict.fromkeys((*info.class_names, *dataset.class_names))))
    return dataset, _warning(info, strange, sum(counts.values())) if strange else ""


def _class_ids(dataset: ClassDataset | BoxDataset) -> list[int]:
    if isinstance(dataset, ClassDataset):
        return [record.class_id for record in dataset.records]
    return [int(k) for record in dataset.records for k in record.classes]


def _warning(info: ModelInfo, strange: dict[str, int], total: int) -> str:
    listed = ", ".join(f"{name} ({count})" for name, count in list(strange.items())[:_NAMED])
    more = f" and {len(strange) - _NAMED} more" if len(strange) > _NAMED else ""
    return (
        f"{info.name} does not know {listed}{more}: these {sum(strange.values())} of {total} count as wrong. Train it "
        "with images of these classes, or leave them out"
    )
