"""Which classes masks have, and which masks are refused."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image as PillowImage
from scipy import ndimage

from stellate.data.mask_learning import MOST_CLASSES, learn_mask_classes
from stellate.errors import ConfigError, DataError

RED, BLUE, BLACK, WHITE = (255, 0, 0), (0, 0, 255), (0, 0, 0), (255, 255, 255)


@pytest.fixture
def save(tmp_path):
    """Write masks as PNG (or as TIFF where PNG cannot), numbered."""
    made: list[Path] = []

    def save_(*masks: np.ndarray) -> list[Path]:
        for mask in masks:
            array = np.asarray(mask)
            path = tmp_path / f"{len(made)}.tif"
            if array.dtype == np.uint8:
                path = path.with_suffix(".png")
                PillowImage.fromarray(array).save(path)
            else:
                tifffile.imwrite(path, array)
            made.append(path)
        return made

    return save_


def painted(ids: np.ndarray, *colours: tuple[int, int, int]) -> np.ndarray:
    return np.array(colours, np.uint8)[ids]


def blobs(seed: int, n: int = 3, side: int = 64) -> np.ndarray:
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(side, side)), 5)
    return np.digitize(smooth, np.quantile(smooth, np.linspace(0, 1, n + 1)[1:-1]))


def jpeg(mask: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    PillowImage.fromarray(mask).save(buffer, "JPEG", quality=90)
    return np.array(PillowImage.open(buffer))


def test_numbers_of_all_masks_in_ascending_order(save):
    classes = learn_mask_classes(save(np.array([[0, 255]], np.uint8), np.array([[0, 128]], np.uint8)))
    assert classes.values == (0, 128, 255)
    assert classes.class_names == ("class 0", "class 128", "class 255")
    classes = learn_mask_classes(save(np.array([[70_000, 3, -1]], np.int32)))
    assert classes.values == (0, 3, 128, 255, 70_000)


def test_colours(save):
    paths = save(painted(blobs(0), BLACK, RED, BLUE), painted(blobs(1), BLACK, RED, WHITE))
    classes = learn_mask_classes(paths, ignore=[WHITE])
    assert classes.values == (BLACK, BLUE, RED)
    assert classes.class_names == ("class #000000", "class #0000ff", "class #ff0000")
    assert (classes.read(paths[1]).classes == np.array([0, 2, -1])[blobs(1)]).all()


def test_named_values_keep_their_order_also_those_that_do_not_occur(save):
    paths = save(np.array([[1, 255, 7]], np.uint8))
    classes = learn_mask_classes(paths, names={255: "cell", 1: "gap", 9: "dirt"}, ignore=[7])
    assert classes.class_names == ("cell", "gap", "dirt")
    assert classes.read(paths[0]).classes.tolist() == [[1, 0, -1]]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({255: "cell", 9: "dirt", 0: "Background"}, ("Background", "cell", "dirt")),
        ({0: "cell", 9: "dirt", 255: "back ground"}, ("back ground", "cell", "dirt")),
        ({255: "cell", 9: "dirt", 0: "medium"}, ("medium", "cell", "dirt")),
        ({255: "ground", 9: "cell", 0: "background"}, ("background", "ground", "cell")),
        ({255: "cell", 9: "ground", 0: "ground"}, ("ground", "cell")),
    ],
)
def test_the_ground_goes_first_whatever_the_order_of_names(save, names, expected):
    """Objects are made of the other classes, and pictures leave the ground as it is."""
    paths = save(np.array([[0, 255, 9]], np.uint8))
    classes = learn_mask_classes(paths, names=names)
    assert classes.class_names == expected
    assert classes.ground == expected[0]
    found = [expected[k] for k in classes.read(paths[0]).classes[0]]
    assert found == [names[0], names[255], names[9]]


def test_black_is_the_ground(save):
    paths = save(painted(blobs(0), RED, BLACK, BLUE))
    classes = learn_mask_classes(paths, names={RED: "a", BLUE: "b", BLACK: "rest"})
    assert classes.class_names == ("rest", "a", "b")
    assert (classes.read(paths[0]).classes == np.array([1, 0, 2])[blobs(0)]).all()


def test_grey_files_among_colours_are_colours(save, tmp_path):
    """Programs that shrink PNGs store a mask of few colours as grey or with a palette."""
    paths = save(np.array([[0, 255]], np.uint8), painted(np.array([[0, 1]]), RED, BLACK))
    picture = PillowImage.fromarray(np.array([[0, 1]], np.uint8), "P")
    picture.putpalette([*RED, *BLUE])
    picture.save(tmp_path / "palette.png")
    classes = learn_mask_classes([*paths, tmp_path / "palette.png"])
    assert classes.values == (BLACK, BLUE, RED, WHITE)
    assert classes.read(paths[0]).classes.tolist() == [[0, 3]]
    assert classes.read(tmp_path / "palette.png").classes.tolist() == [[2, 1]]


def test_palettes_are_indices_and_must_not_contradict_each_other(tmp_path):
    paths = []
    for k, colours in enumerate([(BLACK, RED), (BLACK, BLUE)]):
        picture = PillowImage.fromarray(np.array([[0, 1]], np.uint8), "P")
        picture.putpalette([v for c in colours for v in c])
        paths.append(tmp_path / f"{k}.png")
        picture.save(paths[-1])
    assert learn_mask_classes(paths[:1]).values == (0, 1)
    with pytest.raises(
        DataError, match=r"1\.png: 1 is #0000ff in its palette, and #ff0000 in that of 0\.png"
    ):
        learn_mask_classes(paths)
    assert learn_mask_classes(paths, names={0: "a", 1: "b"}).class_names == ("a", "b")
    by_colour = learn_mask_classes(paths, names={BLACK: "a", RED: "b", BLUE: "c"})
    assert by_colour.read(paths[1]).classes.tolist() == [[0, 2]]


@pytest.mark.parametrize("in_colour", [False, True])
def test_jpeg_noise_is_refused_and_listed_and_a_tolerance_mends_it(save, in_colour):
    clean = [painted(blobs(s), BLACK, RED, BLUE) if in_colour else np.array([0, 128, 255], np.uint8)[blobs(s)]
             for s in range(3)]  # fmt: skip
    paths = save(*map(jpeg, clean))
    with pytest.raises(DataError) as caught:
        learn_mask_classes(paths)
    listed = [int(n.replace(",", "")) for n in re.findall(r"\(([\d,]+) px", str(caught.value))]
    assert len(listed) == 8
    assert listed == sorted(listed, reverse=True)
    assert re.search(r"masks saved as JPEG.* as PNG or TIFF.* \(--mask-tolerance\)", str(caught.value))
    known = {BLACK: "a", RED: "b", BLUE: "c"} if in_colour else {0: "a", 128: "b", 255: "c"}
    with pytest.raises(DataError, match="of no class"):
        learn_mask_classes(paths, names=known)
    classes = learn_mask_classes(paths, names=known, tolerance=250)
    for k, path in enumerate(paths):
        # beside the edges, where JPEG blends, all is as it was
        inner = ndimage.maximum_filter(blobs(k), 3) == ndimage.minimum_filter(blobs(k), 3)
        assert (classes.read(path).classes == blobs(k))[inner].all()


def test_few_stray_colours_are_refused(save):
    mask = painted(blobs(0), BLACK, RED, BLUE)
    mask[0, 0] = 250, 3, 0
    message = r"noise next to frequent ones: #fa0300 \(1 px\); masks saved as JPEG"
    with pytest.raises(DataError, match=message):
        learn_mask_classes(save(mask))
    assert learn_mask_classes(save(), tolerance=10).values == (BLACK, BLUE, RED)
    mask[5, 5] = 0, 255, 0
    with pytest.raises(
        DataError, match=r"colours of no class: #00ff00 \(1 px, 1\.png\)\. Classes are #000000"
    ):
        learn_mask_classes(save(mask), tolerance=10)


def test_rare_classes_with_near_numbers_are_classes(save):
    ids = np.zeros((100, 100), np.uint8)
    ids[50:] = 2
    ids[0, 0], ids[0, 1], ids[0, 2:5] = 3, 5, 255
    assert learn_mask_classes(save(ids)).values == (0, 2, 3, 5, 255)


def test_more_values_than_classes_are_refused(save):
    many = np.arange(MOST_CLASSES + 1, dtype=np.uint8)[None]
    with pytest.raises(
        DataError, match=f"{MOST_CLASSES + 1} different values, where at most {MOST_CLASSES} are taken"
    ):
        learn_mask_classes(save(many))
    assert len(learn_mask_classes(save(), names={k: f"c{k}" for k in range(65)}).values) == 65
    assert len(learn_mask_classes(save()[:0] + save(many[:, 1:]), ignore=[7]).values) == MOST_CLASSES


@pytest.mark.parametrize(
    ("mask", "options", "message"),
    [
        ([[4, 4]], {}, "all annotated pixels are class 4; to tell classes apart"),
        ([[4, 255]], {"ignore": [255]}, "all annotated pixels are class 4"),
        ([[4, 4]], {"names": {4: "cell", 0: "ground"}}, "all annotated pixels are cell"),
        ([[255, 255]], {"ignore": [255]}, "no pixel is annotated: all have values that are to be ignored"),
        ([[255, 255]], {"ignore": [255], "names": {0: "a", 1: "b"}}, "no pixel is annotated; to tell"),
        ([[0, 1, 2]], {"names": {0: "a", 1: "b"}}, r"values of no class: 2 \(1 px\)"),
    ],
)
def test_masks_that_cannot_be_learned_from_are_refused(save, mask, options, message):
    with pytest.raises(DataError, match=message):
        learn_mask_classes(save(np.array(mask, np.uint8)), **options)


def test_settings_that_contradict_each_other_or_the_masks_are_refused(save):
    paths = save(painted(np.array([[0, 1]]), RED, BLACK))
    with pytest.raises(ConfigError, match="the masks are in colour, and 255 is a number; write colours"):
        learn_mask_classes(paths, ignore=[255])
    with pytest.raises(ConfigError, match="#ff0000 is to be ignored, and the value of the class a"):
        learn_mask_classes(paths, names={RED: "a", BLACK: "b"}, ignore=[RED])
    with pytest.raises(DataError, match="no masks to learn classes from"):
        learn_mask_classes([])


def test_progress_counts_masks(save):
    done: list[int] = []
    learn_mask_classes(save(*[np.array([[0, 1]], np.uint8)] * 3), progress=done.append)
    assert done == [1, 2, 3]


@pytest.mark.parametrize(
    ("folder", "values"),
    [("wbc_zheng2018", (0, 128, 255)), ("isbi2012_membranes", (0, 255))],
)
def test_real_masks(shared_data, folder, values):
    masks = sorted((shared_data / folder / "masks").iterdir())
    assert learn_mask_classes(masks).values == values


def test_real_masks_with_noise_are_refused_unless_near_values_are_allowed(shared_data):
    masks = sorted((shared_data / "bccd" / "wbc_masks").iterdir())[:12]
    with pytest.raises(DataError, match="256 different values"):
        learn_mask_classes(masks)
    names = {0: "background", 155: "cytoplasm", 255: "nucleus"}
    assert learn_mask_classes(masks, names=names, tolerance=78).class_names == tuple(names.values())
