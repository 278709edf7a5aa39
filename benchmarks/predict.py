"""Time and memory of a whole prediction, against StarDist with the same weights.

::

    python benchmarks/predict.py --model FOLDER --stardist-python PYTHON     compare in 4 x 4 tiles, and as it comes
    python benchmarks/predict.py --model FOLDER --scaling             1k, 2k, 4k, 8k
    python benchmarks/predict.py --model FOLDER --memory              peak memory at 16k

FOLDER is a StarDist model folder with an ``expected.npz`` that holds an image, such as
``tests/fixtures/make_stardist_fixtures.py --full`` writes. PYTHON has StarDist and TensorFlow; without the
argument, the environment variable STARDIST_PYTHON is taken.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import peer

from stellate.data.normalization import Normalization

SIDE = 2048
TILES = 4


PEER = """
import json, sys, time
from pathlib import Path
import numpy as np
from csbdeep.utils import normalize
from stardist.models import StarDist2D
folder, image, out, n = Path(sys.argv[1]), np.load(sys.argv[2]), sys.argv[3], int(sys.argv[4])
low, high = float(sys.argv[6]), float(sys.argv[7])
model = StarDist2D(None, name=folder.name, basedir=str(folder.parent))
seconds = {}
for name, tiles in (("tiles", (n, n)), ("whole", None))[: int(sys.argv[8])]:
    times = []
    for _ in range(int(sys.argv[5]) + 1):
        start = time.perf_counter()
        labels, _ = model.predict_instances(normalize(image, low, high), n_tiles=tiles, show_tile_progress=False)
        times.append(time.perf_counter() - start)
    seconds[name] = min(times[1:])
np.save(out, labels)
print("RESULT" + json.dumps(seconds))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--stardist-python", default=os.environ.get("STARDIST_PYTHON"))
    parser.add_argument("--precision", default="auto")
    parser.add_argument(
        "--repeats", type=int, default=3, help="the best of so many, after one more to warm up"
    )
    parser.add_argument("--tiles-only", action="store_true", help="compare in tiles only, which is shorter")
    parser.add_argument("--scaling", action="store_true")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument(
        "--one", type=int, help="predict one image of this side, and say time and peak memory"
    )
    args = parser.parse_args()
    if args.one:
        print("RESULT" + json.dumps(measure_one(args.model, args.one, args.precision)))
    elif args.scaling or args.memory:
        scale(args, [1024, 2048, 4096, 8192] if args.scaling else [16384])
    else:
        compare(args)


def field(model: Path, side: int) -> np.ndarray:
    """A field of the model's own image, repeated: ``(side, side)`` uint16."""
    image = np.load(model / "expected.npz")["image"].astype(np.uint16) * 16
    times = [-(-side // n) for n in image.shape]
    return np.ascontiguousarray(np.tile(image, times)[:side, :side])


def percentiles(image: np.ndarray) -> tuple[float, float]:
    """Those that give the scaling which the models were made for: ``image / 64 - 1``, for this image times 16."""
    return tuple(float(100 * np.mean(image[:SIDE, :SIDE] < 16 * level)) for level in (64, 128))


def load(model: Path, image: np.ndarray) -> Any:
    import stellate

    predictor = stellate.load(model)
    predictor.normalization = Normalization(*percentiles(image))
    return predictor


def measure_one(model: Path, side: int, precision: str) -> dict[str, float]:
    image = field(model, side)
    predictor = load(model, image)
    predictor.predict(image[:512, :512], precision=precision)
    before = peak_bytes()
    start = time.perf_counter()
    prediction = predictor.predict(image, precision=precision)
    seconds = time.perf_counter() - start
    above = peak_bytes() - image.nbytes - prediction.labels.nbytes
    return {
        "side": side,
        "seconds": seconds,
        "objects": len(prediction),
        "tiles": int(prediction.notes[0].split()[1]) if prediction.notes else 1,
        "before": before,
        "above": above,
    }


def peak_bytes() -> int:
    """Most memory that this process has held; Linux counts in kilobytes, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def scale(args: argparse.Namespace, sides: list[int]) -> None:
    print("side   objects  tiles  seconds  seconds per Mpixel  peak above image and labels")
    for side in sides:
        command = [sys.executable, __file__, "--model", str(args.model), "--one", str(side)]
        row = peer.result_of([*command, "--precision", args.precision])
        per_area = row["seconds"] / (side * side / 1e6)
        print(
            f"{side:5d}  {row['objects']:7d}  {row['tiles']:5d}  {row['seconds']:7.2f}  {per_area:18.3f}  "
            f"{row['above'] / 1e9:5.2f} GB (of it before the image was read: {row['before'] / 1e9:.2f} GB)"
        )


def compare(args: argparse.Namespace) -> None:
    image = field(args.model, SIDE)
    predictor = load(args.model, image)
    halo = predictor.network.config.halo[0]
    stride = predictor.network.config.stride[0]
    halo = -(-halo // stride) * stride
    tile = -(-(SIDE + 2 * halo * (TILES - 1)) // (TILES * stride)) * stride
    ours = {}
    ways = (("tiles", tile), ("whole", None))[: 1 if args.tiles_only else 2]
    for name, side in ways:
        times = []
        for _ in range(args.repeats + 1):
            start = time.perf_counter()
            prediction = predictor.predict(image, tile=side, precision=args.precision)
            times.append(time.perf_counter() - start)
        ours[name] = min(times[1:])
        print(
            f"stellate, {', '.join(prediction.notes) or 'whole'}: {ours[name]:.2f} s, {len(prediction)} objects"
        )
    if not args.stardist_python:
        print("no StarDist to compare with: give --stardist-python PYTHON or set STARDIST_PYTHON")
        return
    theirs, labels = run_peer(args, image)
    for name in theirs:
        print(f"StarDist, {name}: {theirs[name]:.2f} s; ratio {theirs[name] / ours[name]:.2f}")
    if "whole" in ours:
        ratio = theirs["tiles"] / ours["whole"]
        print(f"StarDist in {TILES} x {TILES} tiles, to stellate as it comes: {ratio:.2f}")
    agree = np.mean((labels > 0) == (prediction.labels > 0))
    print(f"StarDist finds {labels.max()} objects; the same pixels are in objects up to {1 - agree:.2e}")


def run_peer(args: argparse.Namespace, image: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        np.save(Path(folder) / "image.npy", image)
        command = [args.stardist_python, "-c", PEER, str(args.model.resolve())]
        out = Path(folder) / "labels.npy"
        more = [*(str(p) for p in percentiles(image)), "1" if args.tiles_only else "2"]
        seconds = peer.result_of(
            [*command, str(Path(folder) / "image.npy"), str(out), str(TILES), str(args.repeats), *more]
        )
        return seconds, np.load(out)


if __name__ == "__main__":
    main()
