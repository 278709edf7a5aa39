"""Checks of what is peculiar to volumes: voxel sizes, and networks that take the one or the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from .check_pair import PairFacts
from .findings import Finding, Severity

__all__ = ["check_volumes"]

# Voxel sizes that differ by less, as a share, show objects of about the same size.
_ALIKE = 0.05


def check_volumes(
    facts: Sequence[PairFacts], receptive_fields: Mapping[int, Sequence[int]] | None
) -> Iterator[Finding]:
    """Volumes of unknown or other voxel sizes, and a network for images or volumes where there are none.

    Parameters
    ----------
    facts
        Of all pairs.
    receptive_fields
        What the network sees, by the number of axes that it takes.
    """
    volumes = [f for f in facts if "Z" in f.axes]
    images = [f for f in facts if f.axes and "Z" not in f.axes]
    for n_axes, present, missing in ((2, volumes, "images"), (3, images, "volumes")):
        if receptive_fields and [*receptive_fields] == [n_axes] and present:
            what = f"the model is for {missing}, but {len(present)} of {len(facts)} pairs are none"
            yield Finding(Severity.WARNING, None, what, "name a model for data of this kind, or none")
    yield from _check_voxel_sizes(volumes)


def _check_voxel_sizes(volumes: Sequence[PairFacts]) -> Iterator[Finding]:
    unknown = [f for f in volumes if f.spacing is None]
    if unknown:
        what = f"no voxel size is stated by {len(unknown)} of {len(volumes)} volumes"
        remedy = "export it with them, so that measurements are in micrometres"
        yield Finding(Severity.NOTE, None, what, remedy)
    known = {f: f.spacing for f in volumes if f.spacing is not None}
    if not known:
        return
    (usual, _), *_ = Counter(known.values()).most_common(1)
    for fact, spacing in known.items():
        if not np.allclose(spacing, usual, rtol=_ALIKE, atol=0):
            what = f"voxels of {_size(spacing)}, where most volumes have {_size(usual)}"
            remedy = (
                "scale volumes to one voxel size, unless their objects should be learned in several sizes"
            )
            yield Finding(Severity.WARNING, fact.record.image_path, what, remedy)


def _size(spacing: Sequence[float]) -> str:
    return f"{' x '.join(f'{s:.3g}' for s in spacing)} um"
