import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from stellate import api
from stellate.errors import InputError, ModelFileError
from stellate.models.file import load_model, save_model
from stellate.prediction import shipped

FOLDER = Path(__file__).parent / "fixtures" / "stardist" / "trained_grid22"


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A folder of models that ship, with one model in it."""
    folder = tmp_path / "weights"
    api.convert(FOLDER, folder / "tiny.safetensors")
    monkeypatch.setattr(shipped, "weights_folder", lambda: folder)
    return folder


def prob(model):
    image = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    result = model.predict(image, prob_threshold=0.01, nms_threshold=1.0).result
    return np.sort(result.scores)


def test_every_way_to_a_model_gives_the_same_one(weights, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    save_model(run / "model.safetensors", *load_model(weights / "tiny.safetensors"))
    expected = prob(api.load(FOLDER))
    assert expected.size > 10
    for model in ("tiny", weights / "tiny.safetensors", str(weights / "tiny.safetensors"), run):
        np.testing.assert_allclose(prob(api.load(model)), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("tinny", r"no such file or folder, and no model of this name ships.*\(tiny\); did you mean 'tiny'"),
        ("no/such/model.safetensors", "no such file or folder"),
        (".", r"expected a training run \(model.safetensors\) or a StarDist model"),
    ],
)
def test_what_is_no_model_is_refused(weights, tmp_path, monkeypatch, model, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelFileError, match=message):
        api.load(model)


def test_a_pickle_in_disguise_is_not_loaded(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"\x80\x04\x95cposix\nsystem\n")
    with pytest.raises(ModelFileError):
        api.load(tmp_path / "model.safetensors")


def test_a_folder_beside_a_model_of_its_name_does_not_hide_it(weights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").mkdir()
    assert api.load("tiny").info.model == "stardist"


def test_models_lists_what_ships(weights):
    assert [m.model for m in api.models()] == ["stardist"]


def test_info_tells_models_images_and_annotated_folders_apart(weights, tmp_path):
    tifffile.imwrite(tmp_path / "cells.tif", np.zeros((7, 9), np.uint8))
    assert api.info("tiny").config["base_channels"] == 8
    assert (
        api.info(FOLDER).config["base_channels"]
        == api.info(weights / "tiny.safetensors").config["base_channels"]
    )
    assert api.info(tmp_path / "cells.tif").shape == (7, 9)
    for part in ("images", "masks"):
        (tmp_path / "data" / part).mkdir(parents=True)
        tifffile.imwrite(tmp_path / "data" / part / "cells.tif", np.arange(63, dtype=np.uint8).reshape(7, 9))
    assert api.info(tmp_path / "data").n_images == 1


def test_predict_takes_folders_patterns_and_files(weights, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        tifffile.imwrite(tmp_path / "in" / f"{name}.tif", np.zeros((30, 40), np.uint8))
    for images in (
        tmp_path / "in",
        str(tmp_path / "in" / "*.tif"),
        [tmp_path / "in" / "a.tif", tmp_path / "in"],
    ):
        outcomes = api.predict(images, "tiny", tmp_path / "out", overwrite=True)
        assert [(o.path.name, o.status, o.n_objects) for o in outcomes] == [
            ("a.tif", "done", 0),
            ("b.tif", "done", 0),
        ]
    model = api.load("tiny")
    assert {o.status for o in api.predict(tmp_path / "in", model, tmp_path / "out")} == {"skipped"}


def test_predict_without_images_is_refused():
    with pytest.raises(InputError, match="no images"):
        api.predict([], "nuclei")


def test_read_gives_axes_and_pixels(tmp_path):
    tifffile.imwrite(tmp_path / "cells.tif", np.arange(63, dtype=np.uint8).reshape(7, 9))
    image = api.read(tmp_path / "cells.tif")
    assert image.axes == "YX"
    np.testing.assert_array_equal(image.array, np.arange(63).reshape(7, 9))
    assert api.read(tmp_path / "cells.tif", axes="YX").name == "cells"


def test_looking_at_images_and_model_files_needs_no_torch(weights, tmp_path):
    tifffile.imwrite(tmp_path / "cells.tif", np.zeros((7, 9), np.uint8))
    code = (
        "import sys; from stellate import api; "
        f"api.info({str(tmp_path / 'cells.tif')!r}); api.info({str(weights / 'tiny.safetensors')!r}); "
        "api.models(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
