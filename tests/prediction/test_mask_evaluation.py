"""Evaluation of classes of pixels, by a model that says exactly what an image shows."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from skimage.io import imsave

from stellate import io
from stellate.data.folder import open_folder
from stellate.data.mask_options import MaskOptions
from stellate.errors import ConfigError, DataError, OutputError
from stellate.prediction import evaluation as module
from stellate.prediction.evaluation import evaluate_dataset
from stellate.prediction.loading import load_predictor
from stellate.prediction.options import PredictOptions

STARDIST = Path(__file__).parents[1] / "fixtures" / "stardist" / "trained_grid22"
VALUES = {"ground": 0, "cell": 128, "nucleus": 255}
MASKS = {
    "kind": "classes",
    "values": list(VALUES.values()),
    "names": list(VALUES),
    "ignore": [7],
    "tolerance": 0.0,
}


@pytest.fixture
def predictor(mask_predictor):
    mask_predictor.info.masks.update(MASKS)
    return mask_predictor


def write_pair(folder: Path, name: str, shown, annotated):
    """An image in which the model finds the classes `shown`, and a mask of values."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(folder / "images" / f"{name}.tif", shown.astype(np.float32) + 0.5)
    tifffile.imwrite(folder / "masks" / f"{name}.tif", annotated.astype(np.uint8))


@pytest.fixture
def folder(tmp_path, blobs):
    """One image that is understood, one in part, and one of which half is not annotated."""
    values = np.array(list(VALUES.values()))
    truth = (blobs - 0.5).astype(int)
    wrong = truth.copy()
    wrong[10:18, 10:20] = 1  # a nucleus taken for cell
    wrong[0:5] = 1  # ground, too
    half = values[truth]
    half[:, 40:] = 7
    write_pair(tmp_path / "data", "right", truth, values[truth])
    write_pair(tmp_path / "data", "wrong", wrong, values[truth])
    write_pair(tmp_path / "data", "half", truth[::-1], half)
    return tmp_path / "data"


def by_hand(pairs, k):
    """Pixels of class k: annotated, found, and both, in annotated pixels."""
    true = sum(int((t == k).sum()) for t, _ in pairs)
    found = sum(int(((p == k) & (t >= 0)).sum()) for t, p in pairs)
    both = sum(int(((p == k) & (t == k)).sum()) for t, p in pairs)
    return true, found, both


def test_scores_are_those_of_the_definition(predictor, folder, blobs):
    truth = (blobs - 0.5).astype(int)
    wrong = truth.copy()
    wrong[10:18, 10:20] = wrong[0:5] = 1
    half = truth.copy()
    half[:, 40:] = -1
    pairs = {"half": [(half, truth[::-1])], "right": [(truth, truth)], "wrong": [(truth, wrong)]}
    pairs["all"] = [p for pair in pairs.values() for p in pair]
    metrics = evaluate_dataset(predictor, open_folder(folder)).metrics
    for scores in (*metrics.images, metrics.pooled):
        for k, of in enumerate(scores.classes):
            true, found, both = by_hand(pairs[scores.name], k)
            assert (of.name, of.n_true, of.n_predicted, of.hits) == (list(VALUES)[k], true, found, both)
            assert of.iou == pytest.approx(both / (true + found - both))
            assert of.dice == pytest.approx(2 * both / (true + found))
    expected = [
        [sum(((t == i) & (p == j)).sum() for t, p in pairs["all"]) for j in range(3)] for i in range(3)
    ]
    assert metrics.confusion[:, :3].tolist() == expected
    assert metrics.pooled.pixel_accuracy == pytest.approx(np.trace(expected) / np.sum(expected))


