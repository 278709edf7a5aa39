"""The command line: what it hands to the interface, what it prints, and its exit codes."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile

from stellate import api, io
from stellate.cli.evaluate import EvaluateOptions
from stellate.cli.main import main
from stellate.data.findings import CheckReport, Finding, Severity
from stellate.errors import InputError
from stellate.metrics.instances import score_instances
from stellate.metrics.masks import score_masks
from stellate.models.file import ModelInfo
from stellate.prediction.files import FileOutcome
from stellate.prediction.options import PredictOptions
from stellate.results import Mask


class Recorder:
    """Stands in for a verb of the interface and keeps what it was called with."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.args: tuple[Any, ...] = ()
        self.kwargs: dict[str, Any] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.args, self.kwargs = args, kwargs
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


TRAINED = SimpleNamespace(
    info=SimpleNamespace(metrics={"validation": {"n_images": 4, "mean_accuracy_by_image": 0.75}})
)


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch):
    def replace(name: str, answer: Any) -> Recorder:
        recorder = Recorder(answer)
        monkeypatch.setattr(api, name, recorder, raising=False)
        return recorder

    return replace


def done(name: str, n: int = 3) -> FileOutcome:
    return FileOutcome(Path(name), "done", n_objects=n, outputs=(Path("out") / name,), seconds=1.25)


def test_predict_hands_over_images_model_output_and_options(verb, capsys, tmp_path) -> None:
    called = verb("predict", [done("a.tif", 12), done("b.tif", 7)])
    arguments = ["predict", "a.tif", "b.tif", "-m", "mine.safetensors", "-o", str(tmp_path), "--overwrite"]
    arguments += [
        "--prob-threshold",
        "0.4",
        "--rescale",
        "0.5",
        "--channels",
        "2",
        "--plane",
        "max",
        "--flips",
    ]
    assert main(arguments) == 0
    assert called.args == (["a.tif", "b.tif"], "mine.safetensors", tmp_path)
    assert called.kwargs["overwrite"] is True
    expected = PredictOptions(prob_threshold=0.4, rescale=0.5, channels=(2,), plane="max", flips=True)
    assert called.kwargs["options"] == expected
    out = capsys.readouterr().out
    assert "a.tif       12" in out
    assert f"results are in {tmp_path}" in out


def test_predict_tells_what_failed_and_exits_1(verb, capsys) -> None:
    failed = FileOutcome(Path("bad.tif"), "failed", "bad.tif: truncated")
    skipped = FileOutcome(Path("old.tif"), "skipped", n_objects=2)
    verb("predict", [done("good.tif"), failed, skipped])
    assert main(["predict", "good.tif", "bad.tif", "old.tif"]) == 1
    captured = capsys.readouterr()
    assert "bad.tif: truncated" in captured.err
    assert "good.tif" in captured.out
    assert "1 done before and skipped" in captured.out


def test_options_come_from_a_file_and_the_command_line_wins(verb, tmp_path) -> None:
    called = verb("predict", [])
    config = tmp_path / "options.toml"
    config.write_text('prob_threshold = 0.3\nflips = true\n[predict]\nmodel = "mine"\n[train]\nepochs = 9\n')
    assert main(["predict", "a.tif", "--config", str(config), "--prob-threshold", "0.7"]) == 0
    assert called.args[1] == "mine"
    assert called.kwargs["options"] == PredictOptions(prob_threshold=0.7, flips=True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("prob_treshold = 0.3", "has no option 'prob_treshold'; did you mean 'prob_threshold'?"),
        ("[predict]\nflops = true", "has no option 'flops'; did you mean 'flips'?"),
        ("prob_threshold = ", "not a TOML file"),
        ("prob_threshold = 'high'", 'unable to convert "high" into float'),
    ],
)
def test_a_wrong_options_file_is_refused(verb, capsys, tmp_path, content: str, message: str) -> None:
    called = verb("predict", [])
    config = tmp_path / "options.toml"
    config.write_text(content)
    assert main(["predict", "a.tif", "--config", str(config)]) == 2
    assert message in capsys.readouterr().err
    assert called.args == ()


