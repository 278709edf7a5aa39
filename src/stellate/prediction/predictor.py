"""A model that is ready to be used."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from ..axes import Image
from ..data.channels import choose_channels
from ..data.fitting import Fit, fitted
from ..data.normalization import Normalization
from ..data.pixels import Pixels
from ..errors import ConfigError, InputError
from ..geometry.tiles import Tile
from ..models.file import ModelInfo
from ..results import Mask, Result
from ..tasks import TASKS
from .engine import Engine, choose_device
from .explaining import class_activation, on_image
from .frames import frame_axes, frames
from .images import as_image, with_depth
from .options import PredictOptions
from .pieces import pieces_of
from .prediction import Prediction
from .rescaling import choose_scale, scaled_shape
from .shelf import Shelf
from .tiling import Layout, computed_ahead, tile_reader, tile_side, values_per_pixel

__all__ = ["Predictor", "Progress"]

Progress = Callable[[int, int, str], None]
"""Called when a step is done: how many are done, how many there are, and what is being done."""


class Predictor:
    """A trained network with all that is needed to use it; what `stellate.load` gives.

    Parameters
    ----------
    network
        In evaluation mode.
    info
        What its file says of it.
    """

    def __init__(self, network: nn.Module, info: ModelInfo) -> None:
        self.network = network.eval()
        self.info = info
        self.normalization = Normalization.from_dict(info.normalization)
        self._engines: dict[tuple[Any, ...], Engine] = {}
        self._values: dict[str, float] = {}
        self._fingerprint = ""

    def __repr__(self) -> str:
        return f"Predictor({self.info.name!r}, {self.info.description!r})"

    @property
    def fingerprint(self) -> str:
        """Hash of the weights and of all that is known of the model; models with the same one do the same."""
        if not self._fingerprint:
            digest = sha256(repr(self.info).encode())
            for name, tensor in self.network.state_dict().items():
                digest.update(name.encode())
                digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    def task(self, options: PredictOptions | None = None) -> Any:
        """What the model is for (see `stellate.tasks.task.Task`), with what the options say of results.

        Raises
        ------
        ConfigError
            If the task has no such threshold, or gives no classes of pixels where these are asked for.
        """
        task = TASKS[self.info.task].for_network(
            getattr(self.network, "config", None), self.info.settings, self.info.class_names
        )
        if options is None:
            return task
        return options.applied_to(task, f"{self.info.name}, a model for {self.info.task}")

    def predict(
        self,
        image: Image | str | Path | Any,
        options: PredictOptions | None = None,
        *,
        progress: Progress | None = None,
        **changes: Any,
    ) -> Prediction:
        """Find the objects in an image.

        Parameters
        ----------
        image
            A file, an array, or an `Image`. Arrays are ``YX``, or ``YXC`` if the last of three axes has
            length 3 or 4; for a model for volumes those of three axes are ``ZYX``. Name the axes of others
            (``axes="CYX"``).
        options
            How; see `PredictOptions`.
        progress
            Called after each tile.
        **changes
            Fields of `PredictOptions` by name, e.g. ``prob_threshold=0.4``.

        Raises
        ------
        InputError
            If the image cannot be read, or is not what the model takes.
        ConfigError
            If an option is unknown, out of range, or cannot be met here.
        """
        started = time.perf_counter()
        options = (options or PredictOptions()).changed(changes)
        image, note = self._image(image, options)
        along = frame_axes(image)
        n_frames = int(np.prod([image.sizes[a] for a in along], dtype=np.int64))
        kept, results, notes, shelf = [], [], [note] if note else [], Shelf()
        explained: list[npt.NDArray[np.float32]] = []
        pieces, border_width = [], getattr(self.task(), "border_width", 1)
        for k, frame in enumerate(frames(image, options.plane, volume=self.for_volumes)):
            report = progress and _for_frame(progress, k, n_frames)
            if self.sees_whole:
                result, said = self._predict_whole(frame, options)
            else:
                result, said = self._predict_frame(frame, options, report)
            if options.explain:
                explained.append(self.explain(frame, options))
            kept.append(frame)
            results.append(shelf.put(result) if along else result)
            if options.instances and isinstance(result, Mask):
                found = pieces_of(result, border_width=border_width)
                pieces.append(shelf.put(found) if along else found)
            notes += [note for note in said if note and note not in notes]
        return Prediction(
            image=image,
            frames=tuple(kept),
            results=tuple(results),
            along=along,
            notes=tuple(notes),
            seconds=time.perf_counter() - started,
            rays=getattr(self._config, "rays", None),
            pieces=tuple(pieces),
            explanations=tuple(explained),
        )

    def pixels(self, frame: Image, chosen: tuple[int | str, ...] = ()) -> tuple[Pixels, str]:
        """The channels of a frame that the model gets, and what is to be said of them; see `choose_channels`.

        Raises
        ------
        InputError
            If the image has not these channels, or it is open which they are.
        """
        wanted = getattr(self._config, "in_channels", 1)
        trained = self.info.channels
        return choose_channels(frame, wanted, chosen, trained=trained, volume=self.for_volumes)

    def prepare(self, options: PredictOptions) -> None:
        """Do what does not depend on an image, so that a wrong option shows before any image is read.

        Raises
        ------
        ConfigError
            If an option cannot be met by this model or on this computer.
        """
        self._engine(options)
        self.task(options)
        if self.sees_whole and (useless := options.of_whole_images()):
            raise ConfigError(
                f"{useless}: {self.info.name} sees every image as a whole, brought to its own size; leave it out"
            )
        if options.explain and not self.sees_whole:
            raise ConfigError(
                f"explain: {self.info.name}, a model for {self.info.task}, says for itself where it sees what; leave "
                "it out"
            )
        if self.for_volumes and options.plane is not None:
            raise ConfigError(
                f"plane {options.plane}: {self.info.name} takes whole volumes; leave out the plane"
            )

    @property
    def for_volumes(self) -> bool:
        """Whether the network takes volumes, not images."""
        return len(getattr(self._config, "grid", ())) == 3

    @property
    def sees_whole(self) -> bool:
        """Whether the network sees images as a whole, brought to the size that it takes."""
        return hasattr(self._config, "input_size")

    @property
    def _config(self) -> Any:
        return getattr(self.network, "config", None)

    def _image(self, image: Any, options: PredictOptions) -> tuple[Image, str]:
        """The image with the axes that the model needs, and what is to be said of them."""
        self.prepare(options)
        image = as_image(image, options.axes, volume=self.for_volumes)
        return with_depth(image, named=options.axes is not None) if self.for_volumes else (image, "")

    def _predict_frame(
        self, frame: Image, options: PredictOptions, progress: Progress | None
    ) -> tuple[Result, list[str]]:
        pixels, about_channels = self.pixels(frame, options.channels)
        limits = self._limits(pixels, frame.name)
        scale, about_scale = choose_scale(
            frame,
            options,
            spacing_um=self.info.spacing_um,
            diameter_px=self.info.object_diameter_px,
            axes="ZYX" if self.for_volumes else "YX",
        )
        engine = self._engine(options)
        read = tile_reader(pixels, self.normalization, limits)

        def run(tiles: list[Tile]) -> Result:
            return self._run(tiles, engine.in_tiles(read), options, progress)

        margin = self._margin(engine, options, scale)
        layout = Layout(pixels.shape[1:], self._config, scale=scale, margin=margin)
        side = options.tile or max(layout.least_side, self._side(engine.device))
        n_tiles, result = _in_tiles_that_fit(run, layout, side)
        about_tiles = f"in {n_tiles} tiles" if n_tiles > 1 else ""
        remark = getattr(self.task(options), "remark", lambda _: "")
        return result, [about_channels, about_scale, about_tiles, remark(scaled_shape(layout.shape, scale))]

    def _limits(self, pixels: Pixels, name: str) -> npt.NDArray[np.float64]:
        try:
            return self.normalization.limits(pixels)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error

    def explain(self, frame: Image, options: PredictOptions) -> npt.NDArray[np.float32]:
        """What in a frame speaks for its class: ``(h, w)`` float32 from 0 to 1, in the proportions of the frame.

        See `stellate.prediction.explaining`.

        Raises
        ------
        ConfigError
            If the network has no map of features.
        """
        pixels, _ = self.pixels(frame, options.channels)
        fit = Fit(pixels.shape[1:], self._config.input_size)
        return on_image(class_activation(self.network, self._brought(pixels, fit, frame.name)), fit)

    def _predict_whole(self, frame: Image, options: PredictOptions) -> tuple[Result, list[str]]:
        """Predict from a frame that the network sees as a whole, brought to its size."""
        pixels, about_channels = self.pixels(frame, options.channels)
        fit = Fit(pixels.shape[1:], self._config.input_size)
        array = self._brought(pixels, fit, frame.name)
        task = self.task(options)
        result: Result = task.merge([task.decode(self._engine(options)(array), fit.tile)])
        return result, [about_channels]

    def _brought(self, pixels: Pixels, fit: Fit, name: str) -> npt.NDArray[np.float32]:
        limits = self._limits(pixels, name)
        return fitted(lambda region: self.normalization.apply(pixels[(slice(None), *region)], limits), fit)

    def _run(
        self,
        tiles: list[Tile],
        compute: Callable[[Tile], Any],
        options: PredictOptions,
        progress: Progress | None,
    ) -> Result:
        task = self.task(options)
        # the network takes all of a CPU, and would wait for the thread that decodes
        ahead = len(tiles) > 1 and choose_device(options.device).type != "cpu"

        def parts() -> Iterator[Any]:
            outputs = computed_ahead(compute, tiles) if ahead else ((t, compute(t)) for t in tiles)
            steps = count(1)
            for tile, output in outputs:
                part = task.decode(output, tile)
                del output  # before the next is computed
                yield part
                if progress is not None:
                    progress(next(steps), len(tiles), "tiles")

        result: Result = task.merge(parts())
        return result

    def _margin(self, engine: Engine, options: PredictOptions, scale: float) -> tuple[int, ...]:
        """What tiles read beyond the halo: for mirror images a grid cell, and what the task asks for if rescaled."""
        more: int = getattr(self.task(options), "margin", lambda _: 0)(scale)
        return tuple(more + (step if options.flips else 0) for step in engine.grid)

    def _side(self, device: torch.device) -> int:
        if device.type not in self._values:
            self._values[device.type] = values_per_pixel(self.network, device)
        return tile_side(self._values[device.type], device, 3 if self.for_volumes else 2)

    def _engine(self, options: PredictOptions) -> Engine:
        device = choose_device(options.device)
        key = (device, options.precision, options.flips)
        if key not in self._engines:
            mirrored = None
            if options.flips:
                task = self.task(options)
                mirrored = getattr(task, "mirrored", None)
                if mirrored is None:
                    raise ConfigError(
                        f"{self.info.name}: flips cannot be used with a model for {self.info.task}"
                    )
                task.check_mirrors()
            self._engines[key] = Engine(self.network, device, precision=options.precision, mirrored=mirrored)
        return self._engines[key]


def _in_tiles_that_fit(run: Callable[[list[Tile]], Result], layout: Layout, side: int) -> tuple[int, Result]:
    """Run with tiles of this side, or smaller ones where the device runs out of memory; how many there were."""
    while True:
        tiles = list(layout.cut(side))
        try:
            return len(tiles), run(tiles)
        except torch.OutOfMemoryError as error:
            # of a square or cube as large as the largest
            largest = int(max(math.prod(b - a for a, b in t.read) ** (1 / len(t.read)) for t in tiles) + 1e-6)
            side = max(layout.least_side, largest // 2)
            if side >= largest:
                raise MemoryError(f"tiles of {largest} pixels do not fit into the device's memory") from error
            torch.cuda.empty_cache()


def _for_frame(progress: Progress, index: int, count: int) -> Progress:
    """Progress of one of several frames as progress of all; they have equally many tiles."""
    return lambda done, total, text: progress(index * total + done, count * total, text)
