from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from stellate.data.folder import open_folder
from stellate.data.mask_options import MaskOptions
from stellate.data.mask_use import MaskUse, as_they_look, as_trained, signs_of_classes, understand
from stellate.errors import ConfigError, DataError, InputError
from stellate.results import Instances, Mask

Writer = Callable[..., Path]


@pytest.fixture
def folder(class_masks: Writer, tmp_path: Path) -> Path:
    """Masks of 0, 128 and 255."""
    grey = np.array([0, 128, 255], dtype=np.uint8)
    return class_masks(tmp_path / "data", count=3, stored=lambda classes, k: grey[classes])


def table(folder: Path, text: str) -> None:
    (folder / "mask_classes.csv").write_text(f"value,class\n{text}\n", encoding="utf-8")


def test_masks_speak_for_themselves(folder: Path) -> None:
    dataset = open_folder(folder)
    use = understand(dataset, MaskOptions())
    assert use.kind == "classes"
    assert use.classes is not None
    assert use.classes.class_names == ("class 0", "class 128", "class 255")
    applied = use.applied(dataset)
    image, mask = applied.pair(0)
    assert isinstance(mask, Mask)
    stored = tifffile.imread(folder / "masks" / "0.tif")
    np.testing.assert_array_equal(np.array([0, 128, 255])[mask.classes], stored)
    assert image.shape == mask.classes.shape
    assert MaskUse.from_dict(use.to_dict()).classes == use.classes


def test_the_table_in_the_folder_names_classes(folder: Path) -> None:
    table(folder, "255,nucleus\n128,cytoplasm\n0,")
    use = understand(open_folder(folder), MaskOptions())
    assert use.why == "mask_classes.csv names them"
    assert use.classes is not None
    assert use.classes.class_names == ("nucleus", "cytoplasm")
    assert use.classes.ignore == (0,)


def test_the_ground_is_named_and_goes_first(folder: Path) -> None:
    table(folder, "255,nucleus\n128,cytoplasm\n0,background")
    dataset = open_folder(folder)
    use = understand(dataset, MaskOptions())
    assert use.why == "mask_classes.csv names them; the ground is background"
    assert use.classes is not None
    assert use.classes.class_names == ("background", "nucleus", "cytoplasm")
    assert as_trained(dataset, use.to_dict()).class_names == ("background", "nucleus", "cytoplasm")


def test_what_the_user_says_wins(folder: Path) -> None:
    table(folder, "255,nucleus\n128,cytoplasm\n0,ground")
    said = MaskOptions(mask_values={"0": "ground", "128": "cell", "255": "cell"})
    use = understand(open_folder(folder), said)
    assert use.classes is not None
    assert use.classes.class_names == ("ground", "cell")
    assert understand(open_folder(folder), MaskOptions("instances")).kind == "instances"
    assert isinstance(open_folder(folder).annotation(0), Instances)


def test_open_masks_are_refused_with_the_remedy(class_masks: Writer, tmp_path: Path) -> None:
    def two(classes: np.ndarray, index: int) -> np.ndarray:
        stored = np.zeros_like(classes)
        stored[5:20, 5:20], stored[30:50, 30:50] = 1, 2
        return stored

    dataset = open_folder(class_masks(tmp_path / "data", count=3, stored=two))
    with pytest.raises(DataError, match="--masks classes or --masks instances"):
        understand(dataset, MaskOptions())
    assert as_they_look(dataset, MaskOptions()) == ""
    assert understand(dataset, MaskOptions("classes")).kind == "classes"


def test_tables_of_objects_speak_for_objects(folder: Path) -> None:
    (folder / "masks" / "0.csv").write_text("label,class\n128,a\n", encoding="utf-8")
    use = understand(open_folder(folder), MaskOptions())
    assert (use.kind, use.classes) == ("instances", None)


