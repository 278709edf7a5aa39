from __future__ import annotations

import json
import os
import pickle
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import torch
from torch import nn

from stellate.errors import ModelFileError
from stellate.models import build
from stellate.models.file import FORMAT_VERSION, ModelInfo, load_model, read_info, save_model

CONFIG = {"base_channels": 4, "depth": 1, "n_rays": 8, "head_channels": 8, "batch_norm": True, "n_classes": 2}
INFO = ModelInfo(
    name="tiny",
    model="stardist",
    task="instances",
    config=CONFIG,
    settings={"prob_threshold": 0.53, "nms_threshold": 0.3},
    class_names=("round", "long"),
    channels=("DAPI", 2),
    normalization={"low": 1.0, "high": 99.8},
    spacing_um={"Y": 0.5, "X": 0.5},
    object_diameter_px=14.5,
    training={"data": "made up", "seeds": [1, 2]},
    metrics={"ap50": 0.81},
    license="BSD-3-Clause",
    description="Nothing real: µ, 細胞",
    card="# Tiny\n\nA card.",
    versions={"stellate": "0.1.0"},
)


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(3)
    network = build("stardist", CONFIG)
    for buffer in network.buffers():
        buffer.add_(torch.rand(buffer.shape).to(buffer.dtype) + 1)
    return network


@pytest.fixture
def model(network: nn.Module, tmp_path: Path) -> Path:
    return save_model(tmp_path / "tiny.safetensors", network, INFO)


def rewrite(path: Path, *, info: Any = None, header: Any = None) -> None:
    """Change the JSON of a model file, keeping its weights."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    entries = json.loads(content[8 : 8 + length])
    if info is not None:
        stated = json.loads(entries["__metadata__"]["stellate"])
        entries["__metadata__"]["stellate"] = json.dumps(info(stated))
    if header is not None:
        header(entries)
    text = json.dumps(entries).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


def test_round_trip(network: nn.Module, model: Path) -> None:
    loaded, info = load_model(model)
    assert info == INFO
    assert read_info(model) == INFO
    assert not loaded.training
    expected = network.state_dict()
    assert loaded.state_dict().keys() == expected.keys()
    assert all(
        torch.equal(v, expected[k]) and v.dtype == expected[k].dtype for k, v in loaded.state_dict().items()
    )
    x = torch.rand(1, 1, 32, 32)
    with torch.inference_mode():
        assert torch.equal(loaded(x)["distances"], network.eval()(x)["distances"])


def test_files_of_before_channels_were_recorded_load(model: Path) -> None:
    rewrite(model, info=lambda info: {k: v for k, v in info.items() if k != "channels"})
    assert load_model(model)[1] == replace(INFO, channels=())


def test_half_halves_the_file_and_loads_as_float32(network: nn.Module, model: Path, tmp_path: Path) -> None:
    half = save_model(tmp_path / "half.safetensors", network, INFO, half=True)
    with safetensors.safe_open(half, "pt") as file:
        assert file.get_tensor("prob.weight").dtype == torch.float16
    loaded, _ = load_model(half)
    for name, weight in network.state_dict().items():
        read = loaded.state_dict()[name]
        assert read.dtype == weight.dtype
        torch.testing.assert_close(read, weight, rtol=2**-11, atol=1e-7)
    assert half.stat().st_size < 0.75 * model.stat().st_size


def test_the_same_model_gives_the_same_bytes(network: nn.Module, model: Path, tmp_path: Path) -> None:
    turned = replace(INFO, config=dict(reversed(CONFIG.items())))
    assert save_model(tmp_path / "again.safetensors", network, turned).read_bytes() == model.read_bytes()


def test_saving_keeps_the_network_and_loading_the_random_numbers(network: nn.Module, model: Path) -> None:
    before = {k: v.clone() for k, v in network.state_dict().items()}
    save_model(model, network, INFO, half=True)
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    state = torch.get_rng_state()
    load_model(model)
    assert torch.equal(torch.get_rng_state(), state)


def test_values_become_plain(network: nn.Module, tmp_path: Path) -> None:
    odd = {
        "a": np.float32(0.5),
        "b": (1, 2),
        "c": Path("x/y"),
        "d": float("nan"),
        "e": np.arange(3),
        "f": {"z", "y"},
    }
    info = replace(INFO, metrics=odd)
    read = read_info(save_model(tmp_path / "m.safetensors", network, info))
    expected = {"a": 0.5, "b": [1, 2], "c": str(Path("x/y")), "d": None, "e": [0, 1, 2], "f": ["y", "z"]}
    assert read.metrics == expected


def test_info_needs_no_torch(model: Path) -> None:
    code = (
        "import sys; from stellate.models.file import read_info; "
        f"assert read_info({str(model)!r}).name == 'tiny'; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_full_disk_leaves_the_old_file(
    network: nn.Module, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = model.read_bytes()

    def refuse(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(ModelFileError, match="No space left"):
        save_model(model, network, INFO, half=True)
    assert model.read_bytes() == old
    assert list(model.parent.iterdir()) == [model]


@pytest.mark.parametrize(
    ("value", "half", "words"), [(float("nan"), False, "not finite"), (1e6, True, "too large for float16")]
)
def test_bad_weights_are_not_written(
    network: nn.Module, tmp_path: Path, value: float, half: bool, words: str
) -> None:
    with torch.no_grad():
        network.prob.weight[0, 0, 0, 0] = value
    with pytest.raises(ModelFileError, match=rf"prob\.weight.*{words}"):
        save_model(tmp_path / "m.safetensors", network, INFO, half=half)
    assert not list(tmp_path.iterdir())


def test_info_of_another_network_is_not_written(network: nn.Module, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"distances\.weight should have shape"):
        save_model(tmp_path / "m.safetensors", network, replace(INFO, config={**CONFIG, "n_rays": 16}))


class Bomb:
    """Would write a file when unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, ("exploded",))


