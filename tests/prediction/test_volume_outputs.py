"""What predictions of volumes leave, of balls in space whose measures are known."""

from __future__ import annotations

import json
import struct

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image as PillowImage

from stellate import io
from stellate.axes import Image
from stellate.errors import InputError
from stellate.geometry.rays import rays_3d
from stellate.io.class_colours import class_colour
from stellate.prediction import object_files, outputs, surfaces
from stellate.prediction.outputs import read_run
from stellate.prediction.prediction import Prediction
from stellate.results import Instances

SPACING = {"Z": 2.0, "Y": 0.5, "X": 0.5}
SIZE = np.array([2.0, 0.5, 0.5])
SHAPE = (18, 40, 44)
CENTRES = np.array([(12.0, 6.0, 6.0), (14.0, 14.0, 9.0), (26.0, 8.0, 15.0)])
RADII = np.array([4.0, 3.5, 3.0])
RAYS = rays_3d(96, (4.0, 1.0, 1.0))
EVERY_FILE = {
    *("labels.tif", "objects.csv", "overlay.png", "planes.png", "rois.zip", "objects.geojson", "run.json"),
    *("meshes.glb", "meshes.ply", "meshes.obj"),
}


def balls(shift=(0.0, 0.0, 0.0), **more):
    """Three balls of known radius in micrometres, and their distances along the rays in voxels."""
    places = np.stack(np.indices(SHAPE), axis=-1) * SIZE
    labels = np.zeros(SHAPE, np.int32)
    for k, (centre, radius) in enumerate(zip(CENTRES + shift, RADII, strict=True), start=1):
        labels[((places - centre) ** 2).sum(axis=-1) <= radius**2] = k
    distances = RADII[:, None] / np.linalg.norm(RAYS.vertices * SIZE, axis=1)
    given = {
        "scores": np.array([0.9, 0.8, 0.7], np.float32),
        "centres": ((CENTRES + shift) / SIZE).astype(np.float32),
        "distances": distances.astype(np.float32),
    }
    return Instances(labels, **given | more)


def prediction_of(*found, spacing=SPACING, axes="TCZYX", **more):
    """Of a volume of two channels, or of a film of volumes, bright where objects are."""
    rng = np.random.default_rng(0)
    frames = []
    for instances in found:
        bright = 100 * (instances.labels > 0) + rng.integers(0, 20, instances.labels.shape)
        frames.append(np.stack([bright, 1000 + instances.labels]).astype(np.uint16))
    film = Image(np.stack(frames), axes, spacing, name="tissue", channel_names=("DAPI", "GFP"))
    if len(found) == 1:
        return Prediction(film.select(axes[0], 0), (film.select(axes[0], 0),), found, **{"rays": RAYS} | more)
    volumes = tuple(film.select(axes[0], k) for k in range(len(found)))
    return Prediction(film, volumes, found, along=axes[0], **{"rays": RAYS} | more)


def vertices_of(path):
    """Of each object in an OBJ file, by name: ``(n, 3)`` x, y, z."""
    objects = {}
    for line in path.read_text().splitlines():
        kind, *values = line.split()
        if kind == "o":
            current = objects.setdefault(values[0], [])
        elif kind == "v":
            current.append([float(v) for v in values[:3]])
    return {name: np.array(corners) for name, corners in objects.items()}


def colours_of(path):
    """Red, green and blue of each object in an OBJ file."""
    colours = {}
    for line in path.read_text().splitlines():
        kind, *values = line.split()
        if kind == "o":
            current = values[0]
        elif kind == "v":
            colours.setdefault(current, set()).add(tuple(round(255 * float(v)) for v in values[3:]))
    return colours


def glb_description(path):
    content = path.read_bytes()
    (length,) = struct.unpack_from("<I", content, 12)
    return json.loads(content[20 : 20 + length])


