import os
from pathlib import Path

import numpy as np
import pytest
import tifffile

from stellate.errors import ConfigError
from stellate.prediction import files
from stellate.prediction.files import predict_files
from stellate.prediction.options import PredictOptions


@pytest.fixture
def cells(cells):
    return cells[40:110, 40:130]


@pytest.fixture
def folder(tmp_path, cells):
    (tmp_path / "in").mkdir()
    for name, image in {"a": cells, "b": cells[::-1], "c": cells[:, ::-1]}.items():
        tifffile.imwrite(tmp_path / "in" / f"{name}.tif", np.ascontiguousarray(image))
    return tmp_path / "in"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def statuses(outcomes):
    return {o.path.name: o.status for o in outcomes}


def images(folder):
    return sorted(folder.glob("*.tif"))


def test_each_file_is_done_and_then_skipped(predictor, folder, out, cells):
    first = predict_files(predictor, images(folder), out)
    assert statuses(first) == dict.fromkeys(["a.tif", "b.tif", "c.tif"], "done")
    assert first[0].n_objects == len(predictor.predict(cells))
    assert all(p.is_file() for o in first for p in o.outputs)
    before = {p: p.stat().st_mtime_ns for p in out.iterdir()}
    second = predict_files(predictor, images(folder), out)
    assert statuses(second) == dict.fromkeys(["a.tif", "b.tif", "c.tif"], "skipped")
    assert [(o.n_objects, set(o.outputs)) for o in second] == [(o.n_objects, set(o.outputs)) for o in first]
    assert {p: p.stat().st_mtime_ns for p in out.iterdir()} == before


def test_what_changed_is_done_again(predictor, folder, out, cells):
    predict_files(predictor, images(folder), out)
    tifffile.imwrite(folder / "a.tif", cells[::-1, ::-1].copy())
    (out / "b_rois.zip").unlink()
    again = predict_files(predictor, images(folder), out)
    assert statuses(again) == {"a.tif": "done", "b.tif": "done", "c.tif": "skipped"}
    np.testing.assert_array_equal(
        tifffile.imread(out / "a_labels.tif"), predictor.predict(folder / "a.tif").labels
    )


def test_other_options_or_another_model_do_all_again(predictor, folder, out):
    predict_files(predictor, images(folder), out)
    strict = PredictOptions(prob_threshold=0.8)
    assert set(statuses(predict_files(predictor, images(folder), out, options=strict)).values()) == {"done"}
    assert set(statuses(predict_files(predictor, images(folder), out, options=strict)).values()) == {
        "skipped"
    }
    predictor._fingerprint = "another"
    assert set(statuses(predict_files(predictor, images(folder), out, options=strict)).values()) == {"done"}


def test_overwrite_does_all_again(predictor, folder, out):
    predict_files(predictor, images(folder), out)
    again = predict_files(predictor, images(folder), out, overwrite=True)
    assert set(statuses(again).values()) == {"done"}


def test_tiles_and_device_do_not_matter(predictor, folder, out):
    predict_files(predictor, images(folder), out)
    options = PredictOptions(device="cpu", tile=200)
    assert set(statuses(predict_files(predictor, images(folder), out, options=options)).values()) == {
        "skipped"
    }


def test_a_folder_that_moved_with_its_images_is_still_done(predictor, folder, out, tmp_path):
    predict_files(predictor, images(folder), out)
    folder.rename(tmp_path / "elsewhere")
    outcomes = predict_files(predictor, images(tmp_path / "elsewhere"), out)
    assert set(statuses(outcomes).values()) == {"skipped"}


def test_results_of_another_file_of_the_same_name_are_not_overwritten(
    predictor, folder, out, tmp_path, cells
):
    predict_files(predictor, [folder / "a.tif"], out)
    labels = tifffile.imread(out / "a_labels.tif")
    (tmp_path / "other").mkdir()
    tifffile.imwrite(tmp_path / "other" / "a.tif", np.zeros_like(cells))
    (outcome,) = predict_files(predictor, [tmp_path / "other" / "a.tif"], out)
    assert outcome.status == "failed"
    assert "results of another file" in outcome.message
    np.testing.assert_array_equal(tifffile.imread(out / "a_labels.tif"), labels)
    both = predict_files(predictor, [folder / "a.tif", tmp_path / "other" / "a.tif"], out)
    assert {p.name for o in both for p in o.outputs} >= {"in_a_labels.tif", "other_a_labels.tif"}
    assert [o.n_objects for o in both] == [len(np.unique(labels)) - 1, 0]


