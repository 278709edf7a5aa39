"""Time of the 3D geometry, against StarDist on the same inputs: targets, suppression, painting.

::

    python benchmarks/geometry_3d.py --stardist-python PYTHON
    python benchmarks/geometry_3d.py --stardist-python PYTHON --labels MASK.tif --tile 2
    python benchmarks/geometry_3d.py --labels MASK.tif --scaling    suppression of up to 10^6 candidates

PYTHON has StarDist; without the argument, the environment variable STARDIST_PYTHON is taken, and without that only
stellate is timed. Without `--labels` the volume is a generated one. Candidates are the voxels of the grid more than
half as deep inside their object as any, with the distances of the labels themselves. The two run one after the other;
StarDist uses `--threads` OpenMP threads, stellate always one. Every time is the median of `--repeats` runs after one to
warm up.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import peer
import tifffile

from geometry import show
from stellate.data.synthetic import FieldConfig, generate_field
from stellate.geometry.object_probability_3d import object_probability_3d
from stellate.geometry.rasterize_3d import paint_polyhedra
from stellate.geometry.rays import rays_3d
from stellate.geometry.star_distances_3d import star_distances_3d
from stellate.geometry.suppression_3d import KEPT, suppress_3d

N_RAYS = 96
ANISOTROPY = (2.0, 1.0, 1.0)
GRID = (1, 2, 2)
DEPTH = 0.5
THRESHOLD = 0.4

PEER = """
from stardist.geometry import polyhedron_to_label, star_dist3D
from stardist.nms import non_maximum_suppression_3d_sparse
from stardist.rays3d import Rays_GoldenSpiral
from stardist.utils import edt_prob
anisotropy, grid, threshold = (settings[k] for k in ("anisotropy", "grid", "threshold"))
rays = Rays_GoldenSpiral(settings["n_rays"], anisotropy)
labels, p, d, s, k = (data[name] for name in ("labels", "points", "distances", "scores", "kept"))
step = tuple(slice(None, None, g) for g in grid)
calls = {
    "distances": lambda: star_dist3D(labels, rays, grid=grid),
    "probability": lambda: edt_prob(labels, anisotropy=anisotropy)[step],
    "suppression": lambda: np.sort(non_maximum_suppression_3d_sparse(d, s, p, rays, nms_thresh=threshold)[3]),
    "painting": lambda: polyhedron_to_label(d[k], p[k], rays, labels.shape, prob=s[k], verbose=False),
}
for name, call in calls.items():
    results[name] = timed(name, call)
"""
SETTINGS = {"n_rays": N_RAYS, "threshold": THRESHOLD, "anisotropy": ANISOTROPY, "grid": GRID}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    peer.add_arguments(parser)
    parser.add_argument("--labels", type=Path, help="TIFF label volume; a generated one if not given")
    parser.add_argument("--tile", type=int, default=1, help="repeat it so often along rows and columns")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scaling", action="store_true", help="suppression of growing numbers of candidates")
    args = parser.parse_args()
    labels = tiled(read(args.labels) if args.labels else generated(), args.tile)
    inputs = {"labels": labels} | candidates(labels)
    size = " x ".join(str(n) for n in labels.shape)
    print(
        f"{size} voxels, {len(np.unique(labels)) - 1} objects, {len(inputs['points'])} candidates, {N_RAYS} rays"
    )
    if args.scaling:
        show_scaling(inputs)
        return
    seconds, results = run_stellate(inputs, args.repeats)
    if args.stardist_python:
        settings = SETTINGS | {"repeats": args.repeats}
        peer_seconds, peer_results = peer.time_arrays(PEER, inputs, settings, args)
        show(seconds, peer_seconds, compare(results, peer_results), args.threads)
    else:
        show(seconds, {}, {}, 0)


def generated() -> np.ndarray:
    """A synthetic volume of about 400 nuclei, many of them touching: (32, 128, 128) int32."""
    config = FieldConfig(
        shape=(32, 128, 128), diameter=(12.0, 18.0), density=0.45, touching=0.7, anisotropy=ANISOTROPY[0]
    )
    return np.asarray(generate_field(config, 0)[1].labels, dtype=np.int32)


def read(path: Path) -> np.ndarray:
    labels = tifffile.imread(path)
    if labels.ndim != 3:
        sys.exit(f"{path}: expected a volume (z, y, x), got an array of shape {labels.shape}")
    return labels.astype(np.int32)


def tiled(labels: np.ndarray, times: int) -> np.ndarray:
    """The volume side by side with itself along rows and columns, each copy with ids of its own."""
    _, height, width = labels.shape
    step = labels.max() + 1
    copies = (
        np.kron(np.arange(times**2).reshape(times, times), np.ones((height, width), dtype=np.int64)) * step
    )
    whole = np.tile(labels, (1, times, times))
    return np.where(whole > 0, whole + copies, 0).astype(np.int32)


def candidates(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Voxels of the grid deep inside their objects, with distances, and with scores that are all different."""
    depth = object_probability_3d(labels, GRID, ANISOTROPY)
    cells = np.argwhere(depth > DEPTH)
    at = tuple(cells.T)
    rank = np.argsort(np.lexsort((np.random.default_rng(0).random(len(cells)), depth[at])))
    return {
        "points": cells * GRID,
        "distances": star_distances_3d(labels, rays_3d(N_RAYS, ANISOTROPY), GRID)[at],
        "scores": 0.5 + rank.astype(np.float32) * np.float32(2**-22),
    }