def test_a_missing_options_file_is_named(capsys) -> None:
    assert main(["predict", "a.tif", "--config", "nowhere.toml"]) == 2
    assert "nowhere.toml: cannot be read" in capsys.readouterr().err


def test_train_hands_over_settings_of_network_and_task(verb, tmp_path) -> None:
    called = verb("train", TRAINED)
    arguments = [
        "train",
        "stardist",
        "data",
        "-o",
        str(tmp_path / "run"),
        "--epochs",
        "5",
        "--patch",
        "128",
        "96",
    ]
    arguments += ["--network.n-rays", "64", "--network.grid", "2,2", "--network.batch-norm", "false"]
    arguments += ["--task.distance-loss", "l1", "--from", "nuclei", "--resume"]
    assert main(arguments) == 0
    assert called.args == ("stardist", Path("data"), tmp_path / "run")
    assert called.kwargs["resume"] is True
    settings = called.kwargs["settings"]
    assert (settings.epochs, settings.patch, settings.from_model) == (5, (128, 96), "nuclei")
    assert settings.network == {"n_rays": 64, "grid": (2, 2), "batch_norm": False}
    assert settings.task == {"distance_loss": "l1"}


def test_train_settings_come_from_a_file(verb, tmp_path) -> None:
    called = verb("train", TRAINED)
    config = tmp_path / "run.toml"
    config.write_text("[train]\nepochs = 7\nscale = [0.9, 1.1]\n[train.network]\ngrid = [1, 1]\ndepth = 2\n")
    assert (
        main(["train", "stardist", "data", "-o", "run", "--config", str(config), "--network.depth", "4"]) == 0
    )
    settings = called.kwargs["settings"]
    assert settings.epochs == 7
    assert settings.scale == (0.9, 1.1)
    assert settings.network["depth"] == 4
    assert list(settings.network["grid"]) == [1, 1]


def test_train_hands_over_channels_and_the_model_to_start_from(verb, capsys, tmp_path) -> None:
    called = verb("train", TRAINED)
    config = tmp_path / "run.toml"
    config.write_text('[train]\nfrom = "nuclei"\nsteps-per-epoch = 7\nnormalize_channels = "joint"\n')
    arguments = ["train", "stardist", "data", "-o", "run", "--config", str(config)]
    assert main([*arguments, "--channels", "DAPI", "--channels", "0", "--validation_patches", "9"]) == 0
    settings = called.kwargs["settings"]
    assert (settings.from_model, settings.channels, settings.steps_per_epoch) == ("nuclei", ("DAPI", 0), 7)
    assert (settings.normalize_channels, settings.validation_patches) == ("joint", 9)
    assert "-m run -o results\n" in capsys.readouterr().out  # the model remembers the channels


def test_train_prints_what_was_chosen_and_the_score(monkeypatch, capsys, tmp_path) -> None:
    def train(*args: Any, say: Any, progress: Any, **kwargs: Any) -> Any:
        say("grid  (2, 2): objects are large")
        progress(1, 2, "train_loss 0.5")
        return TRAINED

    monkeypatch.setattr(api, "train", train)
    assert main(["train", "stardist", "data", "-o", str(tmp_path)]) == 0
    captured = capsys.readouterr()
    assert "grid  (2, 2): objects are large" in captured.out
    assert "on 4 validation images: mean accuracy 0.750" in captured.out
    assert "1/2 train_loss 0.5" in captured.err


