from dataclasses import replace

import numpy as np
import pytest
import tifffile
import torch
from scipy.spatial import cKDTree

from stellate.axes import Image
from stellate.errors import ConfigError, InputError
from stellate.models.file import ModelInfo
from stellate.models.stardist import StarDist, StarDistConfig
from stellate.prediction import predictor as module
from stellate.prediction.images import as_image
from stellate.prediction.predictor import Predictor
from stellate.tasks.instances import InstancesTask


def random_model(**config):
    torch.manual_seed(0)
    network = StarDist(StarDistConfig(**{"base_channels": 4, "depth": 1, "head_channels": 8, **config}))
    settings = {"prob_threshold": 0.5, "nms_threshold": 0.4}
    info = ModelInfo("random", "stardist", "instances", {}, settings, spacing_um={"Y": 0.5, "X": 0.5})
    return Predictor(network, info)


def agreement(labels, others):
    """Share of pixels on which two label images agree, whatever the numbers of the objects."""
    n = int(others.max()) + 1
    pairs = np.bincount(
        labels.astype(np.int64).ravel() * n + others.ravel(), minlength=n * (int(labels.max()) + 1)
    )
    table = pairs.reshape(-1, n)
    partner = table.argmax(axis=1)
    return table[np.arange(len(table)), partner].sum() / labels.size


def test_the_objects_are_those_that_stardist_finds(predictor, cells, expected):
    result = predictor.predict(cells).result
    assert len(result) > 10
    np.testing.assert_array_equal(result.centres, expected["points"])
    np.testing.assert_allclose(result.scores, expected["kept_prob"], atol=1e-4)
    assert np.mean(result.labels != expected["labels"]) < 1e-3


def test_tiles_give_what_the_whole_image_gives(predictor, cells):
    big = np.tile(cells, (3, 3))[:-7, :-3]
    big = (big + np.random.default_rng(0).normal(0, 0.5, big.shape)).astype(
        np.float32
    )  # no two objects equal
    whole, tiled = predictor.predict(big, tile=10_000), predictor.predict(big, tile=200)
    assert whole.notes == ()
    assert "tiles" in tiled.notes[0]
    assert len(whole) == len(tiled) > 100
    np.testing.assert_allclose(np.sort(whole.result.scores), np.sort(tiled.result.scores), atol=1e-5)
    assert agreement(whole.labels, tiled.labels) > 0.9999


def test_on_a_cpu_no_tile_is_computed_while_another_is_decoded(predictor, cells, monkeypatch):
    done = []
    compute, decode = module.Engine.__call__, InstancesTask.decode
    monkeypatch.setattr(module.Engine, "__call__", lambda *a: [done.append("computed"), compute(*a)][1])
    monkeypatch.setattr(InstancesTask, "decode", lambda *a: [done.append("decoded"), decode(*a)][1])
    predictor.predict(np.tile(cells, (1, 2)), tile=200, device="cpu")
    assert len(done) >= 4
    assert done == ["computed", "decoded"] * (len(done) // 2)


def test_flips_average_but_find_the_same_objects(predictor, cells):
    plain, flipped = predictor.predict(cells), predictor.predict(cells, flips=True)
    assert not np.array_equal(plain.labels, flipped.labels)
    assert np.mean((plain.labels > 0) == (flipped.labels > 0)) > 0.97
    assert abs(len(plain) - len(flipped)) <= 2


def test_a_rescaled_image_gives_objects_in_its_own_pixels(predictor, cells):
    plain = predictor.predict(cells).result
    # the same cells, with pixels half as large
    doubled = predictor.predict(np.kron(cells, np.ones((2, 2), np.uint8)), rescale=0.5)
    assert doubled.labels.shape == (268, 300)
    assert "rescaled by 0.5 as asked" in doubled.notes
    expected = (plain.centres + 0.5) * 2 - 0.5
    away, _ = cKDTree(doubled.result.centres).query(expected)
    assert np.mean(away < 1e-3) > 0.8
    foreground = np.kron(plain.labels > 0, np.ones((2, 2), bool))
    # polygons painted at the finer pixels have finer outlines
    assert np.mean(foreground == (doubled.labels > 0)) > 0.96


def test_pixel_sizes_that_differ_rescale_and_say_so():
    model = random_model()
    image = Image(np.random.default_rng(0).integers(0, 255, (40, 60)), "YX", {"Y": 0.25, "X": 0.25})
    prediction = model.predict(image)
    assert prediction.notes == ("rescaled by 0.5: pixels of 0.25 um, the model's are 0.5 um",)
    assert prediction.labels.shape == (40, 60)
    assert model.predict(image, rescale="off").notes == ()


def test_flips_of_a_model_with_an_odd_number_of_rays_are_refused():
    with pytest.raises(ConfigError, match="even number of rays"):
        random_model(n_rays=5).predict(np.zeros((32, 32)), flips=True)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 5), (15, 17), (64, 64)])
