"""The files of a prediction while they are written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .. import io
from .finding import Finding

if TYPE_CHECKING:
    from .prediction import Prediction

__all__ = ["Draft"]


class Draft:
    """Which files a prediction has got, in a folder of their own.

    Parameters
    ----------
    prediction
        What they hold.
    folder
        Where they are written.
    name
        What their names begin with.

    Attributes
    ----------
    paths, notes, n_objects, shares, counts, finding
        As of `stellate.prediction.outputs.Saved`, once all is written.
    """

    def __init__(self, prediction: Prediction, folder: Path, name: str) -> None:
        self.prediction = prediction
        self.folder = folder
        self.name = name
        self.places = ["".join(f"{a}{i:03d}" for a, i in p.items()) for p in prediction.positions()]
        self.paths: dict[str, Path] = {}
        self.notes = list(prediction.notes)
        self.n_objects: int | None = None
        self.shares: dict[str, float] = {}
        self.counts: dict[str, int] = {}
        self.finding: Finding | None = None

    def path(self, kind: str, ending: str, *, frame: int | None = None) -> Path:
        """Where something is written; what that of a later frame holds is told apart by its number."""
        place = self.places[frame] if frame is not None else ""
        path = self.folder / "_".join(part for part in (self.name, place, ending) if part)
        self.paths[f"{kind} {frame}" if frame else kind] = path
        return path

    def note(self, text: str) -> None:
        """Say something of the files; once."""
        if text not in self.notes:
            self.notes.append(text)

    def write_explanations(self) -> None:
        """Write pictures of what speaks for the class of each frame, if they were asked for."""
        for k in range(len(self.prediction.explanations)):
            io.write_picture(self.path("explained", "explained.png", frame=k), self.prediction.explained(k))

    @property
    def axes(self) -> str:
        """Axes of what covers the image in one file, frames included."""
        prediction = self.prediction
        spatial = "ZYX" if prediction.volumetric else "YX"
        if not prediction.along:
            return spatial
        # pages of which nothing is known are the planes of a stack to other programs
        return ("Z" if prediction.along == "P" and spatial == "YX" else "T") + spatial

    @property
    def spacing_um(self) -> dict[str, float]:
        """Pixel size of what covers the image, where known."""
        spatial = "ZYX" if self.prediction.volumetric else "YX"
        return {a: s for a, s in self.prediction.image.spacing_um.items() if a in spatial}