def test_evaluate_prints_the_scores(verb, capsys, tmp_path) -> None:
    """Two squares annotated, one of them found whole: half the objects, all of the precision."""
    truth = np.zeros((40, 40), np.int32)
    truth[2:12, 2:12], truth[20:30, 20:30] = 1, 2
    metrics = score_instances([(truth == 1).astype(np.int32)], [truth], (0.5, 0.9))
    called = verb("evaluate", SimpleNamespace(metrics=metrics, warning=""))
    assert main(["evaluate", "nuclei", "data", "-o", str(tmp_path), "--split", "val", "--flips"]) == 0
    assert called.args == ("nuclei", Path("data"), tmp_path)
    assert called.kwargs["split"] == "val"
    assert called.kwargs["options"] == EvaluateOptions(flips=True)
    out = capsys.readouterr().out
    header, first, *_ = (line.split() for line in out.splitlines())
    shown = dict(zip(header, first, strict=False))
    assert (shown["IoU"], shown["TP"], shown["FP"], shown["FN"]) == ("0.500", "1", "0", "1")
    assert (shown["precision"], shown["recall"], shown["accuracy"]) == ("1.000", "0.500", "0.500")
    assert "1 image, 2 objects annotated, 1 found" in out


def test_evaluate_prints_the_scores_of_classes_of_pixels(verb, capsys) -> None:
    """Of 100 pixels of a cell 80 are found, and 20 taken for ground."""
    names = ("ground", "cell")
    truth = np.zeros((20, 20), np.int32)
    truth[:10, :10] = 1
    found = truth.copy()
    found[:2, :10] = 0
    metrics = score_masks([Mask(found, names)], [Mask(truth, names)])
    called = verb("evaluate", SimpleNamespace(metrics=metrics, warning=""))
    assert main(["evaluate", "mine", "data", "--instances"]) == 0
    assert called.kwargs["options"] == EvaluateOptions(instances=True)
    out = capsys.readouterr().out
    lines = [line.split() for line in out.splitlines()]
    assert lines[1][:6] == ["ground", "300", "320", f"{300 / 320:.3f}", f"{600 / 620:.3f}", "1.000"]
    assert lines[2][:6] == ["cell", "100", "80", "0.800", f"{160 / 180:.3f}", "0.800"]
    assert lines[3][:6] == [
        "mean",
        "-",
        "-",
        f"{(300 / 320 + 0.8) / 2:.3f}",
        f"{(600 / 620 + 160 / 180) / 2:.3f}",
        "0.900",
    ]
    assert "1 image, all pixels pooled" in out
    assert "pixel accuracy 0.950" in out


def test_predict_shows_the_shares_of_classes(verb, capsys, tmp_path) -> None:
    shares = [{"ground": 0.75, "cell": 0.25}, {"ground": 1.0, "cell": 0.0}]
    paths = [Path("a.tif"), Path("longer.tif")]
    outcomes = [FileOutcome(p, "done", shares=s, seconds=1.0) for p, s in zip(paths, shares, strict=True)]
    called = verb("predict", outcomes)
    assert main(["predict", "a.tif", "-o", str(tmp_path), "--probabilities", "--instances"]) == 0
    assert called.kwargs["options"] == PredictOptions(probabilities=True, instances=True)
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["image", "ground", "cell", "seconds"]
    assert out[1].split() == ["a.tif", "75.0%", "25.0%", "1.000"]
    assert out[1].index("75.0%") + 5 == out[2].index("100.0%") + 6  # to the right
    verb("predict", [FileOutcome(Path("a.tif"), "done", n_objects=3, shares=shares[0], seconds=1.0)])
    assert main(["predict", "a.tif", "-o", str(tmp_path)]) == 0
    assert capsys.readouterr().out.split()[:4] == ["image", "objects", "ground", "cell"]
    many = {f"class {k}": 0.05 for k in range(20)}
    verb("predict", [FileOutcome(Path("a.tif"), "done", shares=many, seconds=1.0)])
    assert main(["predict", "a.tif", "-o", str(tmp_path)]) == 0
    assert "class 3" not in capsys.readouterr().out