def test_bad_files_are_reported_and_the_others_done(predictor, folder, out):
    (folder / "empty.tif").write_bytes(b"")
    (folder / "text.tif").write_text("I am no image")
    tifffile.imwrite(folder / "nan.tif", np.full((30, 30), np.nan, np.float32))
    tifffile.imwrite(
        folder / "two.tif", np.random.default_rng(0).random((2, 30, 30)), metadata={"axes": "CYX"}
    )
    paths = [*images(folder), folder / "missing.tif"]
    outcomes = predict_files(predictor, paths, out)
    assert statuses(outcomes) == {
        **dict.fromkeys(["a.tif", "b.tif", "c.tif"], "done"),
        **dict.fromkeys(["empty.tif", "text.tif", "nan.tif", "two.tif", "missing.tif"], "failed"),
    }
    messages = {o.path.name: o.message for o in outcomes}
    assert "900 pixels are NaN" in messages["nan.tif"]
    assert "2 channels" in messages["two.tif"]
    assert "no such file" in messages["missing.tif"]
    assert len(list(out.iterdir())) == 3 * 6


def test_a_fault_of_the_program_in_one_file_does_not_stop_the_others(predictor, folder, out, monkeypatch):
    original = files.save

    def save(prediction, folder, name, **more):
        if name == "b":
            raise KeyError("surprise")
        return original(prediction, folder, name, **more)

    monkeypatch.setattr(files, "save", save)
    outcomes = predict_files(predictor, images(folder), out)
    assert statuses(outcomes) == {"a.tif": "done", "b.tif": "failed", "c.tif": "done"}
    assert "KeyError" in outcomes[1].message


def test_wrong_options_stop_before_any_image_is_read(predictor, folder, out):
    with pytest.raises(ConfigError):
        predict_files(predictor, images(folder), out, options=PredictOptions(device="cuda:99"))
    assert not out.exists()


def test_an_interrupted_run_goes_on_where_it_stopped(predictor, folder, out, monkeypatch):
    original = files.save

    def save(prediction, folder, name, **more):
        if name == "b":
            raise KeyboardInterrupt
        return original(prediction, folder, name, **more)

    monkeypatch.setattr(files, "save", save)
    with pytest.raises(KeyboardInterrupt):
        predict_files(predictor, images(folder), out)
    assert {p.name.split("_")[0] for p in out.iterdir()} == {"a"}
    monkeypatch.undo()
    assert statuses(predict_files(predictor, images(folder), out)) == {
        "a.tif": "skipped",
        "b.tif": "done",
        "c.tif": "done",
    }


def test_results_beside_their_images(predictor, folder):
    predict_files(predictor, images(folder), folder)
    from stellate.prediction.naming import find_images

    assert [p.name for p in find_images(sorted(folder.glob("*.tif")))] == ["a.tif", "b.tif", "c.tif"]


def test_progress_counts_files_and_names_tiles(predictor, folder, out, cells):
    calls = []
    tifffile.imwrite(folder / "a.tif", np.tile(cells, (2, 2)))
    predict_files(
        predictor,
        images(folder)[:2],
        out,
        options=PredictOptions(tile=128),
        progress=lambda *call: calls.append(call),
    )
    assert calls[0] == (0, 2, "a.tif")
    assert calls[1][2].startswith("a.tif, 1 of ")
    assert calls[1][2].endswith(" tiles")
    assert calls[-1] == (2, 2, "")
    assert [c[0] for c in calls] == sorted(c[0] for c in calls)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a folder that is closed to this user")
def test_a_folder_without_permission_fails_each_file(predictor, folder, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    outcomes = predict_files(predictor, images(folder), closed)
    assert all(o.status == "failed" and "closed" in o.message for o in outcomes)


def test_paths_are_kept_as_given(predictor, folder, out, monkeypatch):
    monkeypatch.chdir(folder.parent)
    (outcome,) = predict_files(predictor, [Path("in/a.tif")], out)
    assert outcome.path == Path("in/a.tif")
