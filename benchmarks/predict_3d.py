"""Time and memory of a whole prediction of a volume, against StarDist with the same weights.

::

    python benchmarks/predict_3d.py --model FOLDER --stardist-python PYTHON            time
    python benchmarks/predict_3d.py --model FOLDER --stardist-python PYTHON --memory   peak memory of each process

FOLDER is a folder of a StarDist model for volumes with an ``expected.npz`` that holds an image, such as
``tests/fixtures/make_stardist_fixtures.py --full FOLDER full_trained_volumes_grid122`` writes. PYTHON has StarDist and
TensorFlow; without the argument, the environment variable STARDIST_PYTHON is taken, and without that only stellate is
measured. The image is repeated to `--shape`, and read from an NPY file.

Each run is a process of its own, whose first prediction of a small piece does not count. Times are the best of
`--repeats`, and the processor time beside them, which counts all threads; one run of either follows one of the other.
Memory is the peak of the process, and what it is above that of one that has only predicted the small piece. StarDist's
is measured on `--stardist-shape`, in tiles of its own choice (``n_tiles``) where given.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from stellate.data.normalization import Normalization

WARM_UP = (16, 64, 64)

PEER = """
import json, resource, sys, time
from pathlib import Path
import numpy as np
from csbdeep.utils import normalize
from stardist.models import StarDist3D
folder, low, high, tiles = Path(sys.argv[1]), float(sys.argv[3]), float(sys.argv[4]), json.loads(sys.argv[5])
image = np.load(sys.argv[2], mmap_mode="r")
model = StarDist3D(None, name=folder.name, basedir=str(folder.parent))
def predict(x, tiles=None):
    x = normalize(x, low, high)
    return model.predict_instances(x, n_tiles=tiles, show_tile_progress=False)[0]