@pytest.mark.parametrize("value", [0, 255])
def test_tiny_and_constant_images_have_labels_of_their_shape(shape, value):
    prediction = random_model().predict(np.full(shape, value, np.uint8), prob_threshold=1.0)
    assert prediction.labels.shape == shape
    assert prediction.labels.dtype == np.int32
    assert len(prediction) == prediction.labels.max() == 0
    assert len(prediction.table()) == 0


def test_an_object_larger_than_the_image_fills_it():
    model = random_model()
    with torch.no_grad():
        model.network.prob.bias.fill_(9.0)
        model.network.distances.weight.zero_()
        model.network.distances.bias.fill_(500.0)
    prediction = model.predict(np.random.default_rng(0).normal(size=(40, 50)))
    assert len(prediction) == 1
    assert (prediction.labels == 1).all()


def test_thresholds_of_the_options_replace_the_models(predictor, cells):
    strict = predictor.predict(cells, prob_threshold=0.8)
    assert 0 < len(strict) < len(predictor.predict(cells))
    assert (strict.result.scores > 0.8).all()
    assert len(predictor.predict(cells, prob_threshold=1.0)) == 0


def test_bool_images_are_used_as_numbers():
    image = np.random.default_rng(0).random((40, 40)) > 0.5
    model = random_model()
    np.testing.assert_array_equal(model.predict(image).labels, model.predict(image.astype(np.uint8)).labels)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.full((20, 20), np.nan), "image: 400 pixels are NaN or infinite"),
        (np.zeros((20, 20)).astype(object), "dtype object"),
        (np.zeros((20, 20), complex), "dtype complex"),
        (np.zeros((0, 20)), "no pixels"),
        (np.zeros((5, 20, 20)), "read in several ways"),
        (np.zeros(20), "read in several ways"),
        (np.random.default_rng(0).random((20, 20, 3)), "the model takes 1 channel, the image has 3 channels"),
        (Image(np.zeros((5, 20, 20)), "ZYX", name="stack"), "stack: .*5 along Z"),
    ],
)
def test_images_that_cannot_be_used_are_refused_with_the_remedy(image, message):
    with pytest.raises(InputError, match=message):
        random_model().predict(image)


def test_a_model_for_colour_refuses_grey_images():
    with pytest.raises(InputError, match="the model takes 3 channels, the image has 1 channel"):
        random_model(in_channels=3).predict(np.zeros((20, 20)))


def test_channels_are_those_of_the_training_unless_chosen(predictor, cells):
    predictor.info = replace(predictor.info, channels=(2,))
    noise = np.random.default_rng(0).integers(0, 255, cells.shape).astype(np.uint8)
    picture = Image(np.stack([noise, noise[::-1], cells]), "CYX")
    prediction = predictor.predict(picture)
    assert prediction.notes == ("channel 2 used, as the model was trained",)
    np.testing.assert_array_equal(prediction.labels, predictor.predict(cells).labels)
    chosen = predictor.predict(picture, channels=(0,))
    assert chosen.notes == ("channel 0 used",)
    np.testing.assert_array_equal(chosen.labels, predictor.predict(noise).labels)
    with pytest.raises(InputError, match=r"name the one to use.*trained on channel 2"):
        predictor.predict(Image(picture.array[:2], "CYX"))


