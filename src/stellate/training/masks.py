"""The masks of a run: what they hold, and whether there is enough in them to learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ..data.annotations import PixelAnnotation
from ..data.class_pixels import check_training_classes
from ..data.findings import Severity
from ..data.fingerprint import Fingerprint
from ..data.folder import Dataset
from ..data.mask_use import MaskUse, as_trained, signs_of_classes, understand
from ..errors import ConfigError, DataError
from ..models import MODELS
from ..models.file import ModelInfo
from ..results import Mask
from ..tasks.class_maps import checked_width, class_map
from .settings import TrainSettings

__all__ = ["check_enough", "mask_maker", "understood"]


def understood(
    dataset: Dataset,
    task: str,
    settings: TrainSettings,
    start: ModelInfo | None,
    *,
    say: Callable[[str], None],
) -> tuple[Dataset, MaskUse | None]:
    """The dataset with masks as the task takes them, and what they are taken for; None where only objects will do.

    Where only objects will do, and masks look like classes of pixels, a warning is said.

    Raises
    ------
    ConfigError, DataError
        If masks are set to hold what the task cannot learn, or it is open what they hold.
    """
    if task != "segmentation":
        _see_that_objects(dataset, settings, say)
        return dataset, None
    if start is None:
        use = understand(dataset, settings)
        if use.kind == "instances" and dataset.class_names:
            use = replace(use, why=f"{use.why}; their classes are left aside")
        return use.applied(dataset), use
    dataset = as_trained(dataset, start.masks, settings)
    if dataset.mask_classes is None:
        said = settings.masks == "instances"
        return dataset, MaskUse("instances", "as set" if said else "as the model to start from was trained")
    ordered = replace(dataset.mask_classes, order=start.class_names)
    return dataset.with_mask_classes(ordered), MaskUse("classes", "as in the model to start from", ordered)


def _see_that_objects(dataset: Dataset, settings: TrainSettings, say: Callable[[str], None]) -> None:
    """See that masks are not plainly classes where objects are to be learned, and say so where they look like it."""
    known = ", ".join(m.name for m in MODELS if m.task == "segmentation")
    if settings.says_classes:
        raise ConfigError(
            f"{settings.says_classes}: outlines are learned from objects; leave it out, or train a model for "
            f"classes of pixels: {known}"
        )
    if settings.masks == "instances":
        return
    signs = signs_of_classes(dataset)
    if signs.plain:
        raise DataError(
            f"{dataset.root}: the masks hold classes of pixels ({signs.plain}), and outlines are learned from objects; "
            f"train a model for classes of pixels ({known}), or say --masks instances if they are objects after all"
        )
    if signs.likely:
        say(
            f"warning: the masks look like classes of pixels, not objects ({signs.likely}); outlines are wrong unless "
            "each object has a number of its own. If they are objects, --masks instances says so"
        )


def mask_maker(
    use: MaskUse | None, settings: TrainSettings, start: ModelInfo | None
) -> Callable[[PixelAnnotation], Mask] | None:
    """What gives the classes of pixels that are learned; None where none are."""
    if use is None:
        return None
    before = start.settings.get("border_width", 1) if start else 1
    return partial(class_map, border_width=checked_width(settings.task.get("border_width", before)))


def check_enough(data: Fingerprint, images: Dataset, say: Callable[[str], None]) -> None:
    """See that the images to train on have pixels of two classes, and say which classes they lack.

    Raises
    ------
    DataError
        If they have not.
    """
    if data.mask_pixels is None:
        return
    counts = data.mask_pixels
    for finding in check_training_classes(counts, images[0].mask_path.parent):
        if finding.severity is Severity.ERROR:
            raise DataError(str(finding).removeprefix(f"{finding.severity}: "))
        if not data.classes_of_objects:
            say(str(finding))
