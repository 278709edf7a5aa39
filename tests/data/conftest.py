"""Writers of annotated data in every layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from stellate.io.image_boxes import ImageBoxes
from stellate.io.voc import write_voc


@pytest.fixture
def save_image() -> Callable[..., Path]:
    """Writes a picture of noise: its path, and perhaps seed and (height, width)."""

    def write(path: Path, seed: int = 0, size: tuple[int, int] = (20, 30)) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Picture.fromarray(np.random.default_rng(seed).integers(0, 255, size, dtype=np.uint8)).save(path)
        return path

    return write


@pytest.fixture
def save_voc(save_image) -> Callable[..., None]:
    """Writes Pascal VOC: the folder, and for each image its name and its boxes as (class, x1, y1, x2, y2)."""

    def write(root: Path, images: dict[str, list[tuple]], folder: str = "JPEGImages") -> None:
        for seed, (name, boxes) in enumerate(images.items()):
            save_image(root / folder / f"{name}.png", seed)
            array = np.array([box[1:] for box in boxes], dtype=float).reshape(-1, 4)
            names = tuple(box[0] for box in boxes)
            write_voc(
                root / "Annotations" / f"{name}.xml", ImageBoxes(f"{name}.png", array, names, size=(20, 30))
            )

    return write
