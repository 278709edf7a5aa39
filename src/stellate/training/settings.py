"""What can be set for a training run. Each field's text is its help on the command line. Free of torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from ..errors import ConfigError, suggestion

__all__ = ["TrainSettings"]


@dataclass(frozen=True)
class TrainSettings:
    """Settings of a training run; None means chosen from the data."""

    epochs: int = 60
    """Epochs to train; an epoch is a fixed number of steps, after which the model is validated and saved."""
    steps_per_epoch: int = 100
    """Steps in an epoch."""
    batch_size: int = 4
    """Patches per step, over all devices."""
    patch: tuple[int, int] | None = None
    """Height and width of the training patches in pixels."""
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
    patience: int = 0
    """Stop when validation has not improved for this many epochs; 0 to train all epochs."""
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
    normalize_low: float = 1.0
    """Percentile of an image's intensities that becomes 0."""
    normalize_high: float = 99.8
    """Percentile that becomes 1."""
    scale: tuple[float, float] = (0.75, 1.33)
    """Range of random magnification."""
    diameters: tuple[float, float] | None = None
    """Range of object diameters, in pixels, that the model should learn by magnification; none by default."""
    intensity: float = 1.0
    """Strength of random changes of intensity; 0 for none."""
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
        for name in ("epochs", "steps_per_epoch", "batch_size", "devices", "validation_patches"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} {getattr(self, name)}: must be at least 1")
        for name in ("workers", "patience", "warmup_steps", "weight_decay", "seed", "intensity"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} {getattr(self, name)}: must not be negative")
        for name in ("validation", "synthetic", "ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} {getattr(self, name)}: must lie in 0..1, below 1")
        if self.batch_size % self.devices:
            raise ConfigError(
                f"batch_size {self.batch_size} cannot be shared evenly by {self.devices} devices"
            )
        low, high = self.scale
        if not 0 < low <= high:
            raise ConfigError(f"scale {self.scale}: expected two factors above 0, the smaller first")
