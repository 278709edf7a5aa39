"""What can be set for a training run. Each field's text is its help on the command line. Free of torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from ..axes import parse_axes
from ..data.label_options import LabelOptions
from ..data.mask_options import MaskOptions
from ..errors import ConfigError, suggestion

__all__ = ["TrainSettings"]

# Least value of the settings that are whole numbers, and of those that are not.
_WHOLE = {
    "epochs": 1, "steps_per_epoch": 1, "batch_size": 1, "devices": 1, "validation_patches": 1,
    "workers": 0, "patience": 0, "warmup_steps": 0, "seed": 0, "unfreeze_every": 0, "folds": 0,
}  # fmt: skip
_CHOSEN = ("batch_size", "steps_per_epoch", "patience")
_SHARES = ("validation", "synthetic", "ema_decay")
_NOT_NEGATIVE = ("weight_decay", *_SHARES)
_WORDS = {
    "schedule": ("cosine", "plateau"),
    "device": ("auto", "cpu", "cuda", "mps"),
    "precision": ("auto", "float32", "bfloat16"),
    "normalize_channels": (None, "separate", "joint"),
    "balance": (None, "sampling", "weights", "none"),
}


@dataclass(frozen=True)
class TrainSettings(MaskOptions, LabelOptions):
    """Settings of a training run; None means chosen from the data."""

    epochs: int = 60
    """Epochs to train; an epoch is a fixed number of steps, after which the model is validated and saved."""
    steps_per_epoch: int | None = None
    """Steps in an epoch; by default 100, for whole images as many as show each of them about once."""
    batch_size: int | None = None
    """Patches per step, over all devices."""
    patch: tuple[int, ...] | None = None
    """Height and width of the training patches in pixels; for volumes depth, height and width."""
    learning_rate: float | None = None
    """Peak learning rate; by default 1e-3 with batch norm and 3e-4 without."""
    schedule: Literal["cosine", "plateau"] = "cosine"
    """cosine: warm-up, then down to nearly 0; plateau: StarDist's own, halved when validation no longer improves."""
    warmup_steps: int = 200
    """Steps over which the learning rate rises (cosine only)."""
    weight_decay: float = 1e-4
    """Decay of the weights per step, times the learning rate."""
    ema_decay: float = 0.998
    """Decay of the moving average of the weights, which is what is validated and saved; 0 for none."""
    patience: int | None = None
    """Stop when validation has not improved for this many epochs; 0 to train all epochs, which is the default but for
    whole images, where it is 20."""
    validation: float = 0.15
    """Share of the images kept for validation where the data has no val folder."""
    validation_patches: int = 64
    """Patches on which the validation loss is computed after every epoch."""
    seed: int = 0
    """Seed of everything random; the same seed gives the same model on the same machine."""
    workers: int = 0
    """Processes that prepare patches beside the training; any number gives the same patches."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to train."""
    devices: int = 1
    """How many devices to train on."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """auto: bfloat16 where the hardware computes it faster, else float32."""
    network: dict[str, Any] = field(default_factory=dict)
    """Settings of the network by name, e.g. --network.depth 4 --network.n-rays 64, or a [network] table in a TOML file;
    the others are chosen from the data."""
    task: dict[str, Any] = field(default_factory=dict)
    """Settings of the task by name, e.g. --task.distance-loss l1 or a [task] table: losses and thresholds."""
    backbone: str | None = None
    """Of a classifier or localizer, the network that sees: vgg16, googlenet, alexnet, or any other of torchvision's or,
    with stellate[encoders], timm's; by default resnet18."""
    weights: str | Path | None = None
    """Weights that a backbone, or the encoder of a U-Net, begins with: imagenet (fetched once), none, or for a backbone
    a model of stellate or a file with a state dict; by default imagenet, of a backbone only if they can be had."""
    freeze: str = "none"
    """What of a backbone is not trained: none, backbone (all of it), or until:LAYER (all that comes before a layer).
    Batch norms that are frozen keep their statistics."""
    unfreeze_every: int = 0
    """Train one more stage of what is frozen, from the last to the first, after each so many epochs; 0 for never."""
    backbone_rate: float | None = None
    """Learning rate of a backbone, as a share of that of the rest; by default 0.1 if it begins with weights, else 1."""
    balance: Literal["sampling", "weights", "none"] | None = None
    """How rare classes of whole images are made up for: images of them are drawn more often, or count more, or neither;
    by default sampling if a class has 1.5 times as many images as another."""
    folds: int = 0
    """Of a classifier or localizer: cross-validate. As many models are trained, each is measured on its part of the
    images, and no part with another's; 0 trains a single model."""
    sweep: str | None = None
    """Try values of a setting of the task and keep the model that does best on validation, e.g. box-weight, or
    box-weight=1,10,100."""
    axes: str | None = None
    """Axes of the images, a letter of TPZCYX for each dimension, where their files do not say so or say it wrongly."""
    channels: tuple[int | str, ...] = ()
    """Channels of the images to train on, by name or by number from 0; or the one word grey, the brightness of colour
    pictures. All of them if not given. The model remembers them, and prediction uses the same unless told otherwise."""
    normalize_low: float | None = None
    """Percentile of an image's intensities that becomes 0; by default 1, or as in the model to start from."""
    normalize_high: float | None = None
    """Percentile that becomes 1; by default 99.8, or as in the model to start from."""
    normalize_channels: Literal["separate", "joint"] | None = None
    """Whether each channel has percentiles of its own (the default) or all share them, as colours may."""
    scale: tuple[float, float] = (0.75, 1.33)
    """Range of random magnification."""
    scale_chance: float | None = None
    """Chance that a patch is magnified; by default 1, for classes of pixels 0.2."""
    diameters: tuple[float, float] | None = None
    """Range of object diameters, in pixels, that the model should learn by magnification; none by default."""
    intensity: float | None = None
    """Strength of random changes of intensity, 0 for none; by default 1, for classes of pixels 0.5."""
    synthetic: float = 0.0
    """Share of patches that are generated fluorescence fields instead of the data."""
    from_model: str | Path | None = None
    """Model to start from (fine-tuning): its name or file."""

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> TrainSettings:
        """Settings from names and values.

        Raises
        ------
        ConfigError
            If a name is unknown or a value out of range.
        """
        known = [f.name for f in fields(cls)]
        for name in values:
            if name not in known:
                raise ConfigError(f"training has no setting {name!r}{suggestion(name, known)}")
        return cls(**values)

    def __post_init__(self) -> None:
        MaskOptions.__post_init__(self)
        LabelOptions.__post_init__(self)
        if isinstance(self.channels, int | str):
            object.__setattr__(self, "channels", (self.channels,))
        for name, least in _WHOLE.items():
            value = getattr(self, name)
            if value is None and name in _CHOSEN:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ConfigError(f"{name} {value!r}: expected a whole number, at least {least}")
        for name in _NOT_NEGATIVE:
            _check_number(name, getattr(self, name), below=1 if name in _SHARES else math.inf)
        if self.intensity is not None:
            _check_number("intensity", self.intensity)
        if self.scale_chance is not None:
            _check_chance("scale_chance", self.scale_chance)
        if self.backbone_rate is not None:
            _check_number("backbone_rate", self.backbone_rate)
        if self.unfreeze_every and self.freeze == "none":
            raise ConfigError(
                f"unfreeze_every {self.unfreeze_every}: nothing is frozen; say what is (freeze backbone)"
            )
        if self.unfreeze_every and self.devices > 1:
            raise ConfigError(
                f"unfreeze_every {self.unfreeze_every}: what is trained cannot change while {self.devices} devices "
                "share it; train on one (devices 1)"
            )
        if self.folds == 1:
            raise ConfigError("folds 1: expected at least 2, or 0 for a single model")
        if self.folds and self.sweep:
            raise ConfigError(
                "folds and sweep: give one of them; sweep first, then cross-validate with what it found"
            )
        if self.learning_rate is not None:
            _check_number("learning_rate", self.learning_rate)
            if self.learning_rate == 0:
                raise ConfigError("learning_rate 0: expected a number above 0, e.g. 1e-3")
        for name, words in _WORDS.items():
            if getattr(self, name) not in words:
                known = ", ".join(w for w in words if w is not None)
                raise ConfigError(f"{name} {getattr(self, name)!r}: expected one of {known}")
        for name in ("scale", "diameters"):
            _check_range(name, getattr(self, name))
        _check_patch(self.patch)
        if self.axes is not None:
            parse_axes(self.axes, len(self.axes.strip()))
        self._check_devices()

    def _check_devices(self) -> None:
        if self.batch_size is not None and self.batch_size % self.devices:
            raise ConfigError(
                f"batch_size {self.batch_size} cannot be shared evenly by {self.devices} devices"
            )
        if self.validation_patches < self.devices:
            raise ConfigError(
                f"validation_patches {self.validation_patches}: expected at least {self.devices}, one for each device"
            )