predict(image[:16, :64, :64])
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
before = peak()
wall, cpu = time.perf_counter(), time.process_time()
labels = predict(image, tiles)
row = {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu, "objects": int(labels.max())}
np.save(sys.argv[6], labels)
print("RESULT" + json.dumps({**row, "before": before, "peak": peak()}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--stardist-python", default=os.environ.get("STARDIST_PYTHON"), metavar="PYTHON")
    parser.add_argument("--shape", type=int, nargs=3, help="(32, 256, 256), for memory (512, 1024, 1024)")
    parser.add_argument("--stardist-shape", type=int, nargs=3, help="with --memory, for StarDist")
    parser.add_argument("--stardist-tiles", type=int, nargs=3, help="n_tiles of StarDist")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--one", type=Path, help="predict this NPY file and say time and peak memory")
    args = parser.parse_args()
    if args.one:
        print("RESULT" + json.dumps(measure_one(args.model, args.one)))
    elif args.memory:
        compare_memory(args)
    else:
        compare_times(args)


def compare_times(args: argparse.Namespace) -> None:
    with TemporaryDirectory() as folder:
        image = write_image(args.model, args.shape or (32, 256, 256), Path(folder))
        ours, theirs = [], []
        for _ in range(args.repeats):
            ours.append(run_stellate(args, image))
            if args.stardist_python:
                theirs.append(run_stardist(args, image))
        for name, rows in (("stellate", ours), ("StarDist", theirs)):
            if rows:
                best = min(rows, key=lambda row: row["seconds"])
                cpu = min(row["cpu"] for row in rows)
                print(f"{name}: {best['seconds']:.2f} s, processor {cpu:.2f} s, {best['objects']} objects")
        if theirs:
            seconds, cpu = (min(r[k] for r in theirs) / min(r[k] for r in ours) for k in ("seconds", "cpu"))
            print(f"ratio {seconds:.2f}, of processor time {cpu:.2f}")
            labels = [np.load(image.with_suffix(f".{name}.npy")) for name in ("stellate", "stardist")]
            differ = np.mean((labels[0] > 0) != (labels[1] > 0))
            print(f"the same voxels are in objects up to {differ:.2e}")


def compare_memory(args: argparse.Namespace) -> None:
    shape = args.shape or (512, 1024, 1024)
    with TemporaryDirectory() as folder:
        ours = run_stellate(args, write_image(args.model, shape, Path(folder)))
        show_memory("stellate", shape, ours)
        if not args.stardist_python:
            return
        smaller = args.stardist_shape or shape
        theirs = run_stardist(args, write_image(args.model, smaller, Path(folder)))
        show_memory("StarDist", smaller, theirs)
    per_voxel = (theirs["peak"] - theirs["before"]) / np.prod(smaller)
    whole = theirs["before"] + per_voxel * np.prod(shape)
    said = "" if tuple(smaller) == tuple(shape) else " (by its peak per voxel in the smaller one)"
    print(
        f"StarDist for {sides(shape)}: {whole / 1e9:.1f} GB{said}; {whole / ours['peak']:.1f} times stellate's"
    )


def show_memory(name: str, shape: Sequence[int], row: dict[str, Any]) -> None:
    above = row["peak"] - row["before"]
    print(
        f"{name}, {sides(shape)}: peak {row['peak'] / 1e9:.2f} GB, of it {above / 1e9:.2f} GB for this volume; "
        f"{row['objects']} objects, {row['seconds']:.0f} s {row.get('notes', '')}",
        flush=True,
    )


def sides(shape: Sequence[int]) -> str:
    return " x ".join(str(n) for n in shape)


def write_image(model: Path, shape: Sequence[int], folder: Path) -> Path:
    """The model's own image, repeated: uint16, in a file that was never in memory as a whole."""
    image = np.load(model / "expected.npz")["image"].astype(np.uint16) * 16
    path = folder / f"{'x'.join(str(n) for n in shape)}.npy"
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint16, shape=tuple(shape))
    times = [-(-n // m) for n, m in zip(shape[1:], image.shape[1:], strict=True)]
    for z in range(shape[0]):
        out[z] = np.tile(image[z % len(image)], times)[: shape[1], : shape[2]]
    out.flush()
    return path


def percentiles(image: np.ndarray) -> tuple[float, float]:
    """Those that give the scaling which the models were made for: ``image / 64 - 1``, for this image times 16."""
    return tuple(float(100 * np.mean(image[:64] < 16 * level)) for level in (64, 128))


def measure_one(model: Path, path: Path) -> dict[str, Any]:
    import stellate

    image = np.load(path, mmap_mode="r")
    predictor = stellate.load(model)
    predictor.normalization = Normalization(*percentiles(image))
    predictor.predict(np.ascontiguousarray(image[tuple(slice(n) for n in WARM_UP)]))
    before = peak_bytes()
    wall, cpu = time.perf_counter(), time.process_time()
    prediction = predictor.predict(image)
    row = {
        "seconds": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "objects": len(prediction),
    }
    row |= {"notes": ", ".join(prediction.notes), "before": before, "peak": peak_bytes()}
    np.save(path.with_suffix(".stellate.npy"), prediction.labels)
    return row


def peak_bytes() -> int:
    """Most memory that this process has held; Linux counts in kilobytes, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def run_stellate(args: argparse.Namespace, image: Path) -> dict[str, Any]:
    return result_of([sys.executable, __file__, "--model", str(args.model), "--one", str(image)])


def run_stardist(args: argparse.Namespace, image: Path) -> dict[str, Any]:
    low, high = percentiles(np.load(image, mmap_mode="r"))
    tiles = json.dumps(args.stardist_tiles)
    command = [args.stardist_python, "-c", PEER, str(args.model.resolve()), str(image), str(low), str(high)]
    return result_of([*command, tiles, str(image.with_suffix(".stardist.npy"))])


def result_of(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    if not lines:
        sys.exit(f"{' '.join(command[:2])} failed:\n{done.stderr[-2000:]}")
    return json.loads(lines[-1].removeprefix("RESULT"))


if __name__ == "__main__":
    main()
