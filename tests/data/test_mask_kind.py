from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.io import imsave

from stellate.data.mask_kind import Evidence, gather, judge
from stellate.data.synthetic import FieldConfig, generate_field


def write(folder: Path, masks: list[np.ndarray]) -> list[Path]:
    paths = [folder / f"{k}.png" for k in range(len(masks))]
    for path, mask in zip(paths, masks, strict=True):
        imsave(path, mask, check_contrast=False)
    return paths


def blocks(*values: int) -> np.ndarray:
    """Each value in one piece of its own, apart from the others."""
    mask = np.zeros((40, 8 * len(values) + 8), dtype=np.uint16)
    for k, value in enumerate(values):
        mask[5:20, 8 * k + 2 : 8 * k + 8] = value
    return mask


def stripes(*values: int) -> np.ndarray:
    """Each value in several pieces."""
    mask = np.zeros((40, 40), dtype=np.uint8)
    for k, value in enumerate(values):
        for start in (0, 13, 26):
            mask[start + 4 * k : start + 4 * k + 3] = value
    return mask


@pytest.mark.parametrize(
    ("masks", "kind", "words"),
    [
        ([blocks(128, 255), blocks(128, 255)], "classes", "128, 255 are far apart and the same"),
        ([stripes(1, 2), stripes(1, 2), stripes(1)], "classes", "recur from mask to mask, and 0% of them"),
        ([stripes(1), stripes(1)], "classes", "one value beside 0"),
        ([np.zeros((9, 9), np.uint8)] * 2, "classes", "no value beside 0"),
        ([blocks(1, 2, 3), blocks(1, 2), blocks(1, 2, 3, 4)], "instances", "from 2 to 4 values in a mask"),
        ([blocks(*range(1, 13))] * 2, "instances", "from 12 to 12 values"),
        ([blocks(*range(1, 80))], "instances", "79 different values"),
        ([blocks(7, 23, 61), blocks(11, 23, 99)], "instances", "one connected piece"),
        ([blocks(100, 200), blocks(100, 200), blocks(), blocks()], "classes", "100, 200 are far apart"),
        ([blocks(100, 200), blocks(100, 200), blocks(50, 100)], "", "the values 50, 100, 200 occur"),
        ([blocks(41, 120), blocks(120, 260, 320), blocks(310)], "instances", "from 1 to 3 values in a mask"),
        ([blocks(1, 2), blocks(1, 2), blocks()], "", "the values 1, 2 occur, and 100%"),
        ([blocks(1, 2), blocks(1, 2)], "", "the values 1, 2 occur, and 100%"),
        ([stripes(1, 2)], "", "the values 1, 2 occur, and 0% of them"),
    ],
)
def test_what_masks_look_like(masks: list[np.ndarray], kind: str, words: str, tmp_path: Path) -> None:
    found, why = judge(gather(write(tmp_path, masks)))
    assert found == kind
    assert words in why


def test_generated_label_images_are_objects(tmp_path: Path) -> None:
    config = FieldConfig(shape=(96, 96), diameter=(14.0, 22.0), density=0.25, touching=0.8)
    masks = [generate_field(config, seed)[1].labels.astype(np.uint16) for seed in range(4)]
    assert judge(gather(write(tmp_path, masks)))[0] == "instances"


def colour(mask: np.ndarray, path: Path) -> None:
    imsave(path, np.stack([mask, 0 * mask, mask // 2], axis=-1).astype(np.uint8), check_contrast=False)


def palette(mask: np.ndarray, path: Path) -> None:
    picture = Image.fromarray(mask.astype(np.uint8), mode="P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    picture.save(path)


@pytest.mark.parametrize(("save", "words"), [(colour, "is in colour"), (palette, "has a palette")])
def test_colours_are_classes(save: Callable[[np.ndarray, Path], None], words: str, tmp_path: Path) -> None:
    save(blocks(1, 2), tmp_path / "a.png")
    assert judge(gather([tmp_path / "a.png"])) == ("classes", f"a.png {words}")


@pytest.mark.parametrize("masks", [[blocks(128, 255)], [blocks(*range(1, 100))]])
def test_grey_jpeg_is_never_taken_for_labels(masks: list[np.ndarray], tmp_path: Path) -> None:
    """Whose values have become many, as those of labels are."""
    Image.fromarray(masks[0].astype(np.uint8)).save(tmp_path / "a.JPG")
    kind, why = judge(gather([tmp_path / "a.JPG"]))
    assert (kind, why) == (
        "classes",
        "a.JPG is a JPEG, which changes values, so that it cannot hold labels of objects",
    )


def test_only_some_of_many_masks_are_looked_at(tmp_path: Path) -> None:
    paths = write(tmp_path, [blocks(1, 2)] * 50)
    assert len(gather(paths).counts) == 24


def test_mostly_single_pieces_are_not_enough() -> None:
    """Of 100 values, 10 in several pieces: neither objects nor classes."""
    seen = Evidence(values=tuple((k, 10) for k in range(1, 11)), counts=(10,) * 10, one_piece=0.9)
    assert judge(seen)[0] == ""