class Tables(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tables, self.images, self.words, self.cell = [], [], "", False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self.cell = True
        elif tag == "img":
            self.images.append(dict(attrs))

    def handle_endtag(self, tag):
        self.cell = self.cell and tag not in ("td", "th")

    def handle_data(self, data):
        self.words += data
        if self.cell:
            self.tables[-1][-1][-1] += data


def test_files_and_page_say_the_same(predictor, folder, tmp_path):
    evaluation = evaluate_dataset(predictor, open_folder(folder))
    paths = evaluation.save(tmp_path / "out")
    assert sorted(p.name for p in paths.values()) == [
        "evaluation.csv",
        "evaluation.html",
        "evaluation.json",
        "evaluation_classes.csv",
        "evaluation_confusion.csv",
        "evaluation_images.csv",
    ]
    metrics = evaluation.metrics
    summary = json.loads(paths["summary"].read_text(encoding="utf-8"))
    assert summary["model"] == "bright"
    assert summary["mean_iou"] == metrics.pooled.mean("iou")
    means = pd.read_csv(paths["means"], index_col="pixels")
    assert means.loc["pooled", "mean_iou"] == pytest.approx(summary["mean_iou"])
    assert means.loc["by image", "mean_iou"] == pytest.approx(summary["mean_iou_by_image"])
    of_classes = pd.read_csv(paths["classes"], index_col="class")
    assert of_classes["iou"].tolist() == pytest.approx([c.iou for c in metrics.pooled.classes])
    assert pd.read_csv(paths["images"])["image"].tolist() == ["half", "right", "wrong"]
    confusion = pd.read_csv(paths["confusion"], index_col=0)
    assert confusion.to_numpy().tolist() == metrics.confusion[:, :3].tolist()
    page = Tables(paths["page"].read_text(encoding="utf-8"))
    classes, counts, images = page.tables
    assert classes[1][3] == f"{metrics.pooled.classes[0].iou:.3f}"
    assert classes[4][3] == f"{summary['mean_iou']:.3f}"
    assert [int(n.replace(",", "")) for n in counts[1][1:]] == metrics.confusion[0, :3].tolist()
    assert [row[0] for row in images[1:]] == ["half", "right", "wrong"]
    assert [i["alt"] for i in page.images[:4]] == [
        f"{w}: wrong" for w in ("Annotated", "Found", "Image", "Errors")
    ]
    assert len(page.images) == 12
    assert evaluation.table()["pixels"].tolist() == ["pooled", "by image"]
    assert len(evaluation.class_table()) == len(evaluation.confusion_table()) == 3


def test_only_the_worst_are_drawn(predictor, folder, monkeypatch):
    monkeypatch.setattr(module, "WORST_SHOWN", 1)
    evaluation = evaluate_dataset(predictor, open_folder(folder))
    rows = evaluation.metrics.image_table()
    assert [name for name, *_ in evaluation.worst] == [min(rows, key=lambda row: row["mean_iou"])["image"]]


def test_a_class_that_only_the_data_has_is_missed_by_its_name(predictor, folder):
    """The folder says itself what its values mean, in an order of its own."""
    (folder / "mask_classes.csv").write_text("value,class\n255,nucleolus\n0,ground\n128,cell\n7,\n")
    evaluation = evaluate_dataset(predictor, open_folder(folder))
    scores = {c.name: c for c in evaluation.metrics.pooled.classes}
    assert list(scores) == ["ground", "cell", "nucleus", "nucleolus"]
    assert (scores["nucleolus"].iou, scores["nucleolus"].n_predicted) == (0, 0)
    assert (scores["nucleus"].n_true, scores["nucleus"].iou) == (0, 0)
    assert scores["ground"].iou > 0.7
    right = next(i for i in evaluation.metrics.images if i.name == "right")
    assert {c.name: c.iou for c in right.classes if c.n_true} == {"nucleolus": 0, "ground": 1, "cell": 1}


def test_what_is_said_of_the_masks_counts_before_what_the_model_knows(predictor, folder):
    said = MaskOptions(mask_values={"0": "ground", "128": "cell", "255": "cell"}, mask_ignore=(7,))
    metrics = evaluate_dataset(predictor, open_folder(folder), masks=said).metrics
    scores = {c.name: c for c in metrics.pooled.classes}
    assert list(scores) == ["ground", "cell", "nucleus"]
    assert scores["nucleus"].n_true == 0
    write_pair(folder, "strange", np.zeros((20, 20)), np.arange(400).reshape(20, 20) % 2 * 99)
    more = MaskOptions(mask_ignore=(99,))
    metrics = evaluate_dataset(predictor, open_folder(folder), masks=more).metrics
    assert [i.n_pixels for i in metrics.images if i.name == "strange"] == [200]


def test_nothing_is_said_of_masks_to_a_model_that_finds_objects(folder):
    of_objects = load_predictor(STARDIST)
    for said in (MaskOptions(masks="classes"), MaskOptions(mask_ignore=(7,))):
        with pytest.raises(
            ConfigError, match=r"mask.* finds objects, and these are annotated by label images"
        ):
            evaluate_dataset(of_objects, open_folder(folder), masks=said)


@pytest.mark.parametrize(("values", "warned"), [(VALUES.values(), True), ((0, 128, 128), False)])
def test_masks_that_look_like_classes_are_warned_of_by_a_model_that_finds_objects(
    tmp_path, blobs, values, warned
):
    """One value beside the ground may be that of a single object."""
    truth = np.array([*values])[(blobs - 0.5).astype(int)]
    for name in "abc":
        write_pair(tmp_path / "data", name, blobs, truth)
    of_objects = load_predictor(STARDIST)
    evaluation = evaluate_dataset(of_objects, open_folder(tmp_path / "data"))
    assert ("look like classes of pixels" in evaluation.warning) == warned
    assert ("--masks instances" in evaluation.warning) == warned
    summary = evaluation.save(tmp_path / "out")["summary"].read_text(encoding="utf-8")
    assert json.loads(summary).get("warning", "") == evaluation.warning
    said = evaluate_dataset(of_objects, open_folder(tmp_path / "data"), masks=MaskOptions("instances"))
    assert said.warning == ""
    assert said.metrics.n_true == evaluation.metrics.n_true


def test_masks_that_are_plainly_classes_are_refused_by_a_model_that_finds_objects(tmp_path, blobs):
    truth = (blobs - 0.5).astype(int)
    write_pair(tmp_path / "named", "a", blobs, truth)
    (tmp_path / "named" / "mask_classes.csv").write_text("value,class\n0,ground\n1,cell\n2,nucleus\n")
    write_pair(tmp_path / "coloured", "a", blobs, truth)
    colours = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)
    (tmp_path / "coloured" / "masks" / "a.tif").unlink()
    imsave(tmp_path / "coloured" / "masks" / "a.png", colours[truth], check_contrast=False)
    of_objects = load_predictor(STARDIST)
    for name, why in (("named", "mask_classes.csv names them"), ("coloured", "a.png is in colour")):
        with pytest.raises(
            DataError, match=rf"classes of pixels \({why}\).*finds objects.*--masks instances"
        ):
            evaluate_dataset(of_objects, open_folder(tmp_path / name))
    said = MaskOptions("instances")
    assert evaluate_dataset(of_objects, open_folder(tmp_path / "named"), masks=said).metrics.n_true == 2


