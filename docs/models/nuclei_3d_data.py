"""Make the annotated folder that the model `nuclei-3d` was trained on: parts of real volumes, and generated ones.

    python docs/models/nuclei_3d_data.py VOLUMES DATA FIRST COUNT

VOLUMES holds ``gonuclear_1135``, ``mouse_embryo_16`` and ``stardist_sample``, each with ``image.tif`` and ``mask.tif``.
FIRST is the seed of the first of COUNT generated volumes to train on. See nuclei-3d.toml for what was used.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from stellate.data.synthetic_volumes import generate_volume, random_volume_config

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Source:
    """A real volume and how it is divided.

    Attributes
    ----------
    rows
        Rows that are validated on; the others are trained on.
    axis, starts, length
        Overlapping blocks of the latter, so that a small volume is drawn as often as a large one.
    voxel_um
        Voxel size (z, y, x) where it is known.
    """

    rows: slice
    axis: int
    starts: tuple[int, ...]
    length: int
    voxel_um: tuple[float, float, float] | None = None


SOURCES = {
    "gonuclear_1135": Source(
        slice(0, 28), 0, (0, 20, 40, 60), 40, (0.28371836501901143, 0.1267864, 0.1267864)
    ),
    "mouse_embryo_16": Source(slice(75, None), 2, (0, 25, 50), 72),
    "stardist_sample": Source(slice(0, 18), 2, (0,), 57),
}
MADE = {"train": (32, 112, 112), "val": (24, 72, 72)}
"""Shapes of the generated volumes."""
VALIDATION_SEEDS = range(2000, 2004)


def main(volumes: str, output: str, first: str, count: str) -> None:
    data = Path(output)
    for name, source in SOURCES.items():
        image = tifffile.imread(Path(volumes) / name / "image.tif")
        labels = tifffile.imread(Path(volumes) / name / "mask.tif").astype(np.int32)
        _divide(data, name, source, image, labels)
    for seed in range(int(first), int(first) + int(count)):
        _generate(data, "train", seed)
    for seed in VALIDATION_SEEDS:
        _generate(data, "val", seed)


def _divide(data: Path, name: str, source: Source, image: Array, labels: Array) -> None:
    """Write a volume's parts. Of objects that lie in both, the part to train on does not say what they are."""
    kept = np.ones(image.shape[1], bool)
    kept[source.rows] = False
    to_train, to_validate = labels[:, kept], labels[:, ~kept]
    to_train[np.isin(to_train, np.unique(to_validate[to_validate > 0]))] = -1
    _write(data, "val", name, image[:, ~kept], to_validate, source.voxel_um)
    parts = {}
    for start in source.starts:
        block = (slice(None),) * source.axis + (slice(start, start + source.length),)
        parts[f"{name}_{start}"] = image[:, kept][block], to_train[block]
    if name == "stardist_sample":
        # too small for blocks: mirrored and turned instead
        pixels, ids = parts[f"{name}_0"]
        parts[f"{name}_mirrored"] = pixels[::-1], ids[::-1]
        parts[f"{name}_turned"] = pixels.transpose(0, 2, 1), ids.transpose(0, 2, 1)
    for block, (pixels, ids) in parts.items():
        _write(data, "train", block, pixels, ids, source.voxel_um)


def _generate(data: Path, split: str, seed: int) -> None:
    """Write a generated volume that holds a few objects at least."""
    rng = np.random.default_rng([303, seed])
    while True:
        config = random_volume_config(rng, MADE[split], diameter=(9.0, 40.0), anisotropy=(1.0, 4.0))
        image, truth = generate_volume(config, seed)
        if len(truth) >= 4:
            break
    _write(data, split, f"generated_{seed}", image.array, truth.labels, image.spacing("ZYX"))


def _write(data: Path, split: str, name: str, image: Array, labels: Array, voxel_um: Any) -> None:
    for part in ("images", "masks"):
        (data / split / part).mkdir(parents=True, exist_ok=True)
    metadata: dict[str, Any] = {"axes": "ZYX"}
    resolution = None
    if voxel_um is not None:
        metadata |= {"spacing": voxel_um[0], "unit": "um"}
        resolution = (1 / voxel_um[2], 1 / voxel_um[1])
    path = data / split / "images" / f"{name}.tif"
    tifffile.imwrite(path, image, imagej=True, metadata=metadata, resolution=resolution, compression="zlib")
    path = data / split / "masks" / f"{name}.tif"
    tifffile.imwrite(path, labels.astype(np.int32), metadata={"axes": "ZYX"}, compression="zlib")


if __name__ == "__main__":
    main(*sys.argv[1:])
