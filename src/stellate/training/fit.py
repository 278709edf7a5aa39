"""The training loop: Lightning, fed with patches, leaving checkpoints and curves in a run folder."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only
from torch import nn
from torch.utils.data import DataLoader

from ..data.patches import EpochSampler, PatchDataset, collate
from ..errors import ConfigError, ModelFileError
from ..tasks.task import Task
from .averaging import BatchStatistics, WeightAverage
from .chance import ChanceOfSteps
from .checkpoints import BestCheckpoint
from .freezing import Freezing
from .history import History
from .module import Rates, TrainingModule
from .settings import TrainSettings

__all__ = [
    "LAST",
    "EpochReport",
    "Fitted",
    "PatchModule",
    "chosen_device",
    "fit",
    "is_first_process",
    "load_checkpoint",
]

LAST = Path("checkpoints", "last.ckpt")
"""Where in the folder of a run the newest checkpoint is."""

EpochReport = Callable[[int, int, dict[str, float]], None]
"""Called after every epoch with its number (from 1), how many there are, and its losses."""

# Far above the gradients of a healthy run; it only stops a single freak batch from throwing the weights away.
GRADIENT_CLIP = 5.0


@dataclass(frozen=True)
class Fitted:
    """Outcome of a run.

    Attributes
    ----------
    epochs
        Epochs trained.
    best_loss
        Least validation loss; the network holds the weights that reached it.
    stopped_early
        Whether training ended before the last epoch because validation no longer improved.
    """

    epochs: int
    best_loss: float
    stopped_early: bool


class PatchModule(pl.LightningDataModule):
    """Batches for training and validation, of as many patches as the settings say, shared among the processes of a run.

    Parameters
    ----------
    train, validation
        Where patches come from.
    settings
        Of the run, with nothing left open.
    n_validation
        Patches that are validated on; as the settings say if None.
    """

    def __init__(
        self,
        train: PatchDataset,
        validation: PatchDataset,
        settings: TrainSettings,
        *,
        n_validation: int | None = None,
    ) -> None:
        super().__init__()
        self.train = train
        self.validation = validation
        self.settings = settings
        self.batch_size = settings.batch_size or 1
        self.n_validation = settings.validation_patches if n_validation is None else n_validation

    def train_dataloader(self) -> DataLoader[Any]:
        """An epoch of training patches."""
        length = (self.settings.steps_per_epoch or 1) * self.batch_size
        rank, world = self._place()
        return self._loader(self.train, EpochSampler(length, rank=rank, world=world))

    def val_dataloader(self) -> DataLoader[Any]:
        """The same validation patches every time."""
        rank, world = self._place()
        return self._loader(self.validation, range(rank, self.n_validation, world))

    def _place(self) -> tuple[int, int]:
        trainer = self.trainer
        return (trainer.global_rank, trainer.world_size) if trainer else (0, 1)

    def _loader(self, patches: PatchDataset, sampler: Any) -> DataLoader[Any]:
        workers = self.settings.workers
        return DataLoader(
            patches,
            batch_size=self.batch_size // self.settings.devices,
            sampler=sampler,
            num_workers=workers,
            collate_fn=collate,
            persistent_workers=workers > 0,
        )


def fit(
    network: nn.Module,
    task: Task[Any, Any, Any],
    *,
    data: PatchModule,
    settings: TrainSettings,
    rates: Rates,
    folder: Path,
    resume: bool = False,
    report: EpochReport | None = None,
) -> Fitted:
    """Train a network; on return it holds the weights with the least validation loss.

    On several devices Lightning starts the program anew for each further one. Those processes end here: only the
    first returns.

    Parameters
    ----------
    network
        Trained in place.
    task
        Gives targets and losses.
    data
        Patches.
    settings
        Of the run, with nothing left open.
    rates
        Learning rates.
    folder
        Gets ``checkpoints/best.ckpt``, ``checkpoints/last.ckpt``, ``history.csv`` and ``curves.png``.
    resume
        Go on from ``checkpoints/last.ckpt``, which is written at the end of every epoch. Since a patch depends on
        the seed and its number alone, the outcome is that of a run that was never interrupted.
    report
        Called after every epoch.

    Raises
    ------
    ConfigError
        If the losses are no longer finite numbers.
    ModelFileError
        If the checkpoint to resume from is damaged, or of another network.
    """
    last = folder / LAST
    if resume:
        load_checkpoint(network, last)
        network.train()
    pl.seed_everything(settings.seed, verbose=False)
    module = TrainingModule(network, task, settings, rates)
    checkpoint = BestCheckpoint(last.parent)
    # save_last would write only when the best is written
    every = ModelCheckpoint(
        last.parent, filename=last.stem, save_on_train_epoch_end=True, enable_version_counter=False
    )
    callbacks: list[Callback] = [
        History(folder, report),
        BatchStatistics(),
        ChanceOfSteps(settings.seed),
    ]
    if settings.freeze != "none":
        backbone: Any = network.backbone
        callbacks.append(Freezing(backbone.net, settings.freeze, settings.unfreeze_every))
    if settings.ema_decay:
        callbacks.append(WeightAverage(settings.ema_decay))
    if settings.patience:
        callbacks.append(EarlyStopping("val_loss", patience=settings.patience))
    trainer = _trainer(settings, [*callbacks, checkpoint, every], folder)
    with warnings.catch_warnings():
        # about loggers, loader workers and sanity checks that are left out on purpose
        warnings.filterwarnings("ignore", module="lightning")
        try:
            trainer.fit(module, datamodule=data, ckpt_path=last if resume else None, weights_only=True)
        except SystemExit:
            # Lightning ends the program on Ctrl-C; that is for the caller to decide
            if trainer.interrupted:
                raise KeyboardInterrupt from None
            raise
    if not trainer.is_global_zero:
        raise SystemExit(0)
    load_checkpoint(network, last.with_name("best.ckpt"))
    best = checkpoint.best_model_score
    epochs = trainer.current_epoch
    return Fitted(epochs, float(best) if best is not None else float("nan"), epochs < settings.epochs)


def load_checkpoint(network: nn.Module, path: Path) -> None:
    """Put the weights of a checkpoint into the network and set it to evaluation.

    Raises
    ------
    ModelFileError
        If the file is damaged or belongs to another network. Only tensors are unpickled from it, never objects.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
        network.load_state_dict(
            {k.removeprefix("network."): v for k, v in state.items() if k.startswith("network.")}
        )
    except (OSError, KeyError, RuntimeError, ValueError, EOFError, UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise ModelFileError(f"{path}: not a checkpoint of this network ({reason}); train anew") from error
    network.eval()


def _trainer(settings: TrainSettings, callbacks: list[Callback], folder: Path) -> pl.Trainer:
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    device = chosen_device(settings.device)
    return pl.Trainer(
        accelerator={"cpu": "cpu", "cuda": "gpu", "mps": "mps"}[device],
        devices=settings.devices,
        precision="bf16-mixed" if uses_bfloat16(settings.precision, device) else "32-true",
        max_epochs=settings.epochs,
        limit_train_batches=settings.steps_per_epoch,
        callbacks=callbacks,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        gradient_clip_val=GRADIENT_CLIP,
        use_distributed_sampler=False,
        default_root_dir=folder,
        deterministic="warn" if device == "cuda" else None,
    )


def is_first_process() -> bool:
    """Whether this is the process that speaks and writes, among those of a run on several devices."""
    return getattr(rank_zero_only, "rank", 0) == 0


def chosen_device(device: str) -> str:
    """The device that ``auto`` stands for, or the one named.

    Raises
    ------
    ConfigError
        If it is not there.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if device == "auto":
        return "cuda" if cuda else "mps" if mps else "cpu"
    if (device == "cuda" and not cuda) or (device == "mps" and not mps):
        raise ConfigError(f"device {device}: this machine has none that PyTorch can use; use cpu or auto")
    return device


def uses_bfloat16(precision: str, device: str) -> bool:
    """Whether to compute in bfloat16; ``auto`` does where the hardware has instructions for it."""
    if precision != "auto":
        return precision == "bfloat16"
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device == "cpu" and _has_fast_bfloat16()


def _has_fast_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware (AVX-512 BF16 or AMX)."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()) and torch.cpu._is_avx512_bf16_supported()
