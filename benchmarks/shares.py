"""Where the time of a prediction goes: the network, suppression, painting, the rest, and writing what was found.

::

    python benchmarks/shares.py MODEL [--image IMAGE] [--repeat 1 8 8] [--tile 512]

MODEL is a model of stellate or a StarDist folder, for images or volumes. IMAGE is a TIFF or NumPy file of one channel,
otherwise the image in the folder's ``expected.npz`` is taken; it is repeated so often along its axes. The network runs
on `--device`, suppression in volumes on as many threads as torch uses, the rest on one. The last lines tell what share
suppression would have if the network took a hundredth of its time: of a prediction, and of one that is written, as
`stellate predict` does.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import tifffile

import stellate
from stellate.data.normalization import Normalization
from stellate.prediction.engine import Engine
from stellate.tasks import star_polygons, star_polyhedra

PARTS = [
    (Engine, "__call__", "network"),
    (star_polygons, "suppress", "suppression"),
    (star_polyhedra, "suppress_in_blocks", "suppression"),
    (star_polygons, "paint_polygons", "painting"),
    (star_polyhedra, "paint_polyhedra", "painting"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--image", type=Path)
    parser.add_argument("--repeat", type=int, nargs="+", default=[1])
    parser.add_argument(
        "--scale", type=float, nargs=2, default=(64, 128), help="intensities that become 0 and 1"
    )
    parser.add_argument("--tile", type=int)
    parser.add_argument("--device", default="auto")
    args = parser.parse_args()
    image = read(args.image or args.model / "expected.npz")
    low, high = (100 * np.mean(image < level) for level in args.scale)
    image = np.tile(image, args.repeat)
    predictor = stellate.load(args.model)
    predictor.normalization = Normalization(float(low), float(high))
    seconds: dict[str, float] = defaultdict(float)
    candidates: list[int] = []
    for place, name, part in PARTS:
        setattr(place, name, timed(getattr(place, name), part, seconds, candidates))

    def predict() -> Any:
        seconds.clear()
        candidates.clear()
        axes = "ZYX"[-image.ndim :]
        start = time.perf_counter()
        prediction = predictor.predict(image, axes=axes, tile=args.tile, device=args.device)
        seconds["whole"] = time.perf_counter() - start
        with TemporaryDirectory() as folder:
            start = time.perf_counter()
            prediction.save(folder)
            seconds["writing"] = time.perf_counter() - start
        return prediction

    predict()
    show(image, predict(), seconds, candidates)


def read(path: Path) -> np.ndarray:
    if path.suffix == ".npz":
        with np.load(path) as data:
            return np.asarray(data["image"])
    return np.load(path) if path.suffix == ".npy" else tifffile.imread(path)


def timed(
    call: Callable[..., Any], part: str, seconds: dict[str, float], candidates: list[int]
) -> Callable[..., Any]:
    def with_time(*args: Any, **kwargs: Any) -> Any:
        if part == "suppression":
            # of volumes what decides comes first
            candidates.append(len(args[1 if callable(args[0]) else 0]))
        start = time.perf_counter()
        result = call(*args, **kwargs)
        seconds[part] += time.perf_counter() - start
        return result

    return with_time


def show(image: np.ndarray, prediction: Any, seconds: dict[str, float], candidates: list[int]) -> None:
    size = " x ".join(str(n) for n in image.shape)
    print(f"{size}, {max(candidates)} candidates at most at a time, {len(prediction)} objects")
    whole, writing = seconds.pop("whole"), seconds.pop("writing")
    seconds["rest"] = whole - sum(seconds.values())
    for part, took in seconds.items():
        print(f"{part:12}{took:9.3f} s  {took / whole:6.1%}")
    print(f"{'writing':12}{writing:9.3f} s  after that")
    faster = whole - 0.99 * seconds["network"]
    for what, took in (("a prediction", faster), ("one that is written", faster + writing)):
        share = seconds["suppression"] / took
        print(f"with a network a hundred times as fast, suppression is {share:.0%} of {what}, {took:.2f} s")


if __name__ == "__main__":
    main()