def test_stray_values_are_listed(folder: Path) -> None:
    mask = tifffile.imread(folder / "masks" / "1.tif")
    mask[3, 3:7] = 77
    tifffile.imwrite(folder / "masks" / "1.tif", mask)
    values = {"0": "ground", "128": "cytoplasm", "255": "nucleus"}
    with pytest.raises(DataError, match=r"values of no class: 77 \(4 px, 1.tif\).*larger tolerance"):
        understand(open_folder(folder), MaskOptions(mask_values=values))
    use = understand(open_folder(folder), MaskOptions(mask_values=values, mask_tolerance=60))
    assert use.applied(open_folder(folder)).annotation(1).classes[3, 4] in (0, 1)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"masks": "labels"}, "masks 'labels': expected one of auto, classes, instances"),
        ({"mask_values": {"red": "a"}}, "'red' is no value of a mask"),
        ({"mask_values": {"1": "a", "01": "b"}}, "01 is named twice"),
        ({"mask_ignore": "-1"}, "'-1' is no value of a mask"),
        ({"mask_tolerance": -1}, "mask_tolerance -1: expected a distance from 0"),
        ({"masks": "instances", "mask_ignore": 255}, "mask_ignore is for masks of classes"),
    ],
)
def test_slips(said: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        MaskOptions(**said)


def test_a_value_to_ignore_that_is_a_class_is_refused(folder: Path) -> None:
    said = MaskOptions(mask_values={"0": "ground", "128": "a", "255": "b"}, mask_ignore=(255,))
    with pytest.raises(ConfigError, match="255 is to be ignored, and the value of the class b"):
        understand(open_folder(folder), said)


def test_one_class_is_refused(folder: Path) -> None:
    said = MaskOptions(mask_values={"0": "a", "128": "a", "255": "a"})
    with pytest.raises(DataError, match="all annotated pixels are a"):
        understand(open_folder(folder), said)


def test_as_trained(folder: Path) -> None:
    """Values mean what they meant to the model, unless the folder or the user says otherwise."""
    dataset = open_folder(folder)
    trained = MaskUse("classes", classes=understand(dataset, MaskOptions()).classes).to_dict()
    assert as_trained(dataset, trained).annotation(0).class_names == ("class 0", "class 128", "class 255")
    ignoring = as_trained(dataset, trained, MaskOptions(mask_ignore=(7,)))
    assert ignoring.mask_classes is not None
    assert ignoring.mask_classes.ignore == (7,)
    table(folder, "0,class 255\n128,class 0\n255,other")
    assert as_trained(dataset, trained).annotation(0).class_names == ("class 255", "class 0", "other")
    assert isinstance(
        as_trained(dataset, {"kind": "instances"}, MaskOptions("instances")).annotation(0), Instances
    )


def test_new_values_in_evaluation_are_named(folder: Path) -> None:
    dataset = open_folder(folder)
    trained = understand(dataset, MaskOptions()).to_dict()
    mask = tifffile.imread(folder / "masks" / "2.tif")
    mask[:2] = 200
    tifffile.imwrite(folder / "masks" / "2.tif", mask)
    with pytest.raises(DataError, match=r"values of no class: 200 \(128 px\)"):
        as_trained(dataset, trained).annotation(2)


def test_classes_for_a_model_of_objects_need_names(folder: Path) -> None:
    with pytest.raises(ConfigError, match="learned its classes from objects"):
        as_trained(open_folder(folder), {"kind": "instances"}, MaskOptions("classes"))


def test_masks_that_look_like_classes_are_not_taken_for_objects(folder: Path) -> None:
    dataset = open_folder(folder)
    with pytest.raises(DataError, match=r"values 128, 255 are far apart.*mask_values.*--masks instances"):
        as_trained(dataset, {"kind": "instances"})
    assert isinstance(
        as_trained(dataset, {"kind": "instances"}, MaskOptions("instances")).annotation(0), Instances
    )
    (folder / "masks" / "0.csv").write_text("label,class\n128,a\n", encoding="utf-8")
    assert isinstance(as_trained(open_folder(folder), {"kind": "instances"}).annotation(0), Instances)


def test_a_foreground_may_be_one_of_objects(class_masks: Writer, tmp_path: Path) -> None:
    """One value beside 0, in several pieces: nobody has to say what it is."""
    dataset = open_folder(class_masks(tmp_path / "data", count=3, stored=lambda c, k: np.minimum(c, 1) * 255))
    assert signs_of_classes(dataset) == ("", "")
    assert isinstance(as_trained(dataset, {"kind": "instances"}).annotation(0), Instances)


def test_signs_of_classes(folder: Path, class_masks: Writer, tmp_path: Path) -> None:
    recurring = signs_of_classes(open_folder(folder))
    assert (recurring.plain, recurring.likely[:19]) == ("", "the values 128, 255")
    table(folder, "0,ground\n128,cell\n255,nucleus")
    assert signs_of_classes(open_folder(folder)) == ("mask_classes.csv names them", "")
    colours = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], dtype=np.uint8)
    coloured = class_masks(tmp_path / "colours", count=2, stored=lambda c, k: colours[c], suffix=".png")
    assert signs_of_classes(open_folder(coloured)) == ("0.png is in colour", "")


def test_a_table_that_cannot_be_read_is_named(folder: Path) -> None:
    """Unless the masks are said to hold objects, of which it says nothing."""
    (folder / "mask_classes.csv").write_text("colour,meaning\n0,ground\n", encoding="utf-8")
    dataset = open_folder(folder)
    trained = {"kind": "instances"}
    for look in (
        lambda said: as_they_look(dataset, said),
        lambda said: understand(dataset, said).kind,
        lambda said: as_trained(dataset, trained, said) and "instances",
    ):
        with pytest.raises(InputError, match=r"mask_classes.csv: line 1: expected a header with the columns"):
            look(MaskOptions())
        assert look(MaskOptions("instances")) == "instances"


def test_masks_of_another_kind_are_refused() -> None:
    with pytest.raises(ConfigError, match="masks of kind 'boxes'"):
        MaskUse.from_dict({"kind": "boxes"})
