"""What a model found in an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from ..axes import Image
from ..errors import InputError
from ..geometry.rays import Rays3D
from ..reports.overview import in_numbers
from ..results import Boxes, Instances, Mask, Result, Scores
from . import outputs
from .measuring import box_places, class_areas, class_probabilities, measured_objects
from .pictures import draw_explanation, draw_found, draw_planes, is_volumetric

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Prediction"]

ResultT = TypeVar("ResultT", bound=Result)


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """The objects, the boxes or the classes of an image; of every frame, if it has time or pages.

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
    explanations
        Where asked for, what in each of `frames` speaks for its class: ``(h, w)`` float32 from 0 to 1, in the
        proportions of the frame; empty otherwise.
    """

    image: Image
    frames: tuple[Image, ...]
    results: tuple[Result, ...]
    along: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    rays: Rays3D | None = None
    pieces: tuple[Instances, ...] = ()
    explanations: tuple[npt.NDArray[np.float32], ...] = ()

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
        """Probability of each class, float32: of the whole image ``(n_classes,)``, of each pixel ``(n_classes, H, W)``.

        Of volumes ``(n_classes, Z, H, W)``, of frames e.g. ``(T, n_classes)``.

        Raises
        ------
        InputError
            If they were not asked for, or the model gives none.
        """
        if self._type is Scores:
            return self._by_frame([scores.probabilities for scores in self.scores])
        maps = [mask.probabilities for mask in self.masks if mask.probabilities is not None]
        if len(maps) != len(self.results):
            raise InputError(f"{self.image.name}: predict it with probabilities=True to have them")
        return self._by_frame(maps)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes, of whatever; empty where objects are not told apart."""
        return self.results[0].class_names

    @property
    def best(self) -> tuple[str, float]:
        """The most probable class of the image and its probability.

        Raises
        ------
        InputError
            If the image has frames, or the model gives classes of something else.
        """
        scores, _ = self.scores, self.result  # either says what there is instead
        at = int(scores[0].probabilities.argmax())
        return scores[0].class_names[at], float(scores[0].probabilities[at])

    def __repr__(self) -> str:
        """What was found in which image, in a line."""
        sizes = " x ".join(str(n) for n in self.image.shape)
        what = f"{len(self.class_names)} classes" if self._type in (Mask, Scores) else f"{len(self)} objects"
        if self._type in (Scores, Boxes):
            what = f"{what} in {len(self.results)} frames" if self.along else in_numbers(self.results[0])
        return f"<Prediction of {self.image.name}: {what} in {sizes} ({self.image.axes})>"

    def __len__(self) -> int:
        """Number of objects or boxes, in all frames."""
        found: Sequence[Boxes | Instances] = self.boxes if self._type is Boxes else self.instances
        return sum(len(each) for each in found)

    @property
    def of_classes(self) -> bool:
        """Whether there is a class for every pixel."""
        return self._type is Mask

    @property
    def volumetric(self) -> bool:
        """Whether what was found is that of volumes, not of planes."""
        return is_volumetric(self.results[0])

    def table(self) -> pd.DataFrame:
        """What there is to measure, a row for each object, box or class; a column for each axis of frames.

        Of objects and of classes of pixels, see `object_table` and `area_table`. Of a whole image ``class`` and
        ``probability``. Of boxes ``class``, ``score``, ``xmin``, ``ymin``, ``xmax`` and ``ymax`` at the edges of
        pixels, and the same in micrometres (``xmin_um``, ...) where the image states the size of a pixel.
        """
        if self._type is Scores:
            return self._table([class_probabilities(scores) for scores in self.scores])
        if self._type is Boxes:
            return self._table([box_places(*found) for found in zip(self.frames, self.boxes, strict=True)])
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

        Of objects the outlines are drawn; classes of pixels have a translucent colour each, and a legend below; boxes
        have frames; the class of a whole image stands below. Of a volume the outlines of one depth lie on those of
        another, and words need room: small ones are magnified.
        """
        return draw_found(self.frames[frame], self._drawn[frame])

    def explained(self, frame: int = 0) -> npt.NDArray[np.uint8]:
        """The image beside what in it speaks for its class, ``(h, w, 3)`` uint8; see `draw_heat_map`.

        Raises
        ------
        InputError
            If that was not asked for.
        """
        if not self.explanations:
            raise InputError(
                f"{self.image.name}: predict it with explain=True to see what speaks for its class"
            )
        return draw_explanation(self.frames[frame], self.results[frame], self.explanations[frame])

    def planes(self, frame: int = 0) -> npt.NDArray[np.uint8]:
        """A volume in three planes at right angles with what was found, ``(h, w, 3)`` uint8; see `overlay`.

        Raises
        ------
        InputError
            If the image is no volume.
        """
        found: Any = self.masks[frame] if self.of_classes else self.instances[frame]
        return draw_planes(self.frames[frame], found)

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
            well; of volumes also ``planes``, and ``glb``, ``ply`` and ``obj`` where surfaces are known. Of classes of
            whole images ``scores``, of boxes ``boxes`` and ``overlay``; of both perhaps ``explained``. Of several
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
        remedy = "; predict it with instances=True for the connected pieces of classes" * self.of_classes
        return [*self.pieces] or self._of_type(Instances, "finds no objects", remedy)

    @property
    def masks(self) -> list[Mask]:
        """The results, where they are classes of pixels.

        Raises
        ------
        InputError
            If the model gives none.
        """
        return self._of_type(Mask, "gives no classes of pixels")

    @property
    def scores(self) -> list[Scores]:
        """The results, where they are classes of whole images.

        Raises
        ------
        InputError
            If the model gives none.
        """
        return self._of_type(Scores, "gives no classes of whole images")

    @property
    def boxes(self) -> list[Boxes]:
        """The results, where they are boxes.

        Raises
        ------
        InputError
            If the model gives none.
        """
        return self._of_type(Boxes, "gives no boxes")

    @property
    def _type(self) -> type[Result]:
        return type(self.results[0])

    def _of_type(self, kind: type[ResultT], otherwise: str, remedy: str = "") -> list[ResultT]:
        found: list[ResultT] = [result for result in self.results if isinstance(result, kind)]
        if len(found) != len(self.results):
            raise InputError(f"{self.image.name}: the model {otherwise} but {self._type.__name__}{remedy}")
        return found

    @property
    def _drawn(self) -> Sequence[Result]:
        return self.instances if self._type is Instances else self.results

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