def test_values_of_no_class_and_classes_of_other_names_are_refused(predictor, folder):
    write_pair(folder, "strange", np.zeros((20, 20)), np.full((20, 20), 99))
    with pytest.raises(DataError, match=r"strange.tif: values of no class: 99"):
        evaluate_dataset(predictor, open_folder(folder))
    (folder / "mask_classes.csv").write_text("value,class\n0,sky\n128,tree\n255,road\n7,\n99,car\n")
    with pytest.raises(
        DataError, match="its classes are sky, tree, road, car, those of the model ground, cell"
    ):
        evaluate_dataset(predictor, open_folder(folder))


def test_objects_are_annotated_for_a_model_that_was_trained_on_objects(region_predictor, tmp_path):
    """What is annotated becomes background, foreground and border, as it did for training."""
    labels = np.zeros((40, 60), np.int32)
    labels[10:30, 10:30], labels[10:30, 30:50] = 1, 2
    regions = np.clip(labels, 0, 1)
    regions[10:30, 29:31] = 2
    shown = regions.copy()
    shown[10:20, 29:31] = 1  # half of the border is not seen
    write_pair(tmp_path, "a", shown, labels)
    metrics = evaluate_dataset(region_predictor, open_folder(tmp_path)).metrics
    assert metrics.class_names == ("background", "foreground", "border")
    assert [c.n_true for c in metrics.pooled.classes] == [int((regions == k).sum()) for k in range(3)]
    assert metrics.pooled.classes[2].accuracy == 0.5


def test_volumes_show_the_plane_with_most_errors(volume_mask_predictor, blobs, tmp_path):
    volume_mask_predictor.info.masks.update(MASKS)
    truth = np.stack([(blobs - 0.5).astype(int)] * 5)
    shown = truth.copy()
    shown[3, :30] = 0
    for part, values in (("images", shown + np.float32(0.5)), ("masks", np.array([0, 128, 255])[truth])):
        (tmp_path / part).mkdir()
        values = values.astype(np.float32 if part == "images" else np.uint8)
        tifffile.imwrite(tmp_path / part / "v.tif", values, imagej=True, metadata={"axes": "ZYX"})
    evaluation = evaluate_dataset(volume_mask_predictor, open_folder(tmp_path))
    assert evaluation.metrics.pooled.pixel_accuracy == pytest.approx((truth == shown).mean())
    ((_, annotated, found, image, errors),) = evaluation.worst
    pink = (errors == (255, 80, 200)).all(axis=-1)
    zoom = errors.shape[1] // blobs.shape[1]
    assert pink.sum() == zoom**2 * (truth != shown).sum()
    assert annotated.shape == found.shape == image.shape