def run_stellate(
    inputs: dict[str, np.ndarray], repeats: int
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Times and results; `inputs` gains the indices of the candidates that are kept."""
    seconds: dict[str, float] = {}
    results: dict[str, np.ndarray] = {}

    def timed(name: str, call: Callable[[], Any]) -> None:
        seconds[name], results[name] = peer.median_seconds(call, repeats)

    rays = rays_3d(N_RAYS, ANISOTROPY)
    labels, p, d, s = (inputs[key] for key in ("labels", "points", "distances", "scores"))
    timed("distances", lambda: star_distances_3d(labels, rays, GRID))
    timed("probability", lambda: object_probability_3d(labels, GRID, ANISOTROPY))
    timed("suppression", lambda: np.flatnonzero(suppress_3d(p, d, s, THRESHOLD, rays) == KEPT))
    k = inputs["kept"] = results["suppression"]
    timed("painting", lambda: paint_polyhedra(p[k], d[k], rays, labels.shape, scores=s[k]))
    return seconds, results


def show_scaling(inputs: dict[str, np.ndarray]) -> None:
    """Suppression of copies of the volume side by side, all candidates of each or one in five."""
    rays = rays_3d(N_RAYS, ANISOTROPY)
    per_volume = len(inputs["points"])
    print(f"\n{'candidates':>12}{'kept':>10}{'seconds':>10}{'microseconds each':>20}")
    for count, every in [(10**4, 1), (10**5, 1), (10**6, 1), (10**5, 5), (10**6, 5)]:
        found = repeated(inputs, -(-count // (per_volume // every)), every)
        suppress_3d(*(values[:100] for values in found), THRESHOLD, rays)
        start = time.perf_counter()
        kept = int((suppress_3d(*found, THRESHOLD, rays) == KEPT).sum())
        seconds = time.perf_counter() - start
        print(f"{len(found[0]):12}{kept:10}{seconds:10.3f}{seconds / len(found[0]) * 1e6:20.1f}")


def repeated(
    inputs: dict[str, np.ndarray], copies: int, every: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points, distances and scores of copies of the candidates, or of one in `every`, in a block of volumes."""
    rng = np.random.default_rng(0)
    side = int(np.ceil(np.cbrt(copies)))
    corners = np.array(np.unravel_index(np.arange(copies), (side, side, side))).T * inputs["labels"].shape
    chosen = [
        np.sort(rng.permutation(len(inputs["points"])))[rng.integers(every) :: every] for _ in range(copies)
    ]
    points = np.concatenate([inputs["points"][c] + corner for c, corner in zip(chosen, corners, strict=True)])
    noisy = np.concatenate([inputs["scores"][c] for c in chosen]) + 1e-4 * rng.random(len(points))
    scores = np.empty(len(points), dtype=np.float32)
    scores[np.argsort(noisy)] = 0.25 + np.arange(len(points), dtype=np.float32) * np.float32(2**-25)
    return points, inputs["distances"][np.concatenate(chosen)], scores


def compare(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> dict[str, str]:
    """What each pair of results has in common, in words."""
    words = {}
    for name, a in ours.items():
        b = theirs[name]
        if name == "suppression":
            different = len(np.setxor1d(a, b))
            words[name] = f"{len(a)} kept, " + (f"{different} differ" if different else "the same")
        elif name == "painting":
            words[name] = f"{int((a != b).sum())} of {int((b > 0).sum())} voxels differ"
        else:
            words[name] = f"largest difference {np.abs(a - b).max():.1g}"
    return words


if __name__ == "__main__":
    main()
