"""The checkpoints that a run keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint

__all__ = ["BestCheckpoint"]


class BestCheckpoint(ModelCheckpoint):
    """``best.ckpt``, with the least validation loss so far; also where the run's folder was moved before it goes on.

    Lightning forgets which loss was the best if the path changed, and would replace the best by the next.

    Parameters
    ----------
    folder
        Where to write.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, filename="best", monitor="val_loss", enable_version_counter=False)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """What is known of the best so far, with the paths of today."""
        paths = ("best_model_path", "kth_best_model_path", "last_model_path")
        super().load_state_dict(
            {
                **state_dict,
                "dirpath": self.dirpath,
                **{name: self._here(state_dict[name]) for name in paths if name in state_dict},
                "best_k_models": {self._here(p): score for p, score in state_dict["best_k_models"].items()},
            }
        )

    def _here(self, path: str) -> str:
        return str(Path(str(self.dirpath)) / Path(path).name) if path else path
