"""Time of the 2D geometry, against StarDist on the same inputs: targets, suppression, painting.

::

    python benchmarks/geometry.py --stardist-python PYTHON
    python benchmarks/geometry.py --scaling         suppression of 10^5 to 5 * 10^6 candidates, time and memory

PYTHON has StarDist; without the argument, the environment variable STARDIST_PYTHON is taken, and without that only
stellate is timed. The two run one after the other. StarDist uses `--threads` OpenMP threads, stellate always one.
Every time is the median of `--repeats` runs after one to warm up. Memory is the most that a run holds above what was
held before it, its inputs among that, as Linux counts it; StarDist is asked up to 10^6 candidates.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import peer

from stellate.data.synthetic import FieldConfig, generate_field
from stellate.geometry.object_probability import object_probability
from stellate.geometry.rasterize import paint_polygons
from stellate.geometry.star_distances import star_distances
from stellate.geometry.suppression import KEPT, suppress

SIDE = 2048
N_RAYS = 32
NUCLEI = 2535
PATCH = 256
THRESHOLD = 0.4
CANDIDATES = {1: 129_370, 2: 32_400}  # by grid
SCALES = (100_000, 200_000, 500_000, 1_000_000, 5_000_000)
MOST_FOR_PEER = 1_000_000

PEER = """
from stardist.geometry import polygons_to_label, star_dist
from stardist.nms import non_maximum_suppression_sparse
from stardist.utils import edt_prob
n_rays, patch, threshold = settings["n_rays"], settings["patch"], settings["threshold"]
def targets(labels, grid):
    return edt_prob(labels[::grid, ::grid]), star_dist(labels, n_rays, grid=(grid, grid))
if "labels" in data:
    labels = data["labels"]
    for g in (1, 2):
        d = timed(f"distances {g}", lambda: star_dist(labels, n_rays, grid=(g, g)))
        results[f"distances {g}"] = np.array([d.sum(dtype=np.float64), d.max()])
        timed(f"patch {g}", lambda: targets(labels[:patch, :patch], g))
    d = timed("probability", lambda: edt_prob(labels))
    results["probability"] = np.array([d.sum(dtype=np.float64), d.max()])
for name in [k[7:] for k in data if k.startswith("points ")]:
    p, d, s = (data[f"{k} {name}"] for k in ("points", "distances", "scores"))
    kept = timed(f"suppression {name}", lambda: non_maximum_suppression_sparse(d, s, p, nms_thresh=threshold))
    results[f"suppression {name}"] = np.sort(kept[3])
if "painted points" in data:
    p, d, s = (data[f"painted {k}"] for k in ("points", "distances", "scores"))
    results["painting"] = timed("painting", lambda: polygons_to_label(d, p, labels.shape, prob=s))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    peer.add_arguments(parser)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--scaling", action="store_true", help="suppression of growing numbers of candidates")
    args = parser.parse_args()
    labels = field()
    print(f"{SIDE} x {SIDE} pixels, {labels.max()} nuclei, {N_RAYS} rays")
    if args.scaling:
        show_scaling(labels, args)
        return
    inputs = standard_inputs(labels)
    seconds, results = run_stellate(inputs, args.repeats)
    if args.stardist_python:
        peer_seconds, peer_results = run_stardist(inputs, args)
        show(seconds, peer_seconds, compare(results, peer_results), args.threads)
    else:
        show(seconds, {}, {}, 0)