def test_unknown_options_are_refused():
    with pytest.raises(ConfigError, match="did you mean 'flips'"):
        random_model().predict(np.zeros((20, 20)), flip=True)


def test_frames_are_done_one_by_one(predictor, cells):
    film = Image(np.stack([cells, cells[::-1], np.zeros_like(cells)]), "TYX")
    calls = []
    prediction = predictor.predict(film, progress=lambda *call: calls.append(call))
    single = predictor.predict(cells)
    assert prediction.labels.shape == (3, *cells.shape)
    np.testing.assert_array_equal(prediction.labels[0], single.labels)
    assert prediction.labels[2].max() == 0
    assert calls == [(1, 3, "tiles"), (2, 3, "tiles"), (3, 3, "tiles")]
    table = prediction.table()
    assert list(table.columns[:3]) == ["T", "label", "probability"]
    assert (table["T"] == 0).sum() == len(single)
    with pytest.raises(InputError, match=r"3 frames along T; use \.results"):
        _ = prediction.result


def test_the_brightest_of_a_stack(predictor, cells):
    stack = Image(
        np.stack([np.where(np.arange(150) < 70, cells, 0), np.where(np.arange(150) < 70, 0, cells)]), "ZYX"
    )
    np.testing.assert_array_equal(
        predictor.predict(stack, plane="max").labels, predictor.predict(cells).labels
    )
    one = predictor.predict(stack, plane=1)
    np.testing.assert_array_equal(one.labels, predictor.predict(stack.array[1]).labels)


def test_files_and_tensors_are_taken_too(predictor, cells, tmp_path):
    labels = predictor.predict(cells).labels
    tifffile.imwrite(tmp_path / "cells.tif", cells)
    for image in (
        tmp_path / "cells.tif",
        str(tmp_path / "cells.tif"),
        torch.from_numpy(cells),
        cells.tolist(),
    ):
        np.testing.assert_array_equal(predictor.predict(image).labels, labels)


def test_axes_of_an_array_can_be_named():
    array = np.random.default_rng(0).random((3, 20, 30))
    assert as_image(array, "CYX").axes == "CYX"
    assert as_image(Image(array, "ZYX"), "TYX").axes == "TYX"


def test_when_memory_runs_out_tiles_become_smaller(predictor, cells, monkeypatch):
    sides = []

    def run(self, tiles, compute, options, progress):
        sides.append(max(b - a for a, b in tiles[0].read))
        if sides[-1] > limit:
            raise torch.OutOfMemoryError("no memory left")
        return original(self, tiles, compute, options, progress)

    original, limit = Predictor._run, 140
    expected = predictor.predict(cells)
    monkeypatch.setattr(module.Predictor, "_run", run)
    got = predictor.predict(cells)
    assert sides == [150, 104]
    assert agreement(got.labels, expected.labels) > 0.999
    limit = 50
    with pytest.raises(MemoryError, match="tiles of 104 pixels do not fit"):
        predictor.predict(cells)


def test_measurements_are_of_the_objects(predictor, cells):
    prediction = predictor.predict(Image(cells, "YX", {"Y": 0.5, "X": 0.5}), rescale="off")
    table = prediction.table()
    for label in (1, len(prediction)):
        row = table[table["label"] == label].iloc[0]
        inside = prediction.labels == label
        assert row["area_px"] == inside.sum()
        assert row["area_um2"] == pytest.approx(inside.sum() / 4)
        assert row["intensity_mean"] == pytest.approx(cells[inside].mean())
        assert row["probability"] == pytest.approx(prediction.result.scores[label - 1])


def test_fingerprints_tell_models_apart():
    one, same = random_model(), random_model()
    assert one.fingerprint == same.fingerprint
    with torch.no_grad():
        next(same.network.parameters()).view(-1)[0] += 1e-6
    same._fingerprint = ""
    assert one.fingerprint != same.fingerprint
