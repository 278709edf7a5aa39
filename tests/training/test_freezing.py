"""What is frozen does not move by a bit, batch statistics included; the rest does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn
from torchvision import models as torchvision_models

from stellate.data.patches import PatchDataset, PatchSettings
from stellate.data.samples import Sample
from stellate.errors import ConfigError
from stellate.models import build
from stellate.nn.backbones import Backbone, stages
from stellate.results import Scores
from stellate.tasks.classification import ClassificationTask
from stellate.training.fit import LAST, Fitted, PatchModule, fit
from stellate.training.freezing import frozen_parameters, thaw_stages
from stellate.training.module import Rates, TrainingModule
from stellate.training.settings import TrainSettings

NAMES = ("dark", "bright")
SETTINGS: dict[str, Any] = {
    "epochs": 2, "steps_per_epoch": 2, "batch_size": 4, "warmup_steps": 1, "ema_decay": 0.5,
    "precision": "float32", "device": "cpu",
}  # fmt: skip


class Brightness:
    """Images that are dark or bright."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Sample:
        pixels = np.random.default_rng(index).normal(index % 2, 0.3, (1, 64, 64)).astype(np.float32)
        return Sample(pixels, Scores(np.eye(2, dtype=np.float32)[index % 2], NAMES))

    def draw(self, rng: np.random.Generator) -> Sample:
        return self[int(rng.integers(8))]


class Stop(Exception):  # noqa: N818 - it is no error
    pass


def network(backbone: str = "shufflenet_v2_x0_5") -> Any:
    torch.manual_seed(0)
    return build("classifier", {"backbone": backbone, "in_channels": 1, "input_size": (64, 64)})


def train(net: Any, folder: Path, **how: Any) -> Fitted:
    report, resume = how.pop("report", None), how.pop("resume", False)
    settings = TrainSettings(**{**SETTINGS, **how})
    task = ClassificationTask(NAMES)
    data = [
        PatchDataset(
            [Brightness()], task.target, settings=PatchSettings(size=(64, 64)), seed=seed, in_turn=turn
        )
        for seed, turn in ((0, False), (1, True))
    ]
    patches = PatchModule(*data, settings, n_validation=8)
    rates = Rates(1e-3, 0.5)
    return fit(
        net, task, data=patches, settings=settings, rates=rates, folder=folder, report=report, resume=resume
    )


