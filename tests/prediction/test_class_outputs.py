"""What is predicted, drawn and written for classes of pixels."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from PIL import Image as PillowImage

from stellate import io
from stellate.axes import Image
from stellate.errors import ConfigError, InputError, OutputError
from stellate.io.class_colours import class_colour
from stellate.models import build
from stellate.models.file import ModelInfo
from stellate.prediction import outputs, shelf
from stellate.prediction.files import predict_files
from stellate.prediction.naming import find_images
from stellate.prediction.options import PredictOptions
from stellate.prediction.outputs import read_run
from stellate.prediction.predictor import Predictor

SPACING = {"Y": 0.5, "X": 0.5}
OF_CLASSES = {"a_classes.tif", "a_areas.csv", "a_overlay.png", "a_run.json"}
OF_OBJECTS = {"a_labels.tif", "a_objects.csv", "a_rois.zip", "a_objects.geojson"}


@pytest.fixture
def image(blobs):
    return Image(blobs, "YX", SPACING, name="a")


def names_in(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()}


def test_classes_areas_and_nothing_that_was_not_asked_for(mask_predictor, image, blobs, tmp_path):
    found = mask_predictor.predict(image, rescale="off")
    np.testing.assert_array_equal(found.classes, blobs - 0.5)
    assert found.class_names == ("ground", "cell", "nucleus")
    assert repr(found) == "<Prediction of a: 3 classes in 60 x 75 (YX)>"
    table = found.table()
    assert table["area_px"].tolist() == [int((blobs == k + 0.5).sum()) for k in range(3)]
    assert table["area_um2"].tolist() == (table["area_px"] / 4).tolist()
    paths = found.save(tmp_path)
    assert names_in(tmp_path) == OF_CLASSES
    np.testing.assert_array_equal(tifffile.imread(paths["classes"]), found.classes)
    assert pd.read_csv(paths["areas"])["class"].tolist() == ["ground", "cell", "nucleus"]
    np.testing.assert_array_equal(np.asarray(PillowImage.open(paths["overlay"])), found.overlay())
    run = read_run(tmp_path, "a")
    assert run["objects"] is None
    assert run["shares"] == pytest.approx(dict(zip(table["class"], table["share"], strict=True)))
    for missing in ("labels", "probabilities"):
        with pytest.raises(InputError, match=r"predict it with (instances|probabilities)=True"):
            getattr(found, missing)


def test_probabilities_are_those_of_the_network_and_add_up_to_one(mask_predictor, image, blobs, tmp_path):
    found = mask_predictor.predict(image, probabilities=True)
    logits = -4 * np.abs(blobs - np.array([0.5, 1.5, 2.5]).reshape(3, 1, 1))
    expected = np.exp(logits) / np.exp(logits).sum(axis=0)
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-6)
    paths = found.save(tmp_path)
    assert names_in(tmp_path) == OF_CLASSES | {"a_probabilities.tif"}
    np.testing.assert_array_equal(tifffile.imread(paths["probabilities"]), found.probabilities)


def test_pieces_of_classes_have_all_that_objects_have(mask_predictor, image, tmp_path):
    found = mask_predictor.predict(image, instances=True, probabilities=True)
    paths = found.save(tmp_path)
    assert names_in(tmp_path) == OF_CLASSES | OF_OBJECTS | {"a_probabilities.tif"}
    assert len(found) == 5
    table = pd.read_csv(paths["objects"])
    assert table["class"].tolist() == ["cell"] * 3 + ["nucleus"] * 2
    assert table["area_px"].tolist() == [20 * 25 - 80, 30 * 25, 20 * 20 - 80, 80, 80]
    assert table["probability"].between(0.9, 1).all()
    np.testing.assert_array_equal(tifffile.imread(paths["labels"]), found.labels)
    assert [o.class_name for o in io.read_geojson(paths["geojson"])] == table["class"].tolist()
    assert len(io.read_rois(paths["rois"])) == 5
    assert found.table().equals(found.area_table())  # classes are what the model is for
    assert read_run(tmp_path, "a")["objects"] == 5


def test_a_model_trained_on_objects_gives_them_back(region_predictor, tmp_path):
    """Two cells that touch along a border, which belongs to neither class of pixels but to both cells."""
    regions = np.zeros((40, 60), np.float32)
    regions[10:30, 10:50] = 1
    regions[10:30, 29:31] = 2
    found = region_predictor.predict(regions + 0.5, instances=True)
    expected = np.zeros((40, 60), np.int32)
    expected[10:30, 10:30], expected[10:30, 30:50] = 1, 2
    np.testing.assert_array_equal(found.labels, expected)
    assert "class" not in found.object_table()


def test_frames_are_in_one_file_each_with_a_picture_of_its_own(mask_predictor, blobs, tmp_path):
    film = Image(np.stack([blobs, blobs[:, ::-1], blobs * 0 + 0.5]), "TYX", SPACING, name="a")
    found = mask_predictor.predict(film, instances=True, probabilities=True)
    assert found.classes.shape == (3, 60, 75)
    assert found.probabilities.shape == (3, 3, 60, 75)
    paths = found.save(tmp_path)
    areas = pd.read_csv(paths["areas"])
    assert areas.groupby("T")["share"].sum().tolist() == pytest.approx([1, 1, 1])
    assert areas[areas["T"] == 2]["area_px"].tolist() == [60 * 75, 0, 0]
    assert set(pd.read_csv(paths["objects"])["T"]) == {0, 1}
    np.testing.assert_array_equal(tifffile.imread(paths["classes"]), found.classes)
    np.testing.assert_array_equal(io.read(paths["probabilities"]).to_axes("TCYX"), found.probabilities)
    assert {"a_T000_overlay.png", "a_T002_overlay.png", "a_T001_rois.zip"} <= names_in(tmp_path)
    assert "a_T000_classes.tif" not in names_in(tmp_path)
    assert read_run(tmp_path, "a")["shares"]["ground"] == pytest.approx(found.table()["share"][::3].mean())


def test_volumes_have_planes_and_voxels(volume_mask_predictor, blobs, tmp_path):
    volume = np.stack([blobs * 0 + 0.5, blobs, blobs, blobs * 0 + 0.5])
    image = Image(volume, "ZYX", {"Z": 2.0, **SPACING}, name="a")
    found = volume_mask_predictor.predict(image, instances=True, probabilities=True)
    np.testing.assert_array_equal(found.classes, volume - 0.5)
    paths = found.save(tmp_path)
    areas = pd.read_csv(paths["areas"])
    assert areas["volume_px"].tolist() == [int((volume == k + 0.5).sum()) for k in range(3)]
    assert areas["volume_um3"].tolist() == (areas["volume_px"] / 2).tolist()
    assert len(pd.read_csv(paths["objects"])) == 5
    assert names_in(tmp_path) == OF_CLASSES | OF_OBJECTS | {
        "a_planes.png",
        "a_probabilities.tif",
    }  # no meshes
    np.testing.assert_array_equal(io.read(paths["classes"]).array, found.classes)
    np.testing.assert_array_equal(io.read(paths["probabilities"]).to_axes("CZYX"), found.probabilities)
    for picture in (found.overlay(), found.planes()):
        for k in range(2):
            assert (picture == class_colour(k)).all(axis=-1).sum() > 100


def test_a_volume_of_unknown_voxel_size_says_so(volume_mask_predictor, blobs, tmp_path):
    volume_mask_predictor.predict(np.stack([blobs] * 4)).save(tmp_path, "a")
    assert any("size of a voxel" in note for note in read_run(tmp_path, "a")["notes"])


def test_the_overlay_tints_classes_and_names_them_below(mask_predictor, image, blobs):
    picture = mask_predictor.predict(image).overlay()
    zoom = 800 // 75
    height, width = 60 * zoom, 75 * zoom
    assert picture.shape[1] == width
    assert 0 < picture.shape[0] - height < 60
    large = (blobs - 0.5).astype(int).repeat(zoom, axis=0).repeat(zoom, axis=1)
    for k, colour in enumerate((class_colour(0), class_colour(1)), start=1):
        inside = picture[:height][large == k].astype(int)
        assert (np.abs(inside - colour).sum(axis=-1) < 450).all()
        assert (inside == colour).all(axis=-1).any()  # the outline
        assert (picture[height:] == colour).all(axis=-1).sum() > 50  # the legend
    ground = picture[:height][large == 0]
    assert not np.ptp(ground, axis=-1).any()


@pytest.fixture
def scans(blobs, tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    for name, turned in (("a", blobs), ("b", blobs[::-1])):
        tifffile.imwrite(folder / f"{name}.tif", turned)
    return [folder / "a.tif", folder / "b.tif"]


def test_what_was_done_is_skipped_until_other_outputs_are_asked_for(mask_predictor, scans, tmp_path):
    out = tmp_path / "out"

    def statuses(**options):
        outcomes = predict_files(mask_predictor, scans, out, options=PredictOptions(**options))
        assert {p for o in outcomes for p in o.outputs} | {out / "a_run.json", out / "b_run.json"} == set(
            out.iterdir()
        )
        return [(o.status, o.n_objects, round(o.shares["ground"], 3)) for o in outcomes]

    share = round(float(mask_predictor.predict(tifffile.imread(scans[0])).table()["share"][0]), 3)
    assert statuses() == [("done", None, share)] * 2
    assert statuses() == [("skipped", None, share)] * 2
    assert statuses(instances=True, probabilities=True) == [("done", 5, share)] * 2
    assert {"a_labels.tif", "a_probabilities.tif"} <= names_in(out)
    assert statuses(instances=True, probabilities=True) == [("skipped", 5, share)] * 2
    assert statuses() == [("done", None, share)] * 2  # and what is no longer asked for is taken away
    assert not {"a_labels.tif", "a_probabilities.tif", "a_rois.zip"} & names_in(out)
    (out / "b_classes.tif").unlink()
    assert [s for s, *_ in statuses()] == ["skipped", "done"]


def test_what_is_written_beside_images_is_not_taken_for_images(mask_predictor, scans):
    options = PredictOptions(probabilities=True, instances=True)
    predict_files(mask_predictor, scans, scans[0].parent, options=options)
    assert (scans[0].parent / "a_probabilities.tif").is_file()
    assert find_images(scans[0].parent) == scans


@pytest.mark.parametrize("failing", ["write_classes", "write_probabilities", "write_table", "write_picture"])
def test_a_full_disk_leaves_nothing_behind(mask_predictor, image, tmp_path, monkeypatch, failing):
    def full(path, *_, **__):
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    found = mask_predictor.predict(image, probabilities=True)
    monkeypatch.setattr(outputs.io, failing, full)
    with pytest.raises(OutputError, match="No space left"):
        found.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_options_that_do_not_fit_the_model_are_refused_before_any_image_is_read(
    mask_predictor, predictor, tmp_path
):
    missing = [tmp_path / "missing.tif"]
    for model, options, message in (
        (mask_predictor, {"prob_threshold": 0.5}, "bright, a model for segmentation, has no prob_threshold"),
        (mask_predictor, {"nms_threshold": 0.5}, "has no nms_threshold"),
        (predictor, {"probabilities": True}, "a model for instances, has no probabilities"),
        (
            predictor,
            {"instances": True},
            "gives no classes of pixels to make objects of; leave out instances",
        ),
    ):
        with pytest.raises(ConfigError, match=message):
            predict_files(model, missing, tmp_path / "out", options=PredictOptions(**options))
        with pytest.raises(ConfigError, match=message):
            model.predict(np.zeros((20, 20), np.uint8), **options)
    assert not (tmp_path / "out").exists()


def test_results_of_objects_have_no_classes_of_pixels(predictor, cells):
    found = predictor.predict(cells)
    with pytest.raises(InputError, match="gives no classes of pixels but Instances"):
        _ = found.classes


def test_mirror_images_are_averaged():
    """Away from the border, where mirror images are continued otherwise; in tiles as well."""
    torch.manual_seed(0)
    network = build("fully-convolutional", {"n_classes": 3})
    info = ModelInfo(
        "net", "fully-convolutional", "segmentation", {"n_classes": 3}, class_names=("a", "b", "c")
    )
    predictor = Predictor(network, info)
    image = np.random.default_rng(0).random((60, 75)).astype(np.float32)

    def scores(*axes):
        mirrored = np.flip(image, axes)
        values = predictor.normalization.apply(mirrored[None], predictor.normalization.limits(mirrored[None]))
        with torch.inference_mode():
            out = network(torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))[None])["classes"][
                0
            ]
        return np.flip(out.numpy(), [a + 1 for a in axes])

    mean = (scores() + scores(0) + scores(1) + scores(0, 1)) / 4
    expected = torch.from_numpy(mean).softmax(0).numpy()
    inside = (slice(None), slice(20, 40), slice(20, 55))
    for tile in (None, 40):
        averaged = predictor.predict(image, probabilities=True, flips=True, tile=tile)
        np.testing.assert_allclose(averaged.probabilities[inside], expected[inside], atol=1e-5)
    assert averaged.notes[-1].endswith("tiles")
    plain = predictor.predict(image, probabilities=True)
    assert np.abs(plain.probabilities - averaged.probabilities).max() > 1e-3


def test_maps_of_long_films_wait_in_files(mask_predictor, blobs, monkeypatch):
    film = Image(np.stack([blobs, blobs[::-1]]), "TYX")
    expected = mask_predictor.predict(film, probabilities=True)
    monkeypatch.setattr(shelf, "MOST_IN_MEMORY", 2 * blobs.size * 4)
    stored = mask_predictor.predict(film, probabilities=True)
    assert [isinstance(m.probabilities.base, np.memmap) for m in stored.masks] == [True, True]
    assert [isinstance(m.classes.base, np.memmap) for m in stored.masks] == [False, False]
    np.testing.assert_array_equal(stored.probabilities, expected.probabilities)
    np.testing.assert_array_equal(stored.classes, expected.classes)