def _check_number(name: str, value: Any, *, below: float = math.inf) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < below:
        limits = (
            "a number, not negative" if below == math.inf else f"a number from 0 to {below}, below {below}"
        )
        raise ConfigError(f"{name} {value!r}: expected {limits}")


def _check_chance(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ConfigError(f"{name} {value!r}: expected a number from 0 to 1")


def _check_range(name: str, value: Any) -> None:
    if value is None:
        return
    numbers = _positive(value)
    if len(numbers) != 2:
        raise ConfigError(f"{name} {value!r}: expected two numbers above 0")
    if numbers[0] > numbers[1]:
        raise ConfigError(f"{name} {value!r}: expected the smaller number first")


def _check_patch(value: Any) -> None:
    if value is None:
        return
    numbers = _positive(value)
    if len(numbers) not in (2, 3) or len(numbers) != len(value):
        raise ConfigError(f"patch {value!r}: expected two numbers above 0, or three for volumes")
    if not all(isinstance(v, int) for v in numbers):
        raise ConfigError(f"patch {value!r}: expected whole numbers of pixels")


def _positive(value: Any) -> list[float]:
    """The numbers above 0 of a sequence."""
    if not isinstance(value, tuple | list):
        return []
    return [v for v in value if isinstance(v, int | float) and not isinstance(v, bool) and v > 0]
