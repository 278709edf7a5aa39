"""Predicting volumes: what StarDist finds with its weights, whole and in tiles, and input that is not as it should."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch

from stellate.axes import Image
from stellate.errors import ConfigError, InputError
from stellate.models.file import ModelInfo
from stellate.models.stardist import StarDist, StarDistConfig
from stellate.prediction.loading import load_predictor
from stellate.prediction.predictor import Predictor
from stellate.prediction.tiling import Layout

from .conftest import AsTrained

FOLDERS = sorted((Path(__file__).parents[1] / "fixtures" / "stardist_3d").iterdir())
OCTAHEDRON = {
    "n_rays": 6,
    "ray_vertices": ((1, 0, 0), (0, 1, 0), (0, 0, 1), (-1, 0, 0), (0, -1, 0), (0, 0, -1)),
    "ray_faces": ((0, 1, 2), (0, 2, 4), (0, 4, 5), (0, 5, 1), (3, 2, 1), (3, 4, 2), (3, 5, 4), (3, 1, 5)),
}


def stardists(folder: Path) -> tuple[Predictor, dict[str, np.ndarray]]:
    """A model that StarDist made, and what it finds in an image."""
    model = load_predictor(folder)
    model.normalization = AsTrained()
    return model, dict(np.load(folder / "expected.npz"))


def volume_model(prob: float = 9.0, distance: float = 3.0, **config: Any) -> Predictor:
    """A network that says the same of every voxel, or what its random weights say where `prob` is 0."""
    torch.manual_seed(0)
    small = {"base_channels": 2, "depth": 1, "head_channels": 4, "n_rays": 16, "grid": (1, 2, 2)}
    network = StarDist(StarDistConfig(**{**small, **config}))
    if prob:
        with torch.no_grad():
            for head, bias in ((network.prob, prob), (network.distances, distance)):
                head.weight.zero_()
                head.bias.fill_(bias)
    settings = {"prob_threshold": 0.5, "nms_threshold": 0.4, "border": 0}
    return Predictor(network, ModelInfo("model", "stardist", "instances", {}, settings))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_the_objects_are_those_that_stardist_finds(folder: Path) -> None:
    model, expected = stardists(folder)
    image = expected["image"]
    prediction = model.predict(Image(image, "ZYX" if image.ndim == 3 else "ZYXC"))
    np.testing.assert_array_equal(prediction.labels, expected["labels"])
    np.testing.assert_array_equal(prediction.result.centres, expected["points"])
    np.testing.assert_allclose(prediction.result.scores, expected["kept_prob"], atol=1e-4)
    np.testing.assert_allclose(prediction.rays.vertices, expected["vertices"], atol=1e-6)
    assert prediction.along == ""
    if "class_id" in expected:  # StarDist may call an object background
        named = expected["class_id"] > 0
        np.testing.assert_array_equal(prediction.result.classes[named] + 1, expected["class_id"][named])
        assert named.any()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)
def test_tiles_give_what_the_whole_volume_gives(folder: Path) -> None:
    model, expected = stardists(folder)
    image = expected["image"] if expected["image"].ndim == 4 else expected["image"][..., np.newaxis]
    image = np.tile(image, (4, 3, 4, 1))[:-5, :-3, :-1]
    noise = np.random.default_rng(0).normal(0, 0.5, image.shape)  # no two objects equal
    volume = Image((image + noise).astype(np.float32), "ZYXC")
    side = Layout(image.shape[:3], model.network.config).least_side + 4
    whole, tiled = model.predict(volume, tile=1000), model.predict(volume, tile=side)
    assert whole.notes == ()
    assert int(tiled.notes[0].split()[1]) >= 4
    assert len(whole) > 20
    np.testing.assert_array_equal(tiled.labels, whole.labels)
    np.testing.assert_array_equal(tiled.result.centres, whole.result.centres)
    np.testing.assert_allclose(tiled.result.scores, whole.result.scores, atol=1e-6)


def test_one_plane_is_a_volume_too() -> None:
    model = volume_model(0)
    plane = np.random.default_rng(0).integers(0, 255, (1, 21, 30)).astype(np.uint8)
    prediction = model.predict(plane, prob_threshold=0.4)
    assert prediction.labels.shape == plane.shape
    assert len(prediction) > 0
    assert (prediction.result.centres[:, 0] == 0).all()
    # the network sees the plane repeated, to a multiple of its stride
    repeated = model.predict(np.repeat(plane, 2, axis=0), prob_threshold=0.4, nms_threshold=1)
    first = repeated.result.centres[:, 0] == 0
    alone = model.predict(plane, prob_threshold=0.4, nms_threshold=1)
    np.testing.assert_array_equal(alone.result.centres, repeated.result.centres[first])


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 2, 1), (3, 1, 2), (2, 3, 5)])
def test_tiny_volumes_have_labels_of_their_shape(shape: tuple[int, ...]) -> None:
    """Sides far below the stride: what is added is longer than what there is."""
    model = volume_model(distance=50.0, depth=2)
    prediction = model.predict(np.random.default_rng(0).random(shape))
    assert prediction.labels.shape == shape
    assert (prediction.labels == 1).all()
    assert len(model.predict(np.zeros(shape), prob_threshold=1.0)) == 0


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (np.zeros((20, 20)), {}, r"takes volumes, with planes along Z.*are YX; take a model for images"),
        (np.zeros((5, 20, 20)), {"axes": "TYX"}, r"axes of the image are TYX; name the axes \(axes='ZYX'\)"),
        (np.zeros((20, 20, 3)), {"axes": "YXC"}, r"planes along Z.*are YXC"),
        (np.zeros((5, 20, 20)), {"axes": "ZCYX"}, "axes 'ZCYX' name 4 dimensions, but the array has 3"),
        (np.zeros((2, 5, 20, 20)), {}, "read in several ways; name its axes"),
        (np.full((5, 20, 20), np.nan), {}, "image: 2000 pixels are NaN or infinite"),
        (np.zeros((0, 20, 20)), {}, "no pixels"),
        (Image(np.random.default_rng(0).random((2, 5, 9, 9)), "CZYX"), {}, "the image has 2 channels that"),
    ],
)
def test_what_is_no_volume_is_refused_with_the_remedy(
    image: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        volume_model().predict(image, **options)


def test_a_plane_cannot_be_chosen() -> None:
    with pytest.raises(ConfigError, match="takes whole volumes; leave out the plane"):
        volume_model().predict(np.zeros((5, 20, 20)), plane=2)


@pytest.mark.parametrize(("axis", "what"), [("P", "pages"), ("T", "time points")])
def test_pages_and_time_are_planes_where_there_is_no_depth(axis: str, what: str) -> None:
    model = volume_model(0)
    array = np.random.default_rng(0).random((6, 24, 20))
    prediction = model.predict(Image(array, f"{axis}YX"), prob_threshold=0.4)
    assert prediction.notes == (f"the 6 {what} are taken as planes, as the model is for volumes",)
    assert prediction.image.axes == "ZYX"
    np.testing.assert_array_equal(prediction.labels, model.predict(array, prob_threshold=0.4).labels)
    assert len(prediction) > 0


def test_files_are_volumes_too(tmp_path: Path) -> None:
    model = volume_model(0)
    array = np.random.default_rng(0).integers(0, 255, (6, 24, 20)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "pages.tif", array)
    tifffile.imwrite(tmp_path / "planes.tif", array, imagej=True, metadata={"axes": "ZYX"})
    np.save(tmp_path / "array.npy", array)
    expected = model.predict(array, prob_threshold=0.4)
    for name in ("pages.tif", "planes.tif", "array.npy"):
        got = model.predict(tmp_path / name, prob_threshold=0.4)
        np.testing.assert_array_equal(got.labels, expected.labels)
        assert bool(got.notes) == (name == "pages.tif")


def test_time_points_of_volumes_are_done_one_by_one() -> None:
    model = volume_model(0)
    film = np.random.default_rng(0).random((2, 6, 24, 20))
    prediction = model.predict(Image(film, "TZYX"), prob_threshold=0.4)
    assert prediction.along == "T"
    assert prediction.labels.shape == film.shape
    for labels, volume in zip(prediction.labels, film, strict=True):
        np.testing.assert_array_equal(labels, model.predict(volume, prob_threshold=0.4).labels)


def test_an_object_that_reaches_over_every_border_fills_the_volume() -> None:
    prediction = volume_model(distance=20.0).predict(np.random.default_rng(0).random((5, 9, 10)))
    assert len(prediction) == 1
    assert (prediction.labels == 1).all()
    # of equally probable ones, that which comes last in the volume
    np.testing.assert_array_equal(prediction.result.centres, [[4, 8, 8]])


def test_thousands_of_objects_of_one_voxel() -> None:
    model = volume_model(distance=0.4, grid=(1, 1, 1))
    prediction = model.predict(np.random.default_rng(0).random((14, 16, 20)))
    assert len(prediction) == 14 * 16 * 20
    np.testing.assert_array_equal(np.sort(prediction.labels.ravel()), np.arange(1, 14 * 16 * 20 + 1))


@pytest.mark.parametrize("distance", [0.0, -5.0])
def test_distances_of_zero_make_objects_of_one_voxel(distance: float) -> None:
    prediction = volume_model(distance=distance).predict(np.zeros((6, 12, 12)))
    assert len(prediction) == 6 * 6 * 6
    np.testing.assert_array_equal(prediction.labels[:, ::2, ::2] > 0, True)
    assert np.count_nonzero(prediction.labels) == 6 * 6 * 6


@pytest.mark.parametrize(
    ("distance", "message"),
    [
        (np.inf, "distances that are no finite numbers: its weights are damaged"),
        (np.nan, "distances that are no finite numbers"),
        (5000.0, "outlines that cannot be .* distance of 5000.*is it meant for this kind of image"),
    ],
)
def test_distances_that_are_none_are_refused(distance: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        volume_model(distance=distance).predict(np.zeros((4, 8, 8)))


def test_identical_candidates_are_one_object_each_in_tiles_too() -> None:
    """All equally probable and of the same shape: what is kept depends on positions alone."""
    model = volume_model(distance=6.0)
    volume = np.zeros((40, 60, 50), np.uint8)
    whole = model.predict(volume, tile=1000)
    tiled = model.predict(volume, tile=44)
    assert "tiles" in tiled.notes[0]
    assert len(whole) > 20
    np.testing.assert_array_equal(tiled.labels, whole.labels)


def test_flips_find_nearly_the_same_where_rays_allow() -> None:
    model = volume_model(0, **OCTAHEDRON)
    volume = np.random.default_rng(0).normal(size=(12, 24, 20)).astype(np.float32)
    plain, flipped = (model.predict(volume, flips=f, prob_threshold=0.4) for f in (False, True))
    assert not np.array_equal(plain.labels, flipped.labels)
    assert len(plain) > 10
    away = np.abs(plain.result.scores.mean() - flipped.result.scores.mean())
    assert away < 0.02


def test_flips_of_a_golden_spiral_are_refused_before_anything_is_read() -> None:
    with pytest.raises(ConfigError, match="flips need rays that look the same in a mirror"):
        volume_model().predict("nowhere.tif", flips=True)


@pytest.mark.parametrize("planes", [3, 4, 5])
def test_where_borders_leave_nothing_it_is_said(planes: int) -> None:
    """StarDist's models leave out two cells at each border."""
    model, expected = stardists(FOLDERS[0])
    prediction = model.predict(expected["image"][:planes], prob_threshold=0.3)
    assert (len(prediction) > 0) == (planes > 4) == (prediction.notes == ())
    if planes <= 4:
        said = f"within 2 grid cells of the border (its setting border), and along Z there are only {planes} cells"
        assert prediction.notes[0].endswith(said)
