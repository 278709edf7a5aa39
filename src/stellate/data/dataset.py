"""What all annotated images have in common, whatever is annotated: files in parts, read when asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Generic, Protocol, Self, TypeVar, overload

from .. import io
from ..axes import Image
from ..errors import DataError
from ..results import Annotation
from .channels import pick_channels
from .listing import SPLITS
from .pixels import ONE_FRAME, several_frames

__all__ = ["AnnotatedImages", "ImageRecord"]


class ImageRecord(Protocol):
    """What every record says of an image."""

    @property
    def name(self) -> str:
        """What the image is called in reports."""

    @property
    def image_path(self) -> Path:
        """Its file."""

    @property
    def split(self) -> str | None:
        """``"train"``, ``"val"`` or ``"test"`` where the data say so, else None."""


RecordT = TypeVar("RecordT", bound=ImageRecord)
AnnotationT = TypeVar("AnnotationT", bound=Annotation)


@dataclass(frozen=True, eq=False)
class AnnotatedImages(Sequence[RecordT], Generic[RecordT, AnnotationT], ABC):
    """Images and their annotations, read when asked for.

    As a sequence it holds records; a slice of it is a dataset again.

    Attributes
    ----------
    root
        The folder it was opened from.
    records
        One for each image.
    axes
        Axes of the image files where the user named them, else None.
    class_names
        Names of the classes of all the data, by id from 0.
    channels
        Channels that images are reduced to, as in `choose_channels`; empty for all.
    """

    root: Path
    records: tuple[RecordT, ...]
    axes: str | None = None
    class_names: tuple[str, ...] = ()
    channels: tuple[int | str, ...] = ()

    def __len__(self) -> int:
        return len(self.records)

    @overload
    def __getitem__(self, index: int) -> RecordT: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> RecordT | Self:
        if isinstance(index, slice):
            return replace(self, records=self.records[index])
        return self.records[index]

    @cached_property
    def volumes(self) -> bool:
        """Whether the first image has depth. All are alike where the dataset can be trained on; see `fingerprint`.

        Raises
        ------
        InputError
            If the file cannot be read.
        """
        return bool(self.records) and "Z" in self._read(0, io.open_lazy).axes

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the parts that the data are divided into; empty if they are not."""
        return tuple(s for s in dict.fromkeys(SPLITS.values()) if any(r.split == s for r in self.records))

    def split(self, name: str) -> Self:
        """The part called ``"train"``, ``"val"`` or ``"test"``.

        Raises
        ------
        DataError
            If there is no such part.
        """
        part = tuple(r for r in self.records if r.split == name)
        if not part:
            have = ", ".join(self.splits) or "none"
            raise DataError(f"{self.root}: no part is called {name!r}; parts of this folder: {have}")
        return replace(self, records=part)

    def subset(self, indices: Iterable[int]) -> Self:
        """The records at these positions, in this order."""
        return replace(self, records=tuple(self.records[i] for i in indices))

    def image(self, index: int) -> Image:
        """Read an image, reduced to `channels`.

        Raises
        ------
        DataError
            If it has several frames.
        InputError
            If the file cannot be read as an image, or has not the channels that it is to be reduced to.
        """
        return self._single(index, self._read(index, io.read))

    @abstractmethod
    def annotation(self, index: int) -> AnnotationT:
        """What is annotated in an image."""

    def pair(self, index: int) -> tuple[Image, AnnotationT]:
        """Read an image and its annotation.

        Raises
        ------
        DataError
            If the image has several frames, or the annotation does not fit it.
        InputError
            If a file cannot be read.
        """
        return self.image(index), self.annotation(index)

    def _read(self, index: int, read: Callable[..., Image]) -> Image:
        return read(self.records[index].image_path, axes=self.axes)

    def _single(self, index: int, image: Image) -> Image:
        """The image with the chosen channels, if it is a single frame."""
        if several := several_frames(image):
            raise DataError(f"{self.records[index].image_path}: {several}; {ONE_FRAME}")
        return pick_channels(image, self.channels) if self.channels else image