def test_pickles_in_disguise_are_named_and_never_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    disguised = tmp_path / "nice.safetensors"
    for protocol in (2, 5):
        disguised.write_bytes(pickle.dumps(Bomb(), protocol=protocol))
        with pytest.raises(ModelFileError, match=r"a Python pickle.*never loads pickles"):
            load_model(disguised)
    torch.save({"weight": torch.zeros(3)}, disguised)
    with pytest.raises(ModelFileError, match=r"PyTorch weights.*never loads pickles"):
        load_model(disguised)
    assert not (tmp_path / "exploded").exists()


def everything_damaged() -> dict[str, tuple[Any, str]]:
    def stated(**changes: Any) -> Any:
        return lambda path: rewrite(path, info=lambda info: info | changes)

    def without(name: str) -> Any:
        return lambda path: rewrite(path, info=lambda info: {k: v for k, v in info.items() if k != name})

    def config(**changes: Any) -> Any:
        return stated(config=CONFIG | changes)

    def header(edit: Any) -> Any:
        return lambda path: rewrite(path, header=edit)

    def cut(count: int) -> Any:
        return lambda path: path.write_bytes(path.read_bytes()[:count])

    def length(number: int) -> Any:
        return lambda path: path.write_bytes(struct.pack("<Q", number) + path.read_bytes()[8:])

    def poison(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[-4:] = struct.pack("<f", float("nan"))
        path.write_bytes(bytes(content))

    return {
        "empty": (cut(0), "the file is empty"),
        "five bytes": (cut(5), "no model file"),
        "cut in the header": (cut(300), "the file ends before"),
        "cut in the weights": (cut(-100), "cut off"),
        "longer": (lambda path: path.write_bytes(path.read_bytes() + b"more"), "appended"),
        "header of no length": (length(0), "no model file"),
        "header of all memory": (length(2**63), "no model file"),
        "header too short": (length(40), "no JSON"),
        "text": (lambda path: path.write_text("Dear reader, this is a letter." * 9), "no model file"),
        "deep JSON": (lambda path: path.write_bytes(struct.pack("<Q", 10**6) + b"[" * 10**6), "no JSON"),
        "no metadata": (header(lambda h: h.pop("__metadata__")), "not one that stellate made"),
        "other metadata": (
            header(lambda h: h.update(__metadata__={"format": "pt"})),
            "not one that stellate made",
        ),
        "metadata no JSON": (
            header(lambda h: h.update(__metadata__={"stellate": "{"})),
            "not one that stellate made",
        ),
        "metadata a list": (
            header(lambda h: h.update(__metadata__={"stellate": "[]"})),
            "not one that stellate",
        ),
        "shape lies": (header(lambda h: h["prob.bias"].update(shape=[10**12])), "its shape asks for"),
        "negative shape": (header(lambda h: h["prob.bias"].update(shape=[-1])), "prob.bias"),
        "offsets lie": (header(lambda h: h["prob.bias"].update(data_offsets=[0, 10**15])), "prob.bias"),
        "unknown type": (header(lambda h: h["prob.bias"].update(dtype="F7")), "makes no sense"),
        "entry no object": (header(lambda h: h.update({"prob.bias": 3})), "makes no sense"),
        "newer": (stated(format_version=FORMAT_VERSION + 1), "update stellate"),
        "version of nothing": (stated(format_version="new"), "makes no sense"),
        "no config": (without("config"), "does not state its config"),
        "unknown model": (stated(model="stardust"), "did you mean .stardist"),
        "model a number": (stated(model=3), "model should be of type str"),
        "settings a list": (stated(settings=[1]), "settings should be of type"),
        "channels a text": (stated(channels="grey"), "channels should be of type"),
        "channels of nothing": (stated(channels=[0.5]), "channels should be of type"),
        "class names a text": (stated(class_names="ab"), "class_names should be"),
        "infinite threshold": (header(lambda h: inject_infinity(h)), "not one that stellate made"),
        "unknown setting": (config(layers=3), "layers"),
        "wrong kind of setting": (config(depth="deep"), "depth"),
        "absurd depth": (config(depth=10**9), "depth"),
        "absurd width": (config(base_channels=10**12), "base_channels"),
        "gigabytes": (config(base_channels=4096, depth=8), "not those of its config"),
        "wider": (config(base_channels=8), "should have shape"),
        "more layers": (config(depth=2), "it lacks: down.1"),
        "fewer layers": (config(n_classes=0), "unknown: class_prob"),
        "NaN": (poison, "not finite"),
    }


def inject_infinity(entries: dict[str, Any]) -> None:
    text = entries["__metadata__"]["stellate"]
    entries["__metadata__"]["stellate"] = text.replace("0.53", "Infinity")


@pytest.mark.parametrize("damage", everything_damaged(), ids=str)
def test_refuses(model: Path, damage: str) -> None:
    apply, words = everything_damaged()[damage]
    apply(model)
    with pytest.raises(ModelFileError, match=words) as caught:
        load_model(model)
    assert str(model) in str(caught.value)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"absent.*cannot be read"):
        load_model(tmp_path / "absent.safetensors")
    with pytest.raises(ModelFileError, match="is a folder"):
        read_info(tmp_path)
