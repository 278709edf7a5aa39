"""Running a network on one piece of an image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from ..errors import ConfigError
from ..geometry.tiles import Tile
from ..nn.inference import prepare_for_inference
from ..nn.parts import Part, Seams
from .flips import Flip, mirror_images

__all__ = ["Engine", "choose_device"]

SEAM_BYTES = {2: 50_000_000, 3: 400_000_000}
"""Most that tiles of an image, or of a volume, keep for those of the next row."""

Mirrored = Callable[[Any, tuple[int, ...]], Any]


def choose_device(name: str) -> torch.device:
    """The device called `name`; ``"auto"`` is a GPU where there is one.

    Raises
    ------
    ConfigError
        If this computer, or the installed torch, has no such device.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"device {name}: torch finds {torch.cuda.device_count()} CUDA devices here; choose cpu, or "
            "install the driver and a torch built for CUDA"
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("device mps: torch finds none here; choose device cpu")
    return device


class Engine:
    """A network made ready to run: on a device, in a precision, with padding and perhaps mirror images.

    Parameters
    ----------
    network
        In evaluation mode; not changed.
    device
        Where it runs.
    precision
        ``"auto"`` (float32), or one of `stellate.nn.inference.PRECISIONS`.
    mirrored
        Exchanges channels that mean directions in maps that were mirrored along some axes; given where the
        output is to be averaged over mirror images.
    """

    def __init__(
        self,
        network: nn.Module,
        device: torch.device,
        *,
        precision: str = "auto",
        mirrored: Mirrored | None = None,
    ) -> None:
        config: Any = getattr(network, "config", None)
        self.stride: tuple[int, ...] = tuple(getattr(config, "stride", (1, 1)))
        self.grid: tuple[int, ...] = tuple(getattr(config, "grid", (1,) * len(self.stride)))
        self.device = device
        # fewer bits move outlines a little, so that they are used only where asked for
        precision = "float32" if precision == "auto" else precision
        self._network = prepare_for_inference(network, precision=precision, device=device)
        self._mirrored = mirrored

    def __call__(
        self, pixels: npt.NDArray[np.float32], tile: Tile | None = None, seams: Seams | None = None
    ) -> Any:
        """Run on one image or tile.

        Parameters
        ----------
        pixels
            ``(C, *spatial)`` float32, normalised. Padded here at the end, by reflection, to the network's
            stride.
        tile
            Which tile it is: only predictions for what it owns count then; elsewhere they may be left out, that is
            0 or wrong. All if None.
        seams
            What earlier tiles of this image have computed, and this one may use; needs a tile.

        Returns
        -------
        Any
            The network's output without its batch axis, on the CPU; over the padded image.
        """
        pixels = pad_to_multiple(pixels, self.stride)
        if self._mirrored is not None:
            return self._average(pixels, self._mirrored)
        part = None
        if tile is not None and not tile.is_whole:
            part = Part(pixels.shape[1:], self._aligned(tile), origin=[a for a, _ in tile.read], seams=seams)
        return self._run(pixels, part)

    def in_tiles(self, read: Callable[[Tile], npt.NDArray[np.float32]]) -> Callable[[Tile], Any]:
        """A function that reads and runs the tiles of one image, and computes once what they have in common.

        Parameters
        ----------
        read
            Reads a tile as this engine takes it.
        """
        seams = Seams(SEAM_BYTES[len(self.stride)])
        return lambda tile: self(read(tile), tile, seams)

    def _aligned(self, tile: Tile) -> tuple[tuple[int, int], ...]:
        """What a tile owns, in pixels of what was read, widened to multiples of the network's stride."""
        return tuple(
            (part.start // s * s, -(-part.stop // s) * s)
            for part, s in zip(tile.own_in_read, self.stride, strict=True)
        )

    def _average(self, pixels: npt.NDArray[np.float32], mirrored: Mirrored) -> dict[str, Tensor]:
        total: dict[str, Tensor] = {}
        views = mirror_images(pixels.ndim - 1)
        for axes in views:
            flip = Flip(axes, pixels.shape[1:], self.grid, self.stride)
            maps = flip.undo(self._run(flip.apply(pixels)))
            for name, tensor in (mirrored(maps, axes) if axes else maps).items():
                total[name] = total[name].add_(tensor) if name in total else tensor.float().clone()
        return {name: tensor.div_(len(views)) for name, tensor in total.items()}

    def _run(self, pixels: npt.NDArray[np.float32], part: Part | None = None) -> Any:
        batch = torch.from_numpy(np.ascontiguousarray(pixels))[None]
        return _unbatched(self._network(batch, part))


def pad_to_multiple(pixels: npt.NDArray[np.float32], multiple: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Pad at the end of each spatial axis, by reflection, to a multiple; sides of one pixel are repeated."""
    pad = [(0, 0)] + [(0, -n % m) for n, m in zip(pixels.shape[1:], multiple, strict=True)]
    return np.pad(pixels, pad, mode="reflect") if any(after for _, after in pad) else pixels


def _unbatched(output: Any) -> Any:
    """The only item of a batch."""
    if isinstance(output, Tensor):
        return output[0]
    if isinstance(output, Mapping):
        return {name: _unbatched(value) for name, value in output.items()}
    return output[0]
