import errno
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image as PillowImage

from stellate import io
from stellate.axes import Image
from stellate.errors import OutputError
from stellate.geometry.measure import measure
from stellate.prediction import measuring as module
from stellate.prediction import outputs
from stellate.prediction.outputs import read_run


@pytest.fixture
def prediction(predictor, cells):
    return predictor.predict(Image(cells, "YX", {"Y": 0.5, "X": 0.5}, name="cells"), rescale="off")


def test_every_file_holds_the_same_objects(prediction, tmp_path):
    paths = prediction.save(tmp_path / "new" / "folder")
    assert {p.name for p in (tmp_path / "new" / "folder").iterdir()} == {
        "cells_labels.tif",
        "cells_overlay.png",
        "cells_objects.csv",
        "cells_rois.zip",
        "cells_objects.geojson",
        "cells_run.json",
    }
    np.testing.assert_array_equal(tifffile.imread(paths["labels"]), prediction.labels)
    assert len(pd.read_csv(paths["objects"])) == len(prediction)
    assert len(io.read_rois(paths["rois"])) == len(io.read_geojson(paths["geojson"])) == len(prediction)
    np.testing.assert_array_equal(np.asarray(PillowImage.open(paths["overlay"])), prediction.overlay())
    run = read_run(tmp_path / "new" / "folder", "cells")
    assert run["objects"] == len(prediction)
    assert sorted(run.outputs) == sorted(p.name for p in paths.values())


def test_frames_share_labels_and_table_and_have_outlines_of_their_own(predictor, cells, tmp_path):
    film = Image(np.stack([cells, cells[:, ::-1]]), "TYX", name="film")
    paths = predictor.predict(film).save(tmp_path)
    assert tifffile.imread(paths["labels"]).shape == (2, *cells.shape)
    names = {p.name for p in tmp_path.iterdir()}
    assert {"film_T000_rois.zip", "film_T001_rois.zip", "film_T001_overlay.png", "film_objects.csv"} <= names
    assert set(pd.read_csv(paths["objects"])["T"]) == {0, 1}


QUPATH_NAMES = {
    "probability": "Detection probability",
    "area_px": "Area px^2",
    "area_um2": "Area µm^2",
    "equivalent_diameter_px": "Equivalent diameter px",
    "equivalent_diameter_um": "Equivalent diameter µm",
    "perimeter_px": "Perimeter px",
    "perimeter_um": "Perimeter µm",
    "major_axis_px": "Major axis px",
    "major_axis_um": "Major axis µm",
    "minor_axis_px": "Minor axis px",
    "minor_axis_um": "Minor axis µm",
    "orientation_deg": "Orientation deg",
    "eccentricity": "Eccentricity",
    "solidity": "Solidity",
    "circularity": "Circularity",
    "touches_border": "Touches border",
    "intensity_mean_DAPI": "DAPI: Mean",
    "intensity_std_DAPI": "DAPI: Std.Dev.",
    "intensity_min_DAPI": "DAPI: Min",
    "intensity_max_DAPI": "DAPI: Max",
    "intensity_sum_DAPI": "DAPI: Sum",
    "intensity_mean_GFP": "GFP: Mean",
    "intensity_std_GFP": "GFP: Std.Dev.",
    "intensity_min_GFP": "GFP: Min",
    "intensity_max_GFP": "GFP: Max",
    "intensity_sum_GFP": "GFP: Sum",
}


@pytest.mark.parametrize("spacing", [{"Y": 0.5, "X": 0.5}, {}])
def test_numbers_in_qupath_are_those_of_the_table(predictor, cells, tmp_path, spacing):
    """Of each frame its own, to the last digit that is written."""
    second = np.random.default_rng(0).integers(0, 4000, (2, *cells.shape), dtype=np.uint16)
    film = np.stack([[cells, second[0]], [cells[::-1], second[1]]])
    image = Image(film, "TCYX", spacing, name="film", channel_names=("DAPI", "GFP"))
    prediction = predictor.predict(image, channels=(0,), rescale="off")
    paths = prediction.save(tmp_path)
    table = pd.read_csv(paths["objects"])
    names = {k: v for k, v in QUPATH_NAMES.items() if spacing or not k.endswith(("_um", "_um2"))}
    position = {"T", "label", "centroid_row", "centroid_col", "x1", "y1", "x2", "y2"}
    assert set(table.columns) == set(names) | position
    for frame, kind in ((0, "geojson"), (1, "geojson 1")):
        rows = table[table["T"] == frame].set_index("label")
        objects = io.read_geojson(paths[kind])
        assert len(objects) == len(rows) > 10
        for one in objects:
            row = rows.loc[int(one.name)]
            expected = {names[k]: float(row[k]) for k in names if not pd.isna(row[k])}
            assert one.measurements == expected


def test_objects_are_measured_once(prediction, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(module, "measure", lambda *a, **k: calls.append(a) or measure(*a, **k))
    prediction.save(tmp_path)
    assert len(calls) == 1


def test_an_image_without_objects_has_all_its_files(predictor, tmp_path):
    paths = predictor.predict(np.zeros((40, 50), np.uint8)).save(tmp_path, "empty")
    assert tifffile.imread(paths["labels"]).max() == 0
    assert len(pd.read_csv(paths["objects"])) == 0
    assert io.read_rois(paths["rois"]) == io.read_geojson(paths["geojson"]) == []


@pytest.mark.parametrize("failing", ["write_labels", "write_table", "write_rois", "write_geojson"])
def test_a_full_disk_leaves_nothing_behind(prediction, tmp_path, monkeypatch, failing):
    def full(path, *_, **__):
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(outputs.io, failing, full)
    with pytest.raises(OutputError, match="No space left"):
        prediction.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("moved", [0, 3])
def test_a_disk_that_fails_while_files_are_moved_leaves_the_image_not_done(
    prediction, tmp_path, monkeypatch, moved
):
    prediction.save(tmp_path)
    count = 0
    replace = Path.replace

    def failing(self, target):
        nonlocal count
        if self.parent.parent == tmp_path and Path(target).parent == tmp_path:
            count += 1
            if count > moved:
                raise OSError(errno.ENOSPC, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(OutputError):
        prediction.save(tmp_path)
    assert read_run(tmp_path, "cells") is None
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]
    monkeypatch.undo()
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "cells_labels.tif"), prediction.labels)


def test_ctrl_c_while_writing_leaves_nothing_behind(prediction, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(outputs.io, "write_geojson", interrupted)
    with pytest.raises(KeyboardInterrupt):
        prediction.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_named(prediction, tmp_path):
    (tmp_path / "results").write_text("I am a file")
    with pytest.raises(OutputError, match="results"):
        prediction.save(tmp_path / "results")


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"outputs": 3}', '{"outputs": {"labels": "gone.tif"}}', "\x00"]
)
def test_runs_that_are_damaged_or_incomplete_count_as_not_done(tmp_path, content):
    (tmp_path / "a_run.json").write_text(content)
    assert read_run(tmp_path, "a") is None


def test_the_run_is_plain_json(prediction, tmp_path):
    prediction.save(tmp_path)
    run = json.loads((tmp_path / "cells_run.json").read_text(encoding="utf-8"))
    assert set(run) >= {"stellate", "outputs", "objects", "seconds", "notes"}