def copied(net: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def moved(net: nn.Module, before: dict[str, Tensor]) -> set[str]:
    now = net.state_dict()
    return {name for name, tensor in before.items() if not torch.equal(tensor, now[name])}


def belonging(net: nn.Module, *layers: str) -> set[str]:
    """Parameters and statistics of these layers."""
    return {name for name in net.state_dict() if name.startswith(layers)}


@pytest.mark.parametrize(
    ("what", "ema_decay", "frozen"),
    [
        ("none", 0.5, ()),
        ("backbone", 0.0, ("backbone.",)),
        ("backbone", 0.5, ("backbone.",)),
        ("until:stage4", 0.5, ("backbone.net.conv1", "backbone.net.stage2", "backbone.net.stage3")),
        (
            "until:stage3.2",
            0.0,
            tuple(f"backbone.net.{n}" for n in ("conv1", "stage2", "stage3.0", "stage3.1")),
        ),
    ],
)
def test_what_is_frozen_does_not_move_by_a_bit(
    what: str, frozen: tuple[str, ...], ema_decay: float, tmp_path: Path
) -> None:
    net = network()
    before = copied(net)
    train(net, tmp_path, freeze=what, ema_decay=ema_decay)
    assert moved(net, before) == set(before) - (belonging(net, *frozen) if frozen else set())
    assert all(p.requires_grad for p in net.parameters())


def test_stages_are_trained_one_after_another(tmp_path: Path) -> None:
    """After each epoch one more, from the last to the first."""
    net = network()
    before, seen = copied(net), []

    def note(epoch: int, epochs: int, losses: dict[str, float]) -> None:
        if epoch == 1:  # the checkpoint of an epoch is written after the report of it
            return
        state = torch.load(tmp_path / LAST, weights_only=True)["state_dict"]
        seen.append({name for name in before if not torch.equal(before[name], state[f"network.{name}"])})

    train(net, tmp_path, freeze="backbone", unfreeze_every=1, epochs=4, report=note)
    conv5, stage4 = (belonging(net, f"backbone.net.{name}.") for name in ("conv5", "stage4"))
    head = belonging(net, "classes.")
    assert seen == [head, head | conv5, head | conv5 | stage4]


def test_a_resumed_run_ends_as_one_that_was_never_interrupted(tmp_path: Path) -> None:
    """With layers that are frozen one after another, averages of the weights, and dropout before the head."""
    whole, broken = network(), network()
    settings = {"freeze": "until:stage4", "epochs": 4, "unfreeze_every": 1}
    train(whole, tmp_path / "whole", **settings)

    def stop(epoch: int, epochs: int, losses: dict[str, float]) -> None:
        if epoch == 3:
            raise Stop

    with pytest.raises(Stop):
        train(broken, tmp_path / "broken", report=stop, **settings)
    resumed = network()
    train(resumed, tmp_path / "broken", resume=True, **settings)
    assert not moved(resumed, copied(whole))
    assert moved(whole, copied(network()))
    last = [
        torch.load(tmp_path / name / LAST, weights_only=True)["state_dict"] for name in ("whole", "broken")
    ]
    assert all(torch.equal(last[0][name], last[1][name]) for name in last[0])


def test_a_backbone_has_a_rate_of_its_own() -> None:
    net = network()
    module = TrainingModule(
        net, ClassificationTask(NAMES), TrainSettings(weight_decay=0.01), Rates(1e-2, 0.1)
    )
    groups = module._groups()
    inside = {id(p) for p in net.backbone.parameters()}
    for group in groups:
        of_backbone = {id(p) in inside for p in group["params"]}
        assert len(of_backbone) == 1
        assert group["lr"] == pytest.approx(1e-3 if of_backbone.pop() else 1e-2)
        assert {p.ndim > 1 for p in group["params"]} == {group["weight_decay"] > 0}
    assert sorted(id(p) for g in groups for p in g["params"]) == sorted(map(id, net.parameters()))
    assert len(TrainingModule(net, ClassificationTask(NAMES), TrainSettings(), Rates(1e-2))._groups()) == 2


def test_small_classifiers_on_the_way_are_trained_with_the_head() -> None:
    net = Backbone("googlenet", 1, (64, 64), n_auxiliary=2).net
    frozen = frozen_parameters(net, "backbone")
    left = {name for name, _ in net.named_parameters()} - set(frozen)
    assert left
    assert all(name.startswith(("aux1.", "aux2.")) for name in left)


def test_all_of_a_transformer_is_frozen_and_its_tokens_go_with_the_first_layer() -> None:
    net = timm.create_model("vit_tiny_patch16_224", num_classes=0)
    assert set(frozen_parameters(net, "backbone")) == {name for name, _ in net.named_parameters()}
    until = frozen_parameters(net, "until:blocks.1")
    assert {"cls_token", "pos_embed"} < set(until)
    assert {name.split(".")[0] for name in until} == {"cls_token", "pos_embed", "patch_embed", "blocks"}
    assert not any(name.startswith("blocks.1.") for name in until)


def test_thawing_ends_with_everything_trained() -> None:
    net = Backbone("resnet18", 1, (64, 64)).net
    frozen = frozen_parameters(net, "until:layer3")
    left = [{n.split(".")[0] for n in thaw_stages(net, frozen, count)} for count in range(6)]
    assert left == [
        {"conv1", "bn1", "layer1", "layer2"},
        {"conv1", "bn1", "layer1"},
        {"conv1", "bn1"},
        {"conv1"},
        set(),
        set(),
    ]


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("all", r"freeze 'all': expected none, backbone, or until:LAYER, e\.g\. until:layer4"),
        ("until:", r"freeze 'until:': expected none"),
        ("until:layer5", r"no layer 'layer5' with weights; did you mean 'layer"),
        ("until:nonsense", r"no layer 'nonsense' with weights; there are: conv1, bn1, layer1"),
        ("until:fc", r"no layer 'fc' with weights"),
        (
            "until:conv1",
            r"nothing comes before conv1; name a later layer \(bn1, layer1, layer2, layer3, layer4\)",
        ),
    ],
)
def test_layers_that_are_not_there(what: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        frozen_parameters(Backbone("resnet18", 1, (64, 64)).net, what)


def test_settings_that_contradict_each_other() -> None:
    with pytest.raises(
        ConfigError, match=r"unfreeze_every 2: nothing is frozen; say what is \(freeze backbone\)"
    ):
        TrainSettings(unfreeze_every=2)
    with pytest.raises(ConfigError, match=r"unfreeze_every 2: what is trained cannot change while 2 devices"):
        TrainSettings(unfreeze_every=2, freeze="backbone", devices=2)


def test_stages_of_torchvision_hold_all_parameters() -> None:
    for name in ("resnet18", "squeezenet1_1", "shufflenet_v2_x0_5", "mobilenet_v3_small"):
        net = torchvision_models.get_model(name, weights=None)
        held = {f"{stage}.{key}" for stage, part in stages(net) for key, _ in part.named_parameters()}
        assert held == {key for key, _ in net.named_parameters()}
