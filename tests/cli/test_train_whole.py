"""What the command line says of training on whole images, and of what careless users give it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stellate.cli.main import main

Say = Callable[..., tuple[int, list[str], str]]
BRIEF = ("--backbone", "timm/test_resnet", "--weights", "none", "--epochs", "1", "--steps-per-epoch", "1",
         "--batch-size", "4", "--warmup-steps", "0", "--precision", "float32", "--device", "cpu")  # fmt: skip


@pytest.fixture
def stellate(capsys: pytest.CaptureFixture[str]) -> Say:
    def run(*words: object) -> tuple[int, list[str], str]:
        status = main([str(word) for word in words])
        captured = capsys.readouterr()
        return status, captured.out.splitlines(), captured.err

    return run


@pytest.fixture(scope="module")
def data(shapes: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shapes(tmp_path_factory.mktemp("shapes"), count=8)


@pytest.fixture(scope="module")
def boxes(shapes: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shapes(tmp_path_factory.mktemp("boxes"), count=8, boxes=True)


def test_folds_of_a_backbone_that_is_partly_frozen(stellate: Say, data: Path, tmp_path: Path) -> None:
    words = (
        "train",
        "classifier",
        data,
        "-o",
        tmp_path / "o",
        *BRIEF,
        "--freeze",
        "until:layer3",
        "--folds",
        "2",
    )
    status, out, _ = stellate(*words)
    assert status == 0
    assert sum(line.startswith("fold ") and "images to train on" in line for line in out) == 2
    assert any(line.split()[:2] == ["frozen", "until:layer3:"] for line in out)
    table = [line.split() for line in out if line.startswith(("1 ", "2 ", "mean ", "standard "))]
    assert [row[0] for row in table] == ["1", "2", "mean", "standard"]
    assert any(
        line.startswith("all images, each by the model that did not know it: accuracy 0.") for line in out
    )
    assert out[-1] == "the runs were for measuring; to have a model of all images, train without folds"
    status, again, _ = stellate("train", "classifier", data, "-o", tmp_path / "o", "--resume")
    assert status == 0
    assert again[-4:] == out[-4:]
    assert not any(line.startswith("frozen") for line in again)  # nothing is trained anew


@pytest.mark.parametrize(
    ("model", "words", "said"),
    [
        ("clasifier", (), "did you mean 'classifier'?"),
        ("classifier", ("--backbone", "resnet19"), "backbone 'resnet19' is not known; did you mean"),
        (
            "classifier",
            ("--freeze", "until:nonsense"),
            "the backbone has no layer 'nonsense' with weights; there are",
        ),
        ("classifier", ("--folds", "200"), "200 folds need 200 different images, and there are 8"),
        ("classifier", ("--folds", "1"), "folds 1: expected at least 2, or 0 for a single model"),
        ("classifier", ("--sweep", "nonsense"), "only a localizer has a setting to try values of"),
        ("localizer", ("--sweep", "nonsense"), "expected box-weight, or values of it: box-weight=1,10,100"),
        ("classifier", ("--patch", "64", "64"), "images are seen as a whole here"),
        ("stardist", ("--freeze", "backbone"), "only a classifier or a localizer"),
        ("localizer", ("--backbone", "vit_b_16"), "choose another input_size, or a CNN"),
        ("classifier", ("--weights", "nothere"), "there is no such file or folder"),
        ("classifier", ("--weights", "nuclei"), "nothing of them fits the backbone timm/test_resnet"),
        ("classifier", ("--least-images", "100"), "no class has 100 images"),
        (
            "classifier",
            ("--task.label-smoothing", "3"),
            "label_smoothing 3: expected a number from 0 to 0.99",
        ),
        ("localizer", ("--task.box-loss", "l3"), "box_loss 'l3': there are l2, smooth-l1, giou"),
        ("classifier", ("--batch-size", "1", "--network.input-size", "32"), "take a larger batch"),
        ("classifier", ("--resume",), "nothing to resume"),
    ],
)
def test_careless_words_give_one_clear_line(
    model: str, words: tuple[str, ...], said: str, stellate: Say, data: Path, boxes: Path, tmp_path: Path
) -> None:
    folder = boxes if model == "localizer" else data
    given = [*BRIEF, *words]
    for name in ("--backbone", "--weights", "--batch-size"):  # once each
        if given.count(name) > 1:
            del given[given.index(name) : given.index(name) + 2]
    status, _, err = stellate(
        "train",
        model,
        folder,
        "-o",
        tmp_path / "o",
        *([] if model == "stardist" else given),
        *(words if model == "stardist" else ()),
    )
    assert status == 2
    assert said in err
    lines = [line for line in err.splitlines() if line.strip()]
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert not list(tmp_path.glob("o/checkpoints/*"))


def test_a_text_among_the_images(stellate: Say, shapes: Callable[..., Path], tmp_path: Path) -> None:
    data = shapes(tmp_path / "data", count=8)
    (data / "disc" / "note.png").write_text("no picture", encoding="utf-8")
    words = ("train", "classifier", data, "-o", tmp_path / "o", *BRIEF)
    status, _, err = stellate(*words)
    assert status == 2
    assert "1 of 9 images cannot be used" in err
    assert "note.png" in err
    assert "skip" in err
    status, out, _ = stellate(*words, "--skip-unreadable")
    assert status == 0
    assert any("left out: 1 of 9 images" in line for line in out)


def test_explanations_are_for_networks_that_need_them(stellate: Say, data: Path, tmp_path: Path) -> None:
    status, _, err = stellate("predict", data / "disc" / "0.tif", "-m", "nuclei", "-o", tmp_path, "--explain")
    assert status == 2
    assert "nuclei, a model for instances, says for itself where it sees what; leave it out" in err
    assert not list(tmp_path.iterdir())