def test_every_file_holds_the_same_objects(tmp_path):
    prediction = prediction_of(balls())
    paths = prediction.save(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {f"tissue_{ending}" for ending in EVERY_FILE}
    labels = io.read(paths["labels"])
    assert (labels.axes, dict(labels.spacing_um)) == ("ZYX", SPACING)
    np.testing.assert_array_equal(labels.array, prediction.labels)
    assert pd.read_csv(paths["objects"])["label"].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(np.asarray(PillowImage.open(paths["overlay"])), prediction.overlay())
    np.testing.assert_array_equal(np.asarray(PillowImage.open(paths["planes"])), prediction.planes())
    # an outline for each plane of each object
    planes = {
        (str(k), z) for k in (1, 2, 3) for z in np.flatnonzero((prediction.labels == k).any(axis=(1, 2)))
    }
    assert {(o.name.split("-")[0], o.plane) for o in io.read_rois(paths["rois"])} == planes
    assert {(o.name, o.plane) for o in io.read_geojson(paths["geojson"])} == planes
    assert set(vertices_of(paths["obj"])) == {"1", "2", "3"}
    assert [node["name"] for node in glb_description(paths["glb"])["nodes"]] == ["1", "2", "3"]
    assert b"comment object 2 3\n" in paths["ply"].read_bytes()
    assert sorted(read_run(tmp_path, "tissue").outputs) == sorted(p.name for p in paths.values())


def test_it_is_shown_in_a_line():
    text = repr(prediction_of(balls()))
    assert text.endswith(": 3 objects in 2 x 18 x 40 x 44 (CZYX)>")
    assert "\n" not in text


def test_measures_are_those_of_balls_in_micrometres():
    table = prediction_of(balls()).table()
    np.testing.assert_allclose(table["volume_um3"], 4 / 3 * np.pi * RADII**3, rtol=0.12)
    np.testing.assert_allclose(table["surface_um2"], 4 * np.pi * RADII**2, rtol=0.12)
    np.testing.assert_allclose(table["equivalent_diameter_um"], 2 * RADII, rtol=0.04)
    np.testing.assert_allclose(table[["centroid_z_um", "centroid_y_um", "centroid_x_um"]], CENTRES, atol=0.02)
    np.testing.assert_allclose(table["sphericity"], 1, atol=0.06)
    assert table["probability"].tolist() == pytest.approx([0.9, 0.8, 0.7])
    assert table["intensity_mean_GFP"].tolist() == [1001, 1002, 1003]
    assert table["volume_px"].tolist() == [(balls().labels == k).sum() for k in (1, 2, 3)]


@pytest.mark.parametrize("known", [{}, {"Y": 0.5, "X": 0.5}])
def test_without_voxel_size_all_is_in_voxels_and_a_note_says_so(tmp_path, known):
    paths = prediction_of(balls(), spacing=known).save(tmp_path)
    table = pd.read_csv(paths["objects"])
    assert not [c for c in table.columns if "_um" in c]
    assert table["volume_px"].tolist() == [(balls().labels == k).sum() for k in (1, 2, 3)]
    corners = vertices_of(paths["obj"])["2"]
    np.testing.assert_allclose(corners.mean(axis=0), (CENTRES[1] / SIZE)[::-1], atol=0.1)
    (note,) = read_run(tmp_path, "tissue")["notes"]
    missing = ", ".join(a for a in "ZYX" if a not in known)
    assert f"size of a voxel along {missing} is not known" in note


def test_meshes_are_the_balls_in_micrometres(tmp_path):
    corners = vertices_of(prediction_of(balls()).save(tmp_path)["obj"])
    for k, (centre, radius) in enumerate(zip(CENTRES, RADII, strict=True), start=1):
        away = np.linalg.norm(corners[str(k)] - centre[::-1], axis=1)
        np.testing.assert_allclose(away, radius, rtol=1e-3)


@pytest.mark.parametrize(
    ("what", "broken"),
    [
        *(("distances", value) for value in (0.0, -1.0, np.nan, np.inf, 1e30)),
        *(("centres", value) for value in (np.nan, -np.inf, 1e30)),
    ],
)
def test_objects_without_a_surface_have_no_mesh_but_all_else(tmp_path, what, broken):
    objects = balls()
    values = getattr(objects, what).copy()
    values[1, 2] = broken
    paths = prediction_of(balls(**{what: values})).save(tmp_path)
    assert set(vertices_of(paths["obj"])) == {"1", "3"}
    assert len(pd.read_csv(paths["objects"])) == 3
    assert "1 of 3 objects without a mesh" in "; ".join(read_run(tmp_path, "tissue")["notes"])


@pytest.mark.parametrize("more", [{"rays": None}, {}])
def test_no_meshes_where_the_model_knows_no_surfaces(tmp_path, more):
    objects = balls() if more else balls(distances=None)
    paths = prediction_of(objects, **more).save(tmp_path)
    assert not {"glb", "ply", "obj"} & set(paths)
    assert {p.name for p in tmp_path.iterdir()} == {
        f"tissue_{e}" for e in EVERY_FILE if not e.startswith("meshes")
    }


def test_classes_are_in_every_file(tmp_path):
    known = {"classes": np.array([1, -1, 0], np.int32), "class_names": ("round", "long")}
    prediction = prediction_of(balls(**known))
    paths = prediction.save(tmp_path)
    assert pd.read_csv(paths["objects"])["class"].fillna("").tolist() == ["long", "", "round"]
    by_name = {(o.name.split("-")[0], o.class_name) for o in io.read_rois(paths["rois"])}
    assert by_name == {("1", "long"), ("2", None), ("3", "round")}
    assert {(o.name, o.class_name) for o in io.read_geojson(paths["geojson"])} == by_name
    colours = colours_of(paths["obj"])
    assert colours["1"] == {class_colour(1)}
    assert colours["3"] == {class_colour(0)}
    assert colours["2"] == {surfaces._UNKNOWN}
    for picture in (prediction.overlay(), prediction.planes()):
        assert (picture == class_colour(1)).all(axis=-1).any()


def test_films_of_volumes(tmp_path):
    """Labels and table hold all frames; pictures, meshes and outlines are files of each."""
    first, second = balls(), balls(shift=(2.0, 2.0, 1.0))
    prediction = prediction_of(first, second)
    paths = prediction.save(tmp_path)
    by_frame = EVERY_FILE - {"labels.tif", "objects.csv", "run.json"}
    assert {p.name for p in tmp_path.iterdir()} == {
        *(f"tissue_{ending}" for ending in EVERY_FILE - by_frame),
        *(f"tissue_T00{t}_{ending}" for t in (0, 1) for ending in by_frame),
    }
    labels = io.read(paths["labels"])
    assert (labels.axes, dict(labels.spacing_um)) == ("TZYX", SPACING)
    np.testing.assert_array_equal(labels.array, np.stack([first.labels, second.labels]))
    np.testing.assert_array_equal(prediction.labels, labels.array)
    table = pd.read_csv(paths["objects"])
    assert table["T"].tolist() == [0, 0, 0, 1, 1, 1]
    np.testing.assert_allclose(table["centroid_y_um"], [*CENTRES[:, 1], *(CENTRES[:, 1] + 2)], atol=0.02)
    measured = {o.name: o.measurements["Volume µm^3"] for o in io.read_geojson(paths["geojson 1"])}
    assert list(measured.values()) == pytest.approx(table["volume_um3"][3:].tolist())
    shift = vertices_of(paths["obj 1"])["3"] - vertices_of(paths["obj"])["3"]
    np.testing.assert_allclose(shift, [[1.0, 2.0, 2.0]] * len(RAYS), atol=1e-3)


def test_pages_and_time_of_planes_keep_their_meaning(tmp_path):
    """Labels of a film are a film, those of pages of which nothing is known a stack."""
    flat = Instances(balls().labels[6].clip(0, 1), scores=np.ones(1, np.float32))
    for axis, expected in (("T", "TYX"), ("P", "ZYX")):
        stack = Image(np.zeros((2, *SHAPE[1:]), np.uint8), f"{axis}YX", SPACING, name=axis)
        frames = (stack.select(axis, 0), stack.select(axis, 1))
        paths = Prediction(stack, frames, (flat, flat), along=axis).save(tmp_path)
        labels = io.read(paths["labels"])
        assert (labels.axes, set(labels.spacing_um)) == (expected, {"Y", "X"})
        assert "planes" not in paths


def test_too_many_outlines_are_left_out_with_a_note(tmp_path, monkeypatch):
    first, second = balls(), balls(shift=(2.0, 2.0, 1.0))
    count = io.count_outlines(first)
    monkeypatch.setattr(outputs.io, "MOST_OUTLINES", count)
    assert "rois" in prediction_of(first).save(tmp_path / "few")
    monkeypatch.setattr(outputs.io, "MOST_OUTLINES", count - 1)
    paths = prediction_of(first, second).save(tmp_path / "many")
    assert not {"rois", "geojson", "rois 1", "geojson 1"} & set(paths)
    (note,) = read_run(tmp_path / "many", "tissue")["notes"]
    assert f"no outlines for ImageJ and QuPath: {count}" in note


def test_too_many_meshes_are_not_written_as_text(tmp_path, monkeypatch):
    monkeypatch.setattr(object_files, "MOST_AS_TEXT", 2)
    paths = prediction_of(balls()).save(tmp_path)
    assert {"glb", "ply"} <= set(paths)
    assert "obj" not in paths
    assert "no OBJ file for more than 2 objects" in "; ".join(read_run(tmp_path, "tissue")["notes"])


def test_what_an_earlier_run_left_and_this_one_does_not_is_taken_away(tmp_path, monkeypatch):
    """Outlines of other objects would else lie beside the new labels; files of others stay."""
    prediction_of(balls(), balls()).save(tmp_path)
    (tmp_path / "tissue_notes.txt").write_text("mine")
    (tmp_path / "other_rois.zip").write_text("not of this image")
    monkeypatch.setattr(outputs.io, "MOST_OUTLINES", 2)
    paths = prediction_of(balls()).save(tmp_path)
    expected = {p.name for p in paths.values()} | {"tissue_run.json", "tissue_notes.txt", "other_rois.zip"}
    assert {p.name for p in tmp_path.iterdir()} == expected


def test_a_run_of_strangers_takes_nothing_away(tmp_path):
    """The file that says what an earlier run wrote may have been changed."""
    (tmp_path / "out").mkdir()
    precious = [tmp_path / "precious.txt", tmp_path / "out" / "other.txt"]
    for path in precious:
        path.write_text("keep")
    listed = {
        "a": "../precious.txt",
        "b": "other.txt",
        "c": str(precious[0]),
        "d": "tissue_/../../precious.txt",
    }
    (tmp_path / "out" / "tissue_").mkdir()
    (tmp_path / "out" / "tissue_run.json").write_text(json.dumps({"outputs": listed}))
    assert read_run(tmp_path / "out", "tissue") is not None
    prediction_of(balls()).save(tmp_path / "out")
    assert all(path.is_file() for path in precious)


def nothing():
    none = np.zeros((0, 3), np.float32)
    return Instances(
        np.zeros(SHAPE, np.int32),
        np.zeros(0, np.float32),
        centres=none,
        distances=np.zeros((0, 96), np.float32),
    )


def test_volumes_without_objects_have_all_their_files(tmp_path):
    paths = prediction_of(nothing()).save(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {f"tissue_{ending}" for ending in EVERY_FILE}
    assert tifffile.imread(paths["labels"]).max() == 0
    assert list(pd.read_csv(paths["objects"]).columns) == list(prediction_of(balls()).table().columns)
    assert io.read_rois(paths["rois"]) == io.read_geojson(paths["geojson"]) == []
    assert vertices_of(paths["obj"]) == {}


def test_one_object_that_fills_a_volume_of_one_plane(tmp_path):
    labels = np.ones((1, 12, 15), np.int32)
    centre = np.array([[0, 6, 7]], np.float32)
    one = Instances(
        labels, np.ones(1, np.float32), centres=centre, distances=np.full((1, 96), 40, np.float32)
    )
    prediction = prediction_of(one)
    paths = prediction.save(tmp_path)
    image = io.read(paths["labels"])
    assert (image.sizes["Y"], image.sizes["X"], image.sizes.get("Z", 1)) == (12, 15, 1)
    row = pd.read_csv(paths["objects"]).iloc[0]
    assert (row["volume_px"], row["volume_um3"], row["touches_border"]) == (180, 90.0, True)
    assert [o.plane for o in io.read_rois(paths["rois"])] == [0]


def test_thousands_of_objects_of_one_voxel(tmp_path):
    """Measures that a single voxel has, and a mesh for each."""
    labels = np.zeros((20, 40, 40), np.int32)
    where = np.indices(labels.shape).sum(axis=0) % 4 == 0
    n = int(where.sum())
    labels[where] = np.arange(1, n + 1)
    objects = Instances(
        labels,
        np.ones(n, np.float32),
        centres=np.argwhere(where).astype(np.float32),
        distances=np.full((n, 96), 0.5, np.float32),
    )
    paths = prediction_of(objects).save(tmp_path)
    table = pd.read_csv(paths["objects"])
    assert len(table) == n == 8000
    assert (table["volume_px"] == 1).all()
    assert (table["volume_um3"] == 0.5).all()
    assert table["major_axis_um"].eq(0).all()
    assert len(io.read_geojson(paths["geojson"])) == n
    assert len(glb_description(paths["glb"])["nodes"]) == n


def test_planes_have_no_planes():
    flat = Image(np.zeros((20, 30), np.uint8), "YX")
    prediction = Prediction(flat, (flat,), (Instances(np.zeros((20, 30), np.int32)),))
    with pytest.raises(InputError, match="three planes need a volume, got axes YX"):
        prediction.planes()
