"""What the benchmarks share: timing a call, and asking StarDist, in an interpreter of its own, to do the same."""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

# for scripts that run in the peer's interpreter: times and results by name, and their way back
PRELUDE = """
import json, statistics, sys, time, warnings
import numpy as np
warnings.simplefilter("ignore")
data, out, settings = np.load(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
seconds, results = {}, {}
def timed(name, call):
    times = []
    for _ in range(settings["repeats"] + 1):
        start = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - start)
    seconds[name] = statistics.median(times[1:])
    return result
"""
CODA = """
np.savez(out, **results)
print("RESULT" + json.dumps(seconds))
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which interpreter has StarDist, and how many threads it may use."""
    parser.add_argument("--stardist-python", default=os.environ.get("STARDIST_PYTHON"), metavar="PYTHON")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="OpenMP threads of StarDist")


def median_seconds(call: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Median of the seconds of `repeats` calls after one to warm up, and what the last one returned."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:]), result


def peak_bytes_of(call: Callable[[], Any]) -> float:
    """Most memory that a call holds above what was held before it; NaN where the system does not tell (only Linux)."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    ctypes.CDLL(None).malloc_trim(0)  # or what was freed before, but not given back, would hide what is taken
    before = _kilobytes(status, "VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    call()
    return 1024 * (_kilobytes(status, "VmHWM") - before)


def _kilobytes(status: Path, name: str) -> int:
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith(name))


def time_arrays(
    script: str, inputs: dict[str, np.ndarray], settings: dict[str, Any], args: argparse.Namespace
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Seconds and results of a script that the prelude comes before, given arrays and `settings`."""
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(data, **inputs)
        command = [args.stardist_python, "-c", PRELUDE + script + CODA, str(data), str(out)]
        seconds = result_of([*command, json.dumps(settings)], threads=args.threads)
        with np.load(out) as results:
            return seconds, dict(results)


def result_of(command: Sequence[str], *, threads: int | None = None) -> dict[str, Any]:
    """What a command printed as JSON after the word RESULT; if it printed none, say what it said and end."""
    env = os.environ | ({"OMP_NUM_THREADS": str(threads)} if threads else {})
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    if done.returncode or not lines:
        sys.exit(
            f"{command[0]} failed; it must be a Python that has what is asked of it:\n{done.stderr[-2000:]}"
        )
    return dict(json.loads(lines[-1].removeprefix("RESULT")))
