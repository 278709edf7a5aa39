"""How the masks of an annotated folder are read when a model is measured on it: as the model understands them."""

from __future__ import annotations

from dataclasses import replace

from ..data.folder import Dataset
from ..data.mask_classes import MaskClasses
from ..data.mask_options import MaskOptions
from ..data.mask_use import as_trained, signs_of_classes
from ..errors import ConfigError, DataError
from ..models.file import ModelInfo
from ..tasks.class_maps import region_names

__all__ = ["as_model_reads_it"]


def as_model_reads_it(
    info: ModelInfo, dataset: Dataset, masks: MaskOptions | None, *, of_objects: bool
) -> tuple[Dataset, str]:
    """An annotated folder with its masks understood as a model needs them to be compared with.

    Parameters
    ----------
    info
        The model.
    dataset
        The folder. What it has been told of its masks already is kept.
    masks
        What the user says of them.
    of_objects
        Whether objects are compared, also of a model that gives classes of pixels.

    Returns
    -------
    dataset : Dataset
        Classes of pixels are in the model's order, since names are what counts; see `_in_order_of`.
    warning : str
        What speaks against what the masks are taken for; empty if nothing does.

    Raises
    ------
    ConfigError
        If what the user says cannot be, or the model has no use for it.
    DataError
        If the masks are plainly not what the model can be compared with, or have no class in common with it.
    InputError
        If a file cannot be read.
    """
    said = masks or MaskOptions()
    if not info.masks:
        warning = _see_that_objects(info, dataset, said)
        _see_that_classes_meet(info, dataset, alike=dataset.mask_classes is None)
        return dataset, warning
    if dataset.mask_classes is None:
        if not of_objects:
            _see_that_classes(info, said)
        dataset = as_trained(dataset, info.masks, said)
    known = dataset.mask_classes
    # classes of pixels that were made of objects are not those of the objects
    _see_that_classes_meet(info, dataset, alike=known is not None)
    return (dataset if known is None else dataset.with_mask_classes(_in_order_of(info, known))), ""


def _in_order_of(info: ModelInfo, known: MaskClasses) -> MaskClasses:
    """The same with the classes of the model first, in its order; before them a ground that it calls otherwise.

    The first class is what pieces are not made of, and has to be so on both sides.
    """
    ground = [known.ground] if known.ground and known.ground not in info.class_names else []
    return replace(known, order=tuple(dict.fromkeys((*ground, *info.class_names, *known.class_names))))


def _see_that_classes(info: ModelInfo, said: MaskOptions) -> None:
    """See that the masks of a model for classes of pixels are not said to hold objects, of which it knows nothing."""
    if said.masks != "instances" or info.masks.get("kind") == "instances":
        return
    made_of_objects = region_names(info.settings.get("border_width", 1))
    if not set(made_of_objects) <= set(info.class_names):
        raise ConfigError(
            f"masks instances: {info.name} tells {', '.join(info.class_names)} apart, of which objects say nothing; "
            "leave it out, or compare the connected pieces of its classes with the objects: --instances"
        )


def _see_that_objects(info: ModelInfo, dataset: Dataset, said: MaskOptions) -> str:
    """See that masks are not plainly classes of pixels where a model finds objects; a warning where they look so."""
    if said.says_classes:
        raise ConfigError(
            f"{said.says_classes}: {info.name} finds objects, and these are annotated by label images; leave it out"
        )
    if said.masks == "instances":
        return ""
    signs = signs_of_classes(dataset)
    if signs.plain:
        raise DataError(
            f"{dataset.root}: the masks hold classes of pixels ({signs.plain}), and {info.name} finds objects; "
            "evaluate a model for classes of pixels, or say --masks instances if they are objects after all"
        )
    if not signs.likely:
        return ""
    return (
        f"the masks look like classes of pixels, not objects ({signs.likely}); the scores mean nothing unless each "
        "object has a number of its own. If they are objects, --masks instances says so"
    )


def _see_that_classes_meet(info: ModelInfo, dataset: Dataset, *, alike: bool) -> None:
    known = info.class_names
    if alike and known and dataset.class_names and not set(known) & set(dataset.class_names):
        raise DataError(
            f"{dataset.root}: its classes are {', '.join(dataset.class_names)}, those of the model {', '.join(known)}; "
            "name them alike: where files have numbers, class_names.txt lists what they stand for"
        )
