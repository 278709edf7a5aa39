"""What a check of an annotated folder found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

__all__ = ["CheckReport", "Finding", "Severity", "first_few", "images_named", "worst_first"]

_NAMED = 8


class Severity(StrEnum):
    """How much a finding matters."""

    ERROR = "error"
    """Training cannot start."""
    WARNING = "warning"
    """Training can start, but the result is likely to suffer, or to look better than it is."""
    NOTE = "note"
    """Worth a look; often as intended."""


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong or odd.

    Attributes
    ----------
    severity
        How much it matters.
    file
        The file that it is about; None for the data as a whole.
    what
        What was found.
    remedy
        What to do about it.
    """

    severity: Severity
    file: Path | None
    what: str
    remedy: str

    @classmethod
    def from_error(cls, file: Path, error: Exception, remedy: str) -> Finding:
        """What a reader said of a file; the remedy is for errors that name none."""
        # The errors of readers begin with the file and end with the remedy.
        message = str(error).removeprefix(f"{file}: ")
        what, _, named = message.rpartition("; ")
        return cls(Severity.ERROR, file, what or message, named if what else remedy)

    def __str__(self) -> str:
        where = f"{self.file}: " if self.file else ""
        return f"{self.severity}: {where}{self.what}; {self.remedy}"


@dataclass(frozen=True)
class CheckReport:
    """Everything that a check found.

    Attributes
    ----------
    root
        The folder.
    n_images
        Number of image-and-mask pairs, or of images.
    n_objects
        Number of objects in the masks that could be read, or of boxes.
    findings
        Errors first, then warnings, then notes.
    masks
        What masks were looked over as, and why; empty where nobody asked.
    class_names
        Classes of pixels, of masks of classes; of whole images or boxes.
    kind
        What is annotated; see `stellate.data.opening.kind_of`.
    class_counts
        Images or boxes of each class by name, where whole images or boxes are annotated.
    most_objects
        Boxes in the image that has most of them; 0 where no boxes are annotated.
    masks_open
        Whether it is open what masks hold: then models of objects can be trained, and those for classes of pixels once
        somebody says it.
    """

    root: Path
    n_images: int
    n_objects: int
    findings: tuple[Finding, ...]
    masks: str = ""
    class_names: tuple[str, ...] = ()
    masks_open: bool = False
    kind: str = "pixels"
    class_counts: Mapping[str, int] = field(default_factory=dict)
    most_objects: int = 0

    @property
    def can_train(self) -> bool:
        """Whether training can start."""
        return not any(f.severity is Severity.ERROR for f in self.findings)

    def count(self, severity: Severity) -> int:
        """Number of findings of one kind."""
        return Counter(f.severity for f in self.findings)[severity]

    def table(self) -> list[dict[str, Any]]:
        """A row for each finding: severity, file (relative to the folder), what, remedy."""
        return [
            {"severity": str(f.severity), "file": self._name(f.file), "what": f.what, "remedy": f.remedy}
            for f in self.findings
        ]

    def _name(self, file: Path | None) -> str:
        if file is None:
            return ""
        return (file.relative_to(self.root) if file.is_relative_to(self.root) else file).as_posix()


def worst_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Errors, then warnings, then notes; each by file."""
    order = list(Severity)
    return tuple(sorted(findings, key=lambda f: (order.index(f.severity), str(f.file or ""))))


def first_few(texts: Sequence[str], *, most: int = _NAMED) -> str:
    """The first of many, and how many more there are.

    Examples
    --------
    >>> first_few(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    shown = ", ".join(texts[:most])
    return f"{shown} and {len(texts) - most} more" if len(texts) > most else shown


def images_named(names: Sequence[str]) -> str:
    """A number of images, and what the first of them are called.

    Examples
    --------
    >>> images_named(["a"]), images_named(["a", "b", "c", "d", "e"])
    ('1 image (a)', '5 images (a, b, c, d and 1 more)')
    """
    return f"{len(names)} image{'s'[: len(names) != 1]} ({first_few(names, most=4)})"
