"""What a model found in an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..errors import InputError
from ..geometry.rays import Rays3D
from ..reports.legend import legend_of, with_legend
from ..reports.overlay import overlay
from ..reports.painting import values_of
from ..reports.planes import three_planes
from ..results import Instances, Mask, Result
from . import outputs
from .measuring import class_areas, measured_objects

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Prediction"]

OVERLAY_SIDE = 800
"""Pixels up to which the overlay of a volume, or of classes, is magnified."""


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """The objects or the classes of an image; of every frame, if it has time or pages.

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
    pieces
        Of a model for classes of pixels, where asked for: the connected pieces of classes as objects, for each of
        `frames`; empty otherwise.
    """

    image: Image
    frames: tuple[Image, ...]
    results: tuple[Result, ...]
    along: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    rays: Rays3D | None = None
    pieces: tuple[Instances, ...] = ()

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
        return self._by_frame([instances.labels for instances in self.instances])

    @property
    def classes(self) -> npt.NDArray[np.int32]:
        """Class of each pixel, ``(H, W)`` or ``(Z, H, W)`` int32, of frames e.g. ``(T, H, W)``.

        Numbers are positions in `class_names`.
        """
        return self._by_frame([mask.classes for mask in self.masks])

    @property
    def probabilities(self) -> npt.NDArray[np.float32]:
        """Probability of each class at each pixel, ``(n_classes, H, W)`` or ``(n_classes, Z, H, W)`` float32.

        Of frames e.g. ``(T, n_classes, H, W)``.

        Raises
        ------
        InputError
            If they were not asked for.
        """
        maps = [mask.probabilities for mask in self.masks if mask.probabilities is not None]
        if len(maps) != len(self.results):
            raise InputError(f"{self.image.name}: predict it with probabilities=True to have them")
        return self._by_frame(maps)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes of pixels, or else of objects; empty where objects are not told apart."""
        first = self.results[0]
        return first.class_names if isinstance(first, Mask | Instances) else ()

    def __repr__(self) -> str:
        """What was found in which image, in a line."""
        sizes = " x ".join(str(n) for n in self.image.shape)
        what = f"{len(self.class_names)} classes" if self.of_classes else f"{len(self)} objects"
        return f"<Prediction of {self.image.name}: {what} in {sizes} ({self.image.axes})>"

    def __len__(self) -> int:
        """Number of objects, in all frames."""
        return sum(len(instances) for instances in self.instances)

    @property
    def of_classes(self) -> bool:
        """Whether there is a class for every pixel."""
        return isinstance(self.results[0], Mask)

    @property
    def volumetric(self) -> bool:
        """Whether what was found is that of volumes, not of planes."""
        return values_of(self._drawn[0]).ndim == 3

    def table(self) -> pd.DataFrame:
        """What there is to measure: a row for each object, or for each class; see `object_table` and `area_table`."""
        return self.area_table() if self.of_classes else self.object_table()

    def object_table(self) -> pd.DataFrame:
        """Measurements, a row for each object; a column for each axis of the frames, if there are any.

        Columns are those of `stellate.geometry.measure.measure`, or of volumes of
        `stellate.geometry.measure_volume.measure_volume`: in pixels, and in micrometres where the image states the
        size of a pixel along all axes.
        """
        found = zip(self.frames, self.instances, strict=True)
        return self._table([measured_objects(frame, instances) for frame, instances in found])

    def area_table(self) -> pd.DataFrame:
        """Areas, or of volumes volumes, a row for each class; a column for each axis of the frames, if there are any.

        Columns are ``class``, ``area_px`` or ``volume_px``, ``area_um2`` or ``volume_um3`` where the image states the
        size of a pixel along all axes, and ``share``, of the pixels of the frame.
        """
        found = zip(self.frames, self.masks, strict=True)
        return self._table([class_areas(frame, mask) for frame, mask in found])

    def overlay(self, frame: int = 0) -> npt.NDArray[np.uint8]:
        """The image with what was found, ``(h, w, 3)`` uint8; of a volume as seen along its depth.

        Of objects the outlines are drawn; classes have a translucent colour each, and a legend below. Of a volume the
        outlines of one depth lie on those of another, and a legend needs room: small ones are magnified.
        """
        image, found = self.frames[frame], self._drawn[frame]
        magnified = self.volumetric or self.of_classes
        zoom = max(1, OVERLAY_SIDE // max(image.sizes["Y"], image.sizes["X"])) if magnified else 1
        return with_legend(overlay(image, found, zoom=zoom), legend_of(found))

    def planes(self, frame: int = 0) -> npt.NDArray[np.uint8]:
        """A volume in three planes at right angles with what was found, ``(h, w, 3)`` uint8; see `overlay`.

        Raises
        ------
        InputError
            If the image is no volume.
        """
        found = self._drawn[frame]
        return with_legend(three_planes(self.frames[frame], found), legend_of(found))

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
            Paths by what they hold: of objects ``labels``, ``overlay``, ``objects``, ``rois``, ``geojson``; of classes
            ``classes``, ``overlay``, ``areas`` and perhaps ``probabilities``, with their `pieces` all of the former as
            well; of volumes also ``planes``, and ``glb``, ``ply`` and ``obj`` where surfaces are known. Of several
            frames those of the second have names like ``overlay 1``.

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
        """The results, where they are objects; or the pieces of classes.

        Raises
        ------
        InputError
            If the model is not for finding objects, and its pieces were not asked for.
        """
        found: list[Any] = [*self.pieces] or [r for r in self.results if isinstance(r, Instances)]
        if len(found) != len(self.results):
            remedy = "; predict it with instances=True for the connected pieces of classes" * self.of_classes
            kind = type(self.results[0]).__name__
            raise InputError(f"{self.image.name}: the model finds no objects but {kind}{remedy}")
        return found

    @property
    def masks(self) -> list[Mask]:
        """The results, where they are classes of pixels.

        Raises
        ------
        InputError
            If the model gives none.
        """
        found: list[Any] = [r for r in self.results if isinstance(r, Mask)]
        if len(found) != len(self.results):
            kind = type(self.results[0]).__name__
            raise InputError(f"{self.image.name}: the model gives no classes of pixels but {kind}")
        return found

    @property
    def _drawn(self) -> Sequence[Instances | Mask]:
        return self.masks if self.of_classes else self.instances

    def _by_frame(self, arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """The only array, or those of all frames in one."""
        if not self.along:
            return arrays[0]
        lengths = tuple(self.image.sizes[a] for a in self.along)
        return np.stack(arrays).reshape(*lengths, *arrays[0].shape)

    def _table(self, columns: Sequence[dict[str, Any]]) -> pd.DataFrame:
        """The columns of all frames, after those that tell where the frames are."""
        import pandas as pd

        tables = [pd.DataFrame({**at, **of}) for at, of in zip(self.positions(), columns, strict=True)]
        return tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True)
