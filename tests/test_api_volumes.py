"""The verbs on files of volumes, with a model that StarDist trained and what StarDist finds with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
import torch
from skimage.io import imread

from stellate import api, io
from stellate.cli.main import main
from stellate.cli.predict import show_outcomes
from stellate.data.normalization import Normalization
from stellate.reports.planes import three_planes
from stellate.results import Instances

FOLDER = Path(__file__).parent / "fixtures" / "stardist_3d" / "trained_unet_grid122"
SPACING = {"Z": 0.5, "Y": 0.25, "X": 0.25}
EVERY_FILE = {
    *("labels.tif", "objects.csv", "overlay.png", "planes.png", "rois.zip", "objects.geojson", "run.json"),
    *("meshes.glb", "meshes.ply", "meshes.obj"),
}


class AsTrained(Normalization):
    """The model's own scaling, ``image / 64 - 1``."""

    def limits(self, array):
        return np.repeat([[64.0, 128.0]], array.shape[0], axis=0)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def expected():
    """What StarDist finds in its volume, and the volume."""
    return np.load(FOLDER / "expected.npz")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The converted model."""
    path = api.convert(FOLDER, tmp_path_factory.mktemp("model") / "stardist3d.safetensors")
    predictor = api.load(path)
    predictor.normalization = AsTrained()
    return predictor


def write(path, array, axes):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(
        path, array, imagej=True, resolution=(4.0, 4.0), metadata={"axes": axes, "unit": "um", "spacing": 0.5}
    )
    return path


def names(folder):
    return {p.name for p in folder.iterdir()}


def test_a_volume_and_all_that_it_leaves(model, expected, tmp_path, capsys):
    image = write(tmp_path / "cells.tif", expected["image"], "ZYX")
    out = tmp_path / "out"
    (outcome,) = api.predict(image, model, out)
    assert (outcome.status, outcome.n_objects, outcome.message) == ("done", 3, "")
    assert names(out) == {f"cells_{ending}" for ending in EVERY_FILE}
    labels = io.read(out / "cells_labels.tif")
    np.testing.assert_array_equal(labels.array, expected["labels"])
    assert (labels.axes, dict(labels.spacing_um)) == ("ZYX", pytest.approx(SPACING))
    table = pd.read_csv(out / "cells_objects.csv")
    voxels = np.bincount(expected["labels"].ravel())[1:]
    np.testing.assert_allclose(table["volume_um3"], voxels * 0.5 * 0.25 * 0.25)
    np.testing.assert_array_equal(
        imread(out / "cells_planes.png"), three_planes(io.read(image), Instances(expected["labels"]))
    )
    assert (out / "cells_meshes.obj").read_text().count("\nv ") == 3 * len(expected["vertices"])
    assert show_outcomes([outcome], out) == 0
    printed = capsys.readouterr().out
    assert "cells.tif        3" in printed
    assert str(out) in printed


def test_what_is_there_is_not_done_again_and_what_is_missing_is(model, expected, tmp_path):
    image = write(tmp_path / "cells.tif", expected["image"], "ZYX")
    out = tmp_path / "out"
    (first,) = api.predict(image, model, out)
    (second,) = api.predict(image, model, out)
    assert (second.status, second.n_objects, set(second.outputs)) == ("skipped", 3, set(first.outputs))
    for ending in ("planes.png", "meshes.glb"):
        (out / f"cells_{ending}").unlink()
        assert [o.status for o in api.predict(image, model, out)] == ["done"]
    assert [o.status for o in api.predict(image, model, out)] == ["skipped"]


def test_results_beside_their_volumes_are_no_images(model, expected, tmp_path):
    folder = write(tmp_path / "in" / "cells.tif", expected["image"], "ZYX").parent
    api.predict(folder, model, folder)
    outcomes = api.predict(folder, model, folder)
    assert [(o.path.name, o.status) for o in outcomes] == [("cells.tif", "skipped")]


def test_a_film_and_a_folder_of_its_frames_give_the_same(model, expected, tmp_path):
    """Frame by frame, each as if it stood alone."""
    image = expected["image"]
    frames = [image, image[:, ::-1], np.full_like(image, 64)]
    write(tmp_path / "film.tif", np.stack(frames), "TZYX")
    for t, frame in enumerate(frames):
        write(tmp_path / "frames" / f"t{t}.tif", frame, "ZYX")
    (film,) = api.predict(tmp_path / "film.tif", model, tmp_path / "out")
    alone = api.predict(tmp_path / "frames", model, tmp_path / "out")
    labels = io.read(tmp_path / "out" / "film_labels.tif")
    assert (labels.axes, dict(labels.spacing_um)) == ("TZYX", pytest.approx(SPACING))
    table = pd.read_csv(tmp_path / "out" / "film_objects.csv")
    assert film.n_objects == sum(o.n_objects for o in alone) == len(table)
    assert [o.n_objects for o in alone][::2] == [3, 0]
    by_frame = EVERY_FILE - {"labels.tif", "objects.csv", "run.json"}
    for t in range(3):
        one = tmp_path / "out" / f"t{t}_labels.tif"
        np.testing.assert_array_equal(labels.array[t], tifffile.imread(one).reshape(image.shape))
        own = pd.read_csv(tmp_path / "out" / f"t{t}_objects.csv")
        rows = table[table["T"] == t].drop(columns="T").reset_index(drop=True)
        pd.testing.assert_frame_equal(rows, own, check_dtype=False)
        for ending in by_frame:
            ours, theirs = (tmp_path / "out" / f"{start}_{ending}" for start in (f"film_T00{t}", f"t{t}"))
            assert ours.read_bytes() == theirs.read_bytes(), ending


def test_a_model_for_images_says_what_a_volume_needs(expected, tmp_path, capsys):
    image = write(tmp_path / "cells.tif", expected["image"], "ZYX")
    flat = FOLDER.parents[1] / "stardist" / "trained_grid22"
    assert main(["predict", str(image), "-m", str(flat), "-o", str(tmp_path / "out")]) == 1
    assert "the model takes planes, but the image has 12 along Z" in capsys.readouterr().err
    assert list(tmp_path.rglob("cells_*")) == []


def test_notes_of_volumes_are_printed(model, expected, tmp_path, capsys):
    tifffile.imwrite(tmp_path / "pages.tif", expected["image"], metadata=None, photometric="minisblack")
    outcomes = api.predict(tmp_path / "pages.tif", model, tmp_path / "out")
    show_outcomes(outcomes, tmp_path / "out")
    printed = capsys.readouterr().out
    assert "pages.tif: the 12 pages are taken as planes" in printed
    assert "the size of a voxel along Z, Y, X is not known: all is measured in voxels" in printed


@pytest.fixture
def annotated(expected, tmp_path):
    """Three volumes: annotated as StarDist sees them, with an object nobody finds, and with one that is none."""
    labels = expected["labels"].astype(np.uint16)
    extra = labels.copy()
    extra[:4, :6, :6] = np.where(labels[:4, :6, :6] == 0, 9, labels[:4, :6, :6])
    for name, truth in {"as_found": labels, "missed": extra, "none": labels * (labels != 2)}.items():
        write(tmp_path / "data" / "images" / f"{name}.tif", expected["image"], "ZYX")
        write(tmp_path / "data" / "masks" / f"{name}.tif", truth, "ZYX")
    return tmp_path / "data"


def test_evaluation_of_an_annotated_folder(model, annotated, tmp_path, capsys):
    evaluation = api.evaluate(model, annotated, tmp_path / "report")
    by_name = {i.name: i.at[0] for i in evaluation.metrics.images}
    counts = {n: (s.true_positives, s.false_positives, s.false_negatives) for n, s in by_name.items()}
    assert counts == {"as_found": (3, 0, 0), "missed": (3, 0, 1), "none": (2, 1, 0)}
    assert evaluation.metrics.mean_accuracy == pytest.approx((1 + 3 / 4 + 2 / 3) / 3)
    assert [name for name, *_ in evaluation.worst] == ["none", "missed", "as_found"]
    page = (tmp_path / "report" / "evaluation.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 6
    images = pd.read_csv(tmp_path / "report" / "evaluation_images.csv").set_index("image")
    assert images.loc["missed", "n_true"] == 4


def test_a_sheet_of_volumes(annotated, tmp_path):
    sheet = imread(api.show(annotated, tmp_path / "sheet.png"))
    coloured = np.ptp(sheet.astype(int), axis=-1) > 60
    assert coloured.sum() > 300
    assert api._counted(Instances(np.zeros((12, 4, 5), np.int32))) == "0 objects in 12 planes"
    assert api._counted(Instances(np.ones((1, 4, 5), np.int32))) == "1 object in 1 plane"
