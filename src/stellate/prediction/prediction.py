"""What a model found in an image."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..data.pixels import ChannelsLast
from ..errors import InputError
from ..geometry.measure import measure
from ..geometry.measure_volume import measure_volume
from ..geometry.rays import Rays3D
from ..reports.overlay import overlay
from ..reports.planes import three_planes
from ..results import Instances, Result
from . import outputs

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Prediction"]

OVERLAY_SIDE = 800
"""Pixels up to which the overlay of a volume is magnified."""


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """The objects of an image; of every frame, if it has time or pages.

    Attributes
    ----------
    image
        The image, as it was given.
    frames
        The planes or volumes that were looked at: the image itself, or its frames in order.
    results
        What was found in each of `frames`.
    along
        Axes along which the frames follow one another, e.g. ``"T"``; empty if there is one only.
    notes
        What was done to the image on the way, in words: channels chosen, rescaled, cut into tiles.
    seconds
        How long it took.
    rays
        Directions along which the model's distances were measured, for polyhedra in volumes; none
        otherwise.
    """

    image: Image
    frames: tuple[Image, ...]
    results: tuple[Result, ...]
    along: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    rays: Rays3D | None = None

    @property
    def result(self) -> Result:
        """What was found, if the image has no frames.

        Raises
        ------
        InputError
            If it has; then there is one result for each, in `results`.
        """
        if self.along:
            raise InputError(
                f"{self.image.name} has {len(self.results)} frames along {self.along}; use .results"
            )
        return self.results[0]

    @property
    def labels(self) -> npt.NDArray[np.int32]:
        """Label image ``(H, W)`` or ``(Z, H, W)`` int32, of frames e.g. ``(T, H, W)``; 0 is background."""
        images = [instances.labels for instances in self.instances]
        if not self.along:
            return images[0]
        lengths = tuple(self.image.sizes[a] for a in self.along)
        return np.stack(images).reshape(*lengths, *images[0].shape)

    def __repr__(self) -> str:
        """What was found in which image, in a line."""
        sizes = " x ".join(str(n) for n in self.image.shape)
        return f"<Prediction of {self.image.name}: {len(self)} objects in {sizes} ({self.image.axes})>"

    def __len__(self) -> int:
        """Number of objects, in all frames."""
        return sum(len(instances) for instances in self.instances)

    @property
    def volumetric(self) -> bool:
        """Whether the objects are those of volumes, not of planes."""
        return self.instances[0].labels.ndim == 3

    def table(self) -> pd.DataFrame:
        """Measurements, a row for each object; a column for each axis of the frames, if there are any.

        Columns are those of `stellate.geometry.measure.measure`, or of volumes of
        `stellate.geometry.measure_volume.measure_volume`: in pixels, and in micrometres where the image states the
        size of a pixel along all axes.
        """
        import pandas as pd

        tables = []
        for position, frame, instances in zip(self.positions(), self.frames, self.instances, strict=True):
            columns = _measured(frame, instances)
            tables.append(pd.DataFrame({**position, **_known(instances), **columns}))
        return tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True)

    def overlay(self, frame: int = 0) -> npt.NDArray[np.uint8]:
        """The image with the outlines drawn on it, ``(h, w, 3)`` uint8; of a volume as seen along its depth.

        Of a volume the outlines of one depth lie on those of another: small ones are magnified.
        """
        image = self.frames[frame]
        zoom = max(1, OVERLAY_SIDE // max(image.sizes["Y"], image.sizes["X"])) if self.volumetric else 1
        return overlay(image, self.instances[frame], zoom=zoom)

    def planes(self, frame: int = 0) -> npt.NDArray[np.uint8]:
        """A volume in three planes at right angles with the outlines drawn on them, ``(h, w, 3)`` uint8.

        Raises
        ------
        InputError
            If the image is no volume.
        """
        return three_planes(self.frames[frame], self.instances[frame])

    def save(self, folder: str | Path, name: str | None = None) -> dict[str, Path]:
        """Write everything into a folder; see `stellate.prediction.outputs`.

        Parameters
        ----------
        folder
            Made where it is missing.
        name
            What the files' names begin with; the image's name if not given.

        Returns
        -------
        dict
            Paths by what they hold: ``labels``, ``overlay``, ``objects``, ``rois``, ``geojson``; of volumes also
            ``planes``, ``glb``, ``ply`` and ``obj``. Of several frames those of the second have names like
            ``overlay 1``.

        Raises
        ------
        OutputError
            If it cannot be written; then nothing is left behind.
        """
        return outputs.save(self, Path(folder), name or self.image.name).paths

    def positions(self) -> list[dict[str, int]]:
        """Where each frame lies along the axes `along`."""
        ranges = [range(self.image.sizes[a]) for a in self.along]
        return [dict(zip(self.along, at, strict=True)) for at in product(*ranges)]

    @property
    def instances(self) -> list[Instances]:
        """The results, where they are objects.

        Raises
        ------
        InputError
            If the model is not for finding objects.
        """
        found: list[Any] = [r for r in self.results if isinstance(r, Instances)]
        if len(found) != len(self.results):
            raise InputError(
                f"{self.image.name}: the model finds no objects but {type(self.results[0]).__name__}"
            )
        return found


def _measured(frame: Image, instances: Instances) -> dict[str, npt.NDArray[Any]]:
    volume = instances.labels.ndim == 3
    spacing: Any = frame.spacing("ZYX" if volume else "YX")
    measure_all: Any = measure_volume if volume else measure
    columns: dict[str, npt.NDArray[Any]] = measure_all(
        instances.labels,
        ChannelsLast(frame, volume=volume),
        spacing=spacing,
        channel_names=frame.channel_names,
        count=len(instances),
    )
    return columns


def _known(instances: Instances) -> dict[str, Any]:
    """What the model says of each object: its probability, and its class where there are several."""
    columns: dict[str, Any] = {"label": np.arange(1, len(instances) + 1)}
    if instances.scores is not None:
        columns["probability"] = instances.scores
    if instances.classes is not None:
        names = np.array([*instances.class_names, ""], dtype=object)
        columns["class"] = names[instances.classes]
    return columns