def test_class_images_that_were_written_are_right(predictor, folder, tmp_path):
    """A class image is a mask, too."""
    for record in open_folder(folder).records:
        predictor.predict(io.read(record.image_path)).save(tmp_path / "out")
        (tmp_path / "again" / "masks").mkdir(parents=True, exist_ok=True)
        (tmp_path / "again" / "images").mkdir(parents=True, exist_ok=True)
        written = tmp_path / "out" / f"{record.name}_classes.tif"
        (tmp_path / "again" / "masks" / f"{record.name}.tif").write_bytes(written.read_bytes())
        (tmp_path / "again" / "images" / f"{record.name}.tif").write_bytes(record.image_path.read_bytes())
    (tmp_path / "again" / "mask_classes.csv").write_text("value,class\n0,ground\n1,cell\n2,nucleus\n")
    metrics = evaluate_dataset(predictor, open_folder(tmp_path / "again")).metrics
    assert metrics.pooled.mean("iou") == metrics.pooled.pixel_accuracy == 1


def test_pieces_of_classes_are_matched_as_objects_if_asked(predictor, folder):
    """Where classes are annotated, with the pieces of these; nobody knows of pixels that are not annotated."""
    metrics = evaluate_dataset(predictor, open_folder(folder), options=PredictOptions(instances=True)).metrics
    at_half = {i.name: (i.n_true, i.n_predicted, i.at[0].true_positives) for i in metrics.images}
    assert at_half["right"] == (5, 5, 5)
    # a nucleus was not seen, so that its cell has no hole; and ground was found to be a cell, which that one touches
    assert at_half["wrong"] == (5, 4, 3)
    assert at_half["half"][0] == 4
    assert [c.name for c in metrics.classes.classes] == ["cell", "nucleus"]


@pytest.mark.parametrize("rows", [("stroma", "cell", "nucleus"), ("nucleus", "cell", "stroma")])
def test_pieces_do_not_depend_on_the_order_in_which_a_folder_lists_its_classes(
    mask_predictor, tmp_path, blobs, rows
):
    """No class is called ground here, or has the value 0: it is the first one of the model."""
    values = {"stroma": 1, "cell": 128, "nucleus": 255}
    mask_predictor.info = replace(mask_predictor.info, class_names=tuple(values))
    mask_predictor.info.masks.update(MASKS | {"values": [*values.values()], "names": [*values]})
    truth = (blobs - 0.5).astype(int)
    write_pair(tmp_path, "a", truth, np.array([*values.values()])[truth])
    table = "\n".join(f"{values[name]},{name}" for name in rows)
    (tmp_path / "mask_classes.csv").write_text(f"value,class\n{table}\n")
    options = PredictOptions(instances=True)
    metrics = evaluate_dataset(mask_predictor, open_folder(tmp_path), options=options).metrics
    assert [(c.name, c.at[0].true_positives) for c in metrics.classes.classes] == [
        ("cell", 3),
        ("nucleus", 2),
    ]
    assert (metrics.n_true, metrics.n_predicted, metrics.mean_accuracy) == (5, 5, 1)


def test_no_pieces_are_made_of_a_ground_that_the_folder_calls_otherwise(predictor, folder):
    (folder / "mask_classes.csv").write_text("value,class\n255,nucleus\n0,background\n128,cell\n7,\n")
    metrics = evaluate_dataset(predictor, open_folder(folder), options=PredictOptions(instances=True)).metrics
    right = next(i for i in metrics.images if i.name == "right")
    assert (right.n_true, right.n_predicted, right.at[0].true_positives) == (5, 5, 5)


