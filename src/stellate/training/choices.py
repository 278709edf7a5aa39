"""Defaults chosen from what the data is like, each with its reason; what the user set is kept."""

from __future__ import annotations

from collections.abc import Callable

from ..data.fingerprint import Fingerprint
from ..models import entry
from ..models.file import ModelInfo
from ..models.stardist import StarDistConfig
from .box_choices import choose_yolo
from .image_choices import MAX_DEPTH
from .map_choices import choose_map_network
from .reasons import Choices, Reason
from .settings import TrainSettings
from .star_choices import choose_stardist
from .volume_choices import MAX_VOLUME_DEPTH
from .whole_choices import FOR_WHOLE_IMAGES, choose_whole, refuse_other_settings

__all__ = ["Choices", "Reason", "choose", "widest_field"]


def widest_field(n_axes: int) -> tuple[int, ...]:
    """Sides of the largest region that a U-Net sees, of those that are chosen for images (2 axes) or volumes (3).

    Examples
    --------
    >>> widest_field(3)
    (828, 828, 828)
    """
    depth = MAX_DEPTH if n_axes == 2 else MAX_VOLUME_DEPTH
    return StarDistConfig(grid=(4,) * n_axes, depth=depth).receptive_field


def choose(model: str, data: Fingerprint, settings: TrainSettings, start: ModelInfo | None = None) -> Choices:
    """Choose the defaults of a run.

    Parameters
    ----------
    model
        Name of the network.
    data
        What the training images are like.
    settings
        What the user set.
    start
        What is known of the model that the run starts from, whose network then cannot be chosen, and whose
        normalisation and task are kept where nothing else is set; None to start anew.

    Raises
    ------
    DataError
        If the data cannot be used with this model (no objects, mixed channels).
    ConfigError
        If a setting contradicts the network that the run starts from, or the data's dimensions do.
    """
    task = entry(model).task
    refuse_other_settings(task, settings)
    if task == "segmentation":
        return choose_map_network(model, data, settings, start)
    if task in FOR_WHOLE_IMAGES:
        return choose_whole(model, data, settings, start)
    return CHOOSERS[model](data, settings, start)


CHOOSERS: dict[str, Callable[[Fingerprint, TrainSettings, ModelInfo | None], Choices]] = {
    "yolo": choose_yolo,
    "stardist": choose_stardist,
}
