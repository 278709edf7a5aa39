"""Writes stardist_matching.json beside it; run once with an interpreter that has stardist 0.9.2."""

import json
from pathlib import Path

import numpy as np

THRESHOLDS = (0.1, 0.3, 0.5, 0.6, 0.75, 0.9)
FIELDS = ("tp", "fp", "fn", "precision", "recall", "f1", "accuracy", "mean_matched_score", "panoptic_quality")


def blobs(rng, count, shape):
    """Overlapping rectangles, later ones in front; some vanish, so ids have gaps."""
    labels = np.zeros(shape, int)
    for label in range(1, count + 1):
        y, x = rng.integers(0, shape[0] - 4), rng.integers(0, shape[1] - 4)
        h, w = rng.integers(2, 9, 2)
        labels[y : y + h, x : x + w] = label
    return labels


def shaken(rng, labels):
    """The same objects, some moved by a pixel or two, some cut, some lost, some new."""
    out = np.zeros_like(labels)
    for label in np.unique(labels)[1:]:
        if rng.random() < 0.15:
            continue
        moved = np.roll(labels == label, rng.integers(-1, 2, 2), (0, 1))
        if rng.random() < 0.3:
            moved[:, : labels.shape[1] // 2] &= rng.random() < 0.7
        out[moved] = label + 100
    return out


def pick(scores):
    return {name: float(getattr(scores, name)) for name in FIELDS}


def main():
    from stardist.matching import matching, matching_dataset

    rng = np.random.default_rng(7)
    truths = [blobs(rng, n, (24, 30)) for n in (1, 6, 20, 40, 12)]
    predictions = [shaken(rng, t) for t in truths]
    # One with objects but nothing found, and one the other way round.
    truths += [blobs(rng, 5, (24, 30)), np.zeros((24, 30), int)]
    predictions += [np.zeros((24, 30), int), blobs(rng, 3, (24, 30))]
    by_image = {}
    for flag in (False, True):
        scores = matching_dataset(truths, predictions, THRESHOLDS, by_image=flag, show_progress=False)
        by_image["by_image" if flag else "pooled"] = [pick(s) for s in scores]
    out = {
        "thresholds": THRESHOLDS,
        "truths": [t.tolist() for t in truths],
        "predictions": [p.tolist() for p in predictions],
        "single": [
            [pick(s) for s in matching(t, p, THRESHOLDS)] for t, p in zip(truths, predictions, strict=True)
        ],
        **by_image,
    }
    Path(__file__).with_name("stardist_matching.json").write_text(
        json.dumps(out, separators=(",", ":")) + "\n"
    )


if __name__ == "__main__":
    main()