def test_objects_say_nothing_of_classes_unless_pieces_are_compared(predictor, tmp_path, blobs):
    labels = np.zeros(blobs.shape, int)
    labels[5:25, 5:30], labels[35:55, 8:28], labels[20:50, 45:70] = 1, 2, 3
    write_pair(tmp_path, "a", np.minimum(labels, 1), labels)
    said = MaskOptions("instances")
    with pytest.raises(
        ConfigError, match=r"masks instances: bright tells ground, cell, nucleus.*--instances"
    ):
        evaluate_dataset(predictor, open_folder(tmp_path), masks=said)
    options = PredictOptions(instances=True)
    metrics = evaluate_dataset(predictor, open_folder(tmp_path), options=options, masks=said).metrics
    assert (metrics.n_true, metrics.mean_accuracy) == (3, 1)


def test_objects_are_compared_with_classes_that_objects_are_made_into(mask_predictor, tmp_path):
    """Also where the masks that the model was trained on named these classes."""
    names = ("background", "foreground", "border")
    mask_predictor.info = replace(mask_predictor.info, class_names=names)
    mask_predictor.info.masks.update(MASKS | {"names": [*names]})
    labels = np.zeros((40, 60), int)
    labels[10:30, 10:30], labels[10:30, 30:50] = 1, 2
    regions = np.minimum(labels, 1)
    regions[10:30, 29:31] = 2
    write_pair(tmp_path, "a", regions, labels)
    said = MaskOptions("instances")
    assert evaluate_dataset(mask_predictor, open_folder(tmp_path), masks=said).metrics.pooled.mean("iou") == 1


def test_classes_are_not_taken_for_the_objects_that_a_model_was_trained_on(region_predictor, tmp_path, blobs):
    values = np.array([*VALUES.values()])
    truth = (blobs - 0.5).astype(int)
    for name in "ab":
        write_pair(tmp_path, name, np.minimum(truth, 1), values[truth])
    dataset = open_folder(tmp_path)
    for options in (None, PredictOptions(instances=True)):
        with pytest.raises(
            DataError, match=r"learned its classes from objects.*mask_values.*mask_classes.csv"
        ):
            evaluate_dataset(region_predictor, dataset, options=options)
    named = MaskOptions(mask_values={"0": "background", "128": "foreground", "255": "foreground"})
    assert evaluate_dataset(region_predictor, dataset, masks=named).metrics.pooled.pixel_accuracy == 1
    said = MaskOptions("instances")
    assert evaluate_dataset(region_predictor, dataset, masks=said).metrics.pooled.pixel_accuracy < 1


def test_objects_are_matched_with_those_that_are_annotated(region_predictor, tmp_path):
    labels = np.zeros((40, 60), np.int32)
    labels[10:30, 10:30], labels[10:30, 30:50] = 1, 2
    regions = np.clip(labels, 0, 1)
    write_pair(tmp_path, "joined", regions, labels)
    regions[10:30, 29:31] = 2
    write_pair(tmp_path, "apart", regions, labels)
    options = PredictOptions(instances=True)
    evaluation = evaluate_dataset(region_predictor, open_folder(tmp_path), options=options)
    assert [i.mean_accuracy for i in evaluation.metrics.images] == [1, pytest.approx(0.05)]
    assert [name for name, *_ in evaluation.worst] == ["joined", "apart"]
    assert [len(pictures) for _, *pictures in evaluation.worst] == [2, 2]


def test_tables_of_an_earlier_evaluation_do_not_stay(predictor, folder, tmp_path):
    """Of objects of one class there are none of classes."""
    out = tmp_path / "out"
    first = evaluate_dataset(predictor, open_folder(folder)).save(out)
    (out / "evaluation_notes.csv").write_text("mine")
    truth = np.zeros((40, 60), int)
    truth[5:20, 5:20] = 1
    write_pair(tmp_path / "objects", "a", truth, truth)
    of_objects = evaluate_dataset(load_predictor(STARDIST), open_folder(tmp_path / "objects"))
    of_objects.save(out)
    assert not first["classes"].exists()
    assert not first["confusion"].exists()
    assert {p.name for p in out.iterdir()} == {
        "evaluation.csv",
        "evaluation.html",
        "evaluation.json",
        "evaluation_images.csv",
        "evaluation_notes.csv",
    }
    before = (out / "evaluation.csv").read_bytes()
    (out / "evaluation_classes.csv").mkdir()
    with pytest.raises(OutputError, match=r"cannot remove evaluation_classes.csv.*choose another folder"):
        of_objects.save(out)
    assert (out / "evaluation.csv").read_bytes() == before