@pytest.mark.parametrize(("severity", "status"), [(Severity.WARNING, 0), (Severity.ERROR, 1)])
def test_data_check_says_whether_training_can_start(verb, capsys, severity: Severity, status: int) -> None:
    finding = Finding(severity, Path("masks/a.tif"), "no objects", "annotate it")
    verb("check", CheckReport(Path("data"), 3, 17, (finding,)))
    assert main(["data", "check", "data"]) == status
    out = capsys.readouterr().out
    assert f"{severity}: {Path('masks/a.tif')}: no objects; annotate it" in out
    assert "3 pairs, 17 objects, 1 finding\n" in out


def test_data_show_writes_where_it_is_told(verb, capsys, tmp_path) -> None:
    called = verb("show", tmp_path / "sheet.png")
    assert main(["data", "show", "data", "-o", str(tmp_path / "sheet.png")]) == 0
    assert called.args == (Path("data"), tmp_path / "sheet.png")
    assert "sheet.png" in capsys.readouterr().out


def test_models_are_listed_with_their_cards(verb, capsys) -> None:
    known = ModelInfo(
        "nuclei", "stardist", "instances", {}, description="nuclei", license="CC0", card="# Card"
    )
    verb("models", [known])
    assert main(["models"]) == 0
    assert "# Card" not in capsys.readouterr().out
    assert main(["models", "--cards"]) == 0
    assert "# Card" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["predikt", "a.tif"], 'Did you mean "predict"?'),
        (["predict", "a.tif", "--prob-treshold", "0.3"], "Did you mean --prob-threshold?"),
        (["predict"], "IMAGES requires an argument"),
        (["train", "stardist", "data"], "--output"),
        (["predict", "a.tif", "--precision", "double"], "precision"),
        (["predict", "a.tif", "--prob-threshold", "1.5"], "expected a number from 0 to 1"),
    ],
)
def test_wrong_arguments_exit_2_with_a_hint(capsys, arguments: list[str], message: str) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(
    ("raised", "status", "message"),
    [
        (InputError("x.tif: truncated; copy it again"), 2, "error: x.tif: truncated; copy it again"),
        (OSError(28, "No space left on device", "out/a.tif"), 2, "No space left on device"),
        (KeyboardInterrupt(), 130, "stopped"),
        (ZeroDivisionError("division by zero"), 3, "please report"),
    ],
)
def test_errors_become_a_message_and_an_exit_code(verb, capsys, raised, status: int, message: str) -> None:
    verb("predict", raised)
    assert main(["predict", "a.tif"]) == status
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_debug_lets_the_traceback_through(verb) -> None:
    verb("predict", ZeroDivisionError("division by zero"))
    with pytest.raises(ZeroDivisionError):
        main(["predict", "a.tif", "--debug"])


def test_info_describes_the_sample(capsys) -> None:
    from stellate.data.sample import sample_path

    assert main(["info", str(sample_path())]) == 0
    lines = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines())
    assert lines["axes"].strip() == "YX"
    assert lines["shape"].strip() == "512 x 512"
    assert "Y 0.325 um" in lines["pixel size"]


def test_damaged_tiffs_are_spoken_of_once(capsys, caplog, monkeypatch, tmp_path) -> None:
    """tifffile logs what it stumbles over; on the console that would stand before the message."""
    logger = logging.getLogger("tifffile")
    # programs that configure logging, of which earlier tests may have imported one, turn off what was there before
    monkeypatch.setattr(logger, "disabled", False)
    monkeypatch.setattr(logger, "propagate", True)
    path = tmp_path / "cut.tif"
    tifffile.imwrite(path, np.ones((4, 60, 70), np.uint16), imagej=True)
    path.write_bytes(path.read_bytes()[:10_000])
    assert main(["info", str(path)]) == 2
    assert "cut.tif" in capsys.readouterr().err
    assert not caplog.records
    logger.setLevel(logging.NOTSET)
    with pytest.raises(InputError):
        io.read(path)
    assert caplog.records  # otherwise there was nothing to be silent about