def run_stardist(
    inputs: dict[str, np.ndarray], args: argparse.Namespace
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    settings = {"repeats": args.repeats, "n_rays": N_RAYS, "patch": PATCH, "threshold": THRESHOLD}
    return peer.time_arrays(PEER, inputs, settings, args)


def show_scaling(labels: np.ndarray, args: argparse.Namespace) -> None:
    found = candidates(labels, 1, SCALES[0] // 2)
    suppress(*(values[:100] for values in found.values()), THRESHOLD)
    print(f"\n{'candidates':>10}{'kept':>8}{'stellate, s':>13}{'memory, MB':>12}{'StarDist, s':>13}   result")
    for count in SCALES:
        inputs = {f"{key} {count}": values for key, values in repeated(found, count).items()}
        p, d, s = inputs.values()
        memory = peer.peak_bytes_of(lambda p=p, d=d, s=s: suppress(p, d, s, THRESHOLD)) / 1e6
        seconds, results = run_stellate(inputs, args.repeats)
        (name, time), kept = *seconds.items(), len(*results.values())
        line = f"{count:10}{kept:8}{time:13.3f}{memory:12.0f}"
        if args.stardist_python and count <= MOST_FOR_PEER:
            theirs, their_results = run_stardist(inputs, args)
            line += f"{theirs[name]:13.3f}   {compare(results, their_results)[name]}"
        print(line, flush=True)


def field() -> np.ndarray:
    """A synthetic field with nearly `NUCLEI` nuclei: (SIDE, SIDE) int32."""
    config = FieldConfig(shape=(SIDE, SIDE), diameter=(18.0, 28.0), density=0.26, touching=0.5)
    labels = np.asarray(generate_field(config, 0)[1].labels)
    return np.where(labels > NUCLEI, 0, labels).astype(np.int32)


def candidates(labels: np.ndarray, grid: int, count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """The `count` pixels deepest inside their objects, with distances, and with scores that are all different."""
    depth = object_probability(labels, (grid, grid)).ravel()
    depth += 1e-3 * np.random.default_rng(seed).random(depth.shape, dtype=np.float32)
    best = np.sort(np.argpartition(-depth, count)[:count])
    rows, cols = np.unravel_index(best, [-(-n // grid) for n in labels.shape])
    scores = np.empty(count, dtype=np.float32)
    scores[np.argsort(depth[best])] = 0.5 + np.arange(count, dtype=np.float32) * np.float32(2**-24 * 4)
    distances = star_distances(labels, N_RAYS, (grid, grid))[rows, cols]
    return {"points": np.stack([rows, cols], axis=1) * grid, "distances": distances, "scores": scores}


def standard_inputs(labels: np.ndarray) -> dict[str, np.ndarray]:
    inputs = {"labels": labels}
    for grid, count in CANDIDATES.items():
        found = candidates(labels, grid, count)
        inputs |= {f"{key} grid {grid}": values for key, values in found.items()}
        kept = suppress(found["points"], found["distances"], found["scores"], THRESHOLD) == KEPT
        inputs |= {f"painted {key}": values[kept] for key, values in found.items()}
    return inputs


def repeated(found: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    """The same density of candidates over more of a field that is the image, repeated; scores are all different."""
    repeats = count // len(found["points"])
    shifts = np.array([[k // 5, k % 5] for k in range(repeats)]) * SIDE
    return {
        "points": np.concatenate([found["points"] + shift for shift in shifts]),
        "distances": np.tile(found["distances"], (repeats, 1)),
        "scores": 0.5
        + np.random.default_rng(count).permutation(count).astype(np.float32) * np.float32(2**-24 * 4),
    }


def run_stellate(
    inputs: dict[str, np.ndarray], repeats: int
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    seconds: dict[str, float] = {}
    results: dict[str, np.ndarray] = {}

    def timed(name: str, call: Callable[[], Any]) -> Any:
        seconds[name], result = peer.median_seconds(call, repeats)
        return result

    if "labels" in inputs:
        labels = inputs["labels"]
        patch = labels[:PATCH, :PATCH]
        for g in (1, 2):
            found = timed(f"distances {g}", lambda g=g: star_distances(labels, N_RAYS, (g, g)))
            results[f"distances {g}"] = np.array([found.sum(dtype=np.float64), found.max()])
            timed(
                f"patch {g}",
                lambda g=g: (object_probability(patch, (g, g)), star_distances(patch, N_RAYS, (g, g))),
            )
        found = timed("probability", lambda: object_probability(labels))
        results["probability"] = np.array([found.sum(dtype=np.float64), found.max()])
    for name in [key[7:] for key in inputs if key.startswith("points ")]:
        p, d, s = (inputs[f"{key} {name}"] for key in ("points", "distances", "scores"))
        states = timed(f"suppression {name}", lambda p=p, d=d, s=s: suppress(p, d, s, THRESHOLD))
        results[f"suppression {name}"] = np.flatnonzero(states == KEPT)
    if "painted points" in inputs:
        p, d, s = (inputs[f"painted {key}"] for key in ("points", "distances", "scores"))
        results["painting"] = timed("painting", lambda: paint_polygons(p, d, labels.shape, scores=s))
    return seconds, results


def compare(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> dict[str, str]:
    """What each pair of results has in common, in words."""
    words = {}
    for name, a in ours.items():
        b = theirs[name]
        if name.startswith("suppression"):
            different = len(np.setxor1d(a, b))
            words[name] = f"{len(a)} kept, " + (f"{different} differ" if different else "the same")
        elif name == "painting":
            different = int((a != b).sum())
            words[name] = f"{different} of {a.size} pixels differ" if different else "the same"
        else:
            words[name] = "the same sum" if np.allclose(a, b, rtol=1e-9) else f"sums {a[0]} and {b[0]}"
    return words


def show(ours: dict[str, float], theirs: dict[str, float], words: dict[str, str], threads: int) -> None:
    print(
        f"\n{'':24}{'stellate, s':>12}{f'StarDist, s ({threads} threads)':>28}{'times faster':>14}   result"
    )
    for name, seconds in ours.items():
        other = f"{theirs[name]:28.4f}{theirs[name] / seconds:14.1f}" if name in theirs else ""
        print(f"{name:24}{seconds:12.4f}{other}   {words.get(name, '')}")


if __name__ == "__main__":
    main()
