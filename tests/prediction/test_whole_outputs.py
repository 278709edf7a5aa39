"""What is predicted, drawn and written for the classes of whole images, and for boxes."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image as PillowImage

from stellate import io
from stellate.axes import Image
from stellate.errors import InputError, OutputError
from stellate.io.class_colours import class_colour
from stellate.prediction import outputs
from stellate.prediction.files import predict_files
from stellate.prediction.finding import Finding
from stellate.prediction.outputs import read_run
from stellate.prediction.prediction import Prediction
from stellate.results import Boxes, Instances, Scores

NAMES = ("round", "NA", "01")
"""Such as other programs take for something else."""
SPACING = {"Y": 0.5, "X": 0.25}


def scores(*probabilities) -> Scores:
    return Scores(np.array(probabilities, np.float32), NAMES)


def boxes(*places, of=None, probabilities=None) -> Boxes:
    classes = np.zeros(len(places), np.int32) if of is None else np.array(of, np.int32)
    known = None if probabilities is None else np.array(probabilities, np.float32)
    return Boxes(np.array(places, np.float32).reshape(-1, 4), classes, NAMES, known)


def image_of(shape=(30, 40), axes="YX", name="a", spacing=SPACING) -> Image:
    return Image(
        np.random.default_rng(0).integers(0, 4000, shape).astype(np.uint16), axes, spacing, name=name
    )


def predicted(*results, image=None, explanations=()) -> Prediction:
    if len(results) == 1:
        image = image or image_of()
        return Prediction(image, (image,), results, explanations=explanations)
    film = image or image_of((len(results), 30, 40), "TYX")
    frames = tuple(film.select("T", k) for k in range(len(results)))
    return Prediction(film, frames, results, along="T", explanations=explanations)


def names_in(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()}


def table_of(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False, dtype={"class": str})


def test_the_class_of_an_image(tmp_path):
    found = predicted(scores(0.1, 0.7, 0.2))
    assert found.best == ("NA", pytest.approx(0.7))
    assert found.class_names == NAMES
    assert found.probabilities.tolist() == pytest.approx([0.1, 0.7, 0.2])
    assert repr(found) == "<Prediction of a: NA 70% in 30 x 40 (YX)>"
    paths = found.save(tmp_path)
    assert names_in(tmp_path) == {"a_scores.csv", "a_run.json"}
    table = table_of(paths["scores"])
    assert table["class"].tolist() == list(NAMES)
    assert table["probability"].tolist() == pytest.approx([0.1, 0.7, 0.2])
    run = read_run(tmp_path, "a")
    assert run.finding == Finding("NA", float(np.float32(0.7)))
    assert (run.counts, run["objects"]) == ({"NA": 1}, None)


def test_frames_have_rows_and_pictures_of_their_own(tmp_path):
    heat = tuple(np.full((30, 40), v, np.float32) for v in (0.2, 0.9))
    found = predicted(scores(0.6, 0.4, 0), scores(0, 0.1, 0.9), explanations=heat)
    assert found.probabilities.shape == (2, 3)
    assert repr(found) == "<Prediction of a: 3 classes in 2 frames in 2 x 30 x 40 (TYX)>"
    with pytest.raises(InputError, match="has 2 frames along T"):
        found.best  # noqa: B018
    paths = found.save(tmp_path)
    assert names_in(tmp_path) == {
        "a_scores.csv",
        "a_run.json",
        "a_T000_explained.png",
        "a_T001_explained.png",
    }
    assert table_of(paths["scores"])["T"].tolist() == [0] * 3 + [1] * 3
    run = read_run(tmp_path, "a")
    assert (run.finding, run.counts) == (None, {"round": 1, "01": 1})
    one, two = (np.asarray(PillowImage.open(paths[k])).astype(int) for k in ("explained", "explained 1"))
    np.testing.assert_array_equal(one, found.explained(0))
    assert two[:200, -100:].mean() > one[:200, -100:].mean() + 30  # the hotter is the brighter


def test_boxes_in_pixels_and_micrometres(tmp_path):
    found = predicted(boxes((4, 2, 12, 22), (0, 0, 40, 30), of=[2, 0], probabilities=[0.9, 0.5]))
    assert (len(found), len(found.boxes[0])) == (2, 2)
    assert repr(found) == "<Prediction of a: 2 boxes: 1 round, 1 01 in 30 x 40 (YX)>"
    paths = found.save(tmp_path)
    assert names_in(tmp_path) == {"a_boxes.csv", "a_overlay.png", "a_run.json"}
    table = table_of(paths["boxes"])
    assert table.loc[0, ["xmin", "ymin", "xmax", "ymax"]].tolist() == [4, 2, 12, 22]
    assert table.loc[0, ["xmin_um", "ymin_um", "xmax_um", "ymax_um"]].tolist() == [1, 1, 3, 11]
    assert table["class"].tolist() == ["01", "round"]
    assert table["score"].tolist() == pytest.approx([0.9, 0.5])
    picture = np.asarray(PillowImage.open(paths["overlay"]))
    np.testing.assert_array_equal(picture, found.overlay())
    zoom = 800 // 40
    assert picture[5 * zoom, 4 * zoom - 2].tolist() == list(class_colour(2))
    run = read_run(tmp_path, "a")
    assert (run.finding, run.counts, run["objects"]) == (None, {"01": 1, "round": 1}, 2)


def test_the_one_box_of_an_image(tmp_path):
    found = predicted(boxes((4, 2, 12, 22), of=[1], probabilities=[0.75]), image=image_of(spacing={}))
    assert repr(found) == "<Prediction of a: NA 75% in 30 x 40 (YX)>"
    found.save(tmp_path)
    assert "xmin_um" not in table_of(tmp_path / "a_boxes.csv")
    assert read_run(tmp_path, "a").finding == Finding("NA", 0.75, (4, 2, 12, 22))


def test_no_box_at_all(tmp_path):
    predicted(boxes()).save(tmp_path)
    assert len(table_of(tmp_path / "a_boxes.csv")) == 0
    assert read_run(tmp_path, "a").counts == {}


def test_what_results_do_not_have_is_said():
    of_image, of_box = predicted(scores(1, 0, 0)), predicted(boxes((0, 0, 1, 1)))
    for found, name, message in (
        (of_image, "boxes", "gives no boxes but Scores"),
        (of_image, "labels", "finds no objects but Scores"),
        (of_image, "classes", "gives no classes of pixels but Scores"),
        (of_box, "scores", "gives no classes of whole images but Boxes"),
        (of_box, "best", "gives no classes of whole images but Boxes"),
        (of_box, "probabilities", "gives no classes of pixels but Boxes"),
    ):
        with pytest.raises(InputError, match=f"a: the model {message}"):
            getattr(found, name)
    with pytest.raises(InputError, match="predict it with explain=True"):
        of_image.explained()
    with pytest.raises(InputError, match="finds no objects but Scores"):
        of_image.planes()


def test_the_class_stands_below_the_picture():
    small = predicted(scores(0.1, 0.7, 0.2), image=image_of((3, 4)))
    picture = small.overlay()
    assert picture.shape[1] == 800
    below = picture[600:]
    assert 30 < len(below) < 80
    assert (below < 128).any()
    assert (below[-3:] == 255).all()


@pytest.mark.parametrize("failing", ["write_table", "write_picture"])
def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch, failing):
    def full(path, *_, **__):
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(outputs.io, failing, full)
    found = predicted(boxes((0, 0, 1, 1)))
    with pytest.raises(OutputError, match="No space left"):
        found.save(tmp_path)
    assert list(tmp_path.iterdir()) == []


class Fixed:
    """Finds what it was told, by the mean of an image."""

    def __init__(self, answers) -> None:
        self.answers, self.calls = answers, 0
        self.fingerprint = repr(answers)
        self.info = type("Info", (), {"name": "fixed"})

    def prepare(self, options):
        pass

    def predict(self, path, options, progress=None):
        self.calls += 1
        image = io.read(path)
        frames = [image] if image.axes == "YX" else [image.select("T", k) for k in range(image.sizes["T"])]
        results = tuple(self.answers[int(np.asarray(f.array).mean())] for f in frames)
        along = "" if image.axes == "YX" else "T"
        return Prediction(image, tuple(frames), results, along=along)


ANSWERS = {1: scores(0.1, 0.7, 0.2), 2: scores(0.5, 0.3, 0.2), 3: scores(0, 0, 1)}


@pytest.fixture
def scans(tmp_path) -> list[Path]:
    folder = tmp_path / "scans"
    folder.mkdir()
    for name, value in (("b", 2), ("a", 1)):
        tifffile.imwrite(folder / f"{name}.tif", np.full((8, 9), value, np.uint8))
    return [folder / "b.tif", folder / "a.tif"]


def test_one_table_of_all_images_with_those_that_were_done_before(scans, tmp_path):
    out, model = tmp_path / "out", Fixed(ANSWERS)
    predict_files(model, scans[:1], out)
    outcomes = predict_files(model, scans, out)
    assert ([o.status for o in outcomes], model.calls) == (["skipped", "done"], 2)
    assert [o.finding.name for o in outcomes] == ["round", "NA"]
    assert [o.counts for o in outcomes] == [{"round": 1}, {"NA": 1}]
    table = pd.read_csv(out / "scores.csv", keep_default_na=False, dtype=str)
    assert list(table) == ["image", "class", "probability", *(f"probability_{n}" for n in NAMES)]
    assert table["image"].tolist() == ["b.tif", "a.tif"]
    assert table["class"].tolist() == ["round", "NA"]
    assert table["probability"].astype(float).tolist() == pytest.approx([0.5, 0.7])
    assert table["probability_01"].astype(float).tolist() == pytest.approx([0.2, 0.2])


def test_frames_in_the_table_and_images_of_one_name(scans, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    film = np.stack([np.full((8, 9), v, np.uint8) for v in (3, 1)])
    tifffile.imwrite(other / "a.tif", film, imagej=True, metadata={"axes": "TYX"})
    out = tmp_path / "out"
    outcomes = predict_files(Fixed(ANSWERS), [*scans, other / "a.tif"], out)
    table = pd.read_csv(out / "scores.csv", keep_default_na=False, dtype=str)
    assert list(table)[:4] == ["image", "T", "class", "probability"]
    assert table["T"].tolist() == ["", "", "0", "1"]
    assert table["class"].tolist() == ["round", "NA", "01", "NA"]
    assert table["image"].tolist() == ["b.tif", scans[1].as_posix(), *[(other / "a.tif").as_posix()] * 2]
    assert (outcomes[2].finding, outcomes[2].counts) == (None, {"01": 1, "NA": 1})


def test_the_table_of_boxes_has_every_box_and_no_row_for_none(scans, tmp_path):
    answers = {
        1: boxes((0, 0, 3, 4), (1, 1, 2, 2), of=[0, 1], probabilities=[0.9, 0.8]),
        2: boxes(probabilities=[]),
    }
    out = tmp_path / "out"
    outcomes = predict_files(Fixed(answers), scans, out)
    table = pd.read_csv(out / "boxes.csv", keep_default_na=False, dtype=str)
    assert list(table) == ["image", "class", "score", "xmin", "ymin", "xmax", "ymax"]
    assert table["image"].tolist() == ["a.tif", "a.tif"]
    assert table["class"].tolist() == ["round", "NA"]
    assert [o.n_objects for o in outcomes] == [0, 2]
    assert not (out / "scores.csv").exists()


def test_of_objects_there_is_no_such_table(scans, tmp_path):
    labels = Instances(np.zeros((8, 9), np.int32))
    predict_files(Fixed({1: labels, 2: labels}), scans, tmp_path / "out")
    assert not {"scores.csv", "boxes.csv"} & names_in(tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("class,share\na,1\n", "no table of classes and probabilities"),
        ("class,probability\na,much\n", "no table of classes and probabilities"),
        ("class,probability\na\n", "rows of different lengths"),
        ("class,probability\na,1,2\n", "rows of different lengths"),
    ],
)
def test_a_table_that_was_changed_is_named(scans, tmp_path, text, message):
    out = tmp_path / "out"
    predict_files(Fixed(ANSWERS), scans, out)
    (out / "b_scores.csv").write_text(text)
    with pytest.raises(InputError, match=rf"b_scores.csv: {message}; predict the image again"):
        predict_files(Fixed(ANSWERS), scans, out)
    predict_files(Fixed(ANSWERS), scans, out, overwrite=True)
    assert len(pd.read_csv(out / "scores.csv")) == 2


def test_a_table_that_cannot_be_made_leaves_the_old_one(scans, tmp_path):
    out = tmp_path / "out"
    predict_files(Fixed(ANSWERS), scans[:1], out)
    before = (out / "scores.csv").read_bytes()
    (out / "b_scores.csv").write_text("class,probability\n")
    with pytest.raises(InputError, match=r"b_scores.csv: no table of classes"):
        predict_files(Fixed(ANSWERS), scans, out)
    assert (out / "scores.csv").read_bytes() == before