def test_info_takes_axes_and_asks_for_them_as_an_option(tmp_path, capsys) -> None:
    np.save(tmp_path / "stack.npy", np.zeros((5, 6, 7), np.uint8))
    assert main(["info", str(tmp_path / "stack.npy")]) == 2
    assert "e.g. --axes ZYX" in capsys.readouterr().err
    assert main(["info", str(tmp_path / "stack.npy"), "--axes", "ZYX"]) == 0
    assert "5 x 6 x 7" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("channels", "shown"),
    [((2,), "channels  2"), (("DAPI", 0), "channels  DAPI, 0"), (("grey",), "channels  grey")],
)
def test_info_shows_the_channels_that_a_model_was_trained_on(verb, capsys, channels, shown) -> None:
    verb("info", ModelInfo("a", "stardist", "instances", {}, channels=channels))
    assert main(["info", "a"]) == 0
    assert shown in re.sub(" {2,}", "  ", capsys.readouterr().out)
    verb("info", ModelInfo("a", "stardist", "instances", {}))
    assert main(["info", "a"]) == 0
    assert "channels" not in capsys.readouterr().out


def test_converted_model_is_described_and_used(capsys, tmp_path) -> None:
    """A StarDist folder becomes a file; the file finds objects in the sample; a second run skips it."""
    from stellate.data.sample import sample_path

    folder = Path(__file__).parents[1] / "fixtures" / "stardist" / "trained_grid22"
    model, output = tmp_path / "model.safetensors", tmp_path / "out"
    assert main(["convert", str(folder), str(model)]) == 0
    assert main(["info", str(model)]) == 0
    assert "stardist" in capsys.readouterr().out

    predict = ["predict", str(sample_path()), "-m", str(model), "-o", str(output), "--device", "cpu"]
    assert main(predict) == 0
    out = capsys.readouterr().out
    for end in ("labels.tif", "overlay.png", "objects.csv", "rois.zip", "objects.geojson"):
        assert (output / f"sample_nuclei_{end}").is_file(), end
    n_objects = int(
        next(line for line in out.splitlines() if line.startswith("sample_nuclei.tif")).split()[1]
    )
    rows = (output / "sample_nuclei_objects.csv").read_text().splitlines()
    assert n_objects == len(rows) - 1 > 0
    assert main(predict) == 0
    assert "1 done before and skipped" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (
            "resnet_classes_grid124",
            ["axes ZYX", "backbone resnet", "grid 1, 2, 4", "anisotropy 2.5, 1, 1"],
        ),
        ("resnet_batchnorm_keras3_grid111", ["n_rays 18", "ray_vertices 18 x 3 values"]),
    ],
)
def test_a_model_for_volumes_is_converted_and_described(capsys, tmp_path, name, lines) -> None:
    folder = Path(__file__).parents[1] / "fixtures" / "stardist_3d" / name
    model = tmp_path / "model.safetensors"
    assert main(["convert", str(folder), str(model)]) == 0
    assert main(["info", str(model)]) == 0
    shown = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert not [line for line in lines if line not in shown]
    assert all(" " in line for line in shown if line not in ("config", "training"))


def test_the_list_of_commands_names_all_that_is_converted(capsys) -> None:
    assert main(["--help"]) == 0
    convert = " ".join(capsys.readouterr().out.replace("│", " ").split()).partition(" convert ")[2]
    assert convert.startswith(
        "Turn a StarDist model folder into one file without TensorFlow, or a sliding window into its convolutional "
        "twin."
    )


def test_version_is_printed_by_the_installed_command() -> None:
    run = subprocess.run(
        [sys.executable, "-c", "from stellate.cli.main import main; raise SystemExit(main(['--version']))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip().count(".") == 2
