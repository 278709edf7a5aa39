"""Fixtures that many tests use."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from skimage.io import imsave

from stellate.data.synthetic import FieldConfig, generate_field


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real development data beside the checkout; the test is skipped where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the development data is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def annotated_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight generated fields of 96 x 96 pixels with their label images."""
    folder = tmp_path_factory.mktemp("annotated")
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    config = FieldConfig(shape=(96, 96), diameter=(14.0, 22.0), density=0.25)
    for seed in range(8):
        image, truth = generate_field(config, seed)
        tifffile.imwrite(folder / "images" / f"{seed}.tif", image.array)
        tifffile.imwrite(folder / "masks" / f"{seed}.tif", truth.labels.astype(np.uint16))
    return folder


Classes = npt.NDArray[np.uint8]


def cells(shape: tuple[int, ...], seed: int) -> tuple[npt.NDArray[np.uint8], Classes]:
    """An image or volume of four cells that differ from the ground by brightness: 0 ground, 1 cytoplasm, 2 nucleus."""
    rng = np.random.default_rng(seed)
    classes = np.zeros(shape, dtype=np.uint8)
    for _ in range(4):
        centre, radius = rng.uniform(0, shape), rng.uniform(0.12, 0.18) * min(shape[-2:])
        squares = ((g - c) ** 2 for g, c in zip(np.indices(shape), centre, strict=True))
        distance = np.sqrt(sum(squares))
        classes[(distance < radius) & (classes == 0)] = 1
        classes[distance < 0.5 * radius] = 2
    image = np.array([40, 120, 200])[classes] + rng.normal(0, 8, shape)
    return image.clip(0, 255).astype(np.uint8), classes


@pytest.fixture(scope="session")
def class_masks() -> Callable[..., Path]:
    """Writes images of cells and masks of their classes into a folder.

    Its arguments: the folder; the shape and number of images; what files hold in place of ids 0 to 2, given these and
    the number of the image; and the suffix of masks.
    """

    def write(
        folder: Path,
        *,
        shape: tuple[int, ...] = (64, 64),
        count: int = 6,
        stored: Callable[[Classes, int], npt.NDArray[Any]] = lambda classes, index: classes,
        suffix: str = ".tif",
    ) -> Path:
        for name in ("images", "masks"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for k in range(count):
            image, classes = cells(shape, k)
            how = {"imagej": True, "metadata": {"axes": "ZYX"}} if len(shape) == 3 else {}
            tifffile.imwrite(folder / "images" / f"{k}.tif", image, **how)
            if suffix == ".tif":
                tifffile.imwrite(folder / "masks" / f"{k}.tif", stored(classes, k), **how)
            else:
                imsave(folder / "masks" / f"{k}{suffix}", stored(classes, k), check_contrast=False)
        return folder

    return write


Drawn = tuple[npt.NDArray[np.uint8], tuple[int, int, int, int]]


def draw_shape(name: str, seed: int, size: int = 48) -> Drawn:
    """A bright disc or cross on noise, and the box around it: x1, y1, x2, y2."""
    rng = np.random.default_rng(seed)
    radius = rng.uniform(8, 13)
    centre = rng.uniform(radius + 1, size - radius - 1, 2)
    y, x = np.mgrid[:size, :size] - centre[:, np.newaxis, np.newaxis]
    if name == "disc":
        inside = np.hypot(y, x) < radius
    else:
        inside = (np.maximum(abs(y), abs(x)) < radius) & (np.minimum(abs(y), abs(x)) < radius / 4)
    rows, columns = np.nonzero(inside)
    image = rng.normal(60, 8, (size, size)) + 120 * inside
    box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    return image.clip(0, 255).astype(np.uint8), box


@pytest.fixture(scope="session")
def shapes() -> Callable[..., Path]:
    """Writes images of one disc or cross each, by turns: in a folder for each class, or with a table of boxes.

    Its arguments: the folder; the number of images; whether there are boxes; and what files hold instead of an image,
    given it.
    """

    def write(
        folder: Path,
        *,
        count: int = 40,
        boxes: bool = False,
        stored: Callable[[npt.NDArray[np.uint8]], npt.NDArray[Any]] = lambda image: image,
    ) -> Path:
        rows = ["image,x1,y1,x2,y2,class"]
        for k in range(count):
            name = ("disc", "cross")[k % 2]
            image, box = draw_shape(name, k)
            place = folder / ("images" if boxes else name)
            place.mkdir(parents=True, exist_ok=True)
            array = stored(image)
            colour = array.ndim == 3 and array.shape[-1] == 3
            tifffile.imwrite(place / f"{k}.tif", array, photometric="rgb" if colour else "minisblack")
            rows.append(f"{k}.tif,{','.join(map(str, box))},{name}")
        if boxes:
            (folder / "boxes.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        return folder

    return write
