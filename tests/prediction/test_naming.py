import json
from pathlib import Path

import numpy as np
import pytest

from stellate.prediction.naming import find_images, is_output, output_names


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["in/a.tif", "in/b.png"], ["a", "b"]),
        (["in/a.ome.tif"], ["a.ome"]),
        (["in/a.tif", "in/a.png", "in/b.png"], ["a_tif", "a_png", "b"]),
        (["left/a.tif", "right/a.tif"], ["left_a", "right_a"]),
        (["left/a.tif", "right/a.tif", "right/a.png"], ["left_a_tif", "right_a_tif", "right_a_png"]),
        (["in/A.tif", "in/a.png"], ["A_tif", "a_png"]),
        (["1/in/a.tif", "2/in/a.tif"], ["in_a_tif", "in_a_tif_2"]),
        (["in/a.tif", "in/a.png", "in/a_tif.png"], ["a_tif", "a_png", "a_tif_2"]),
    ],
)
def test_no_two_outputs_share_a_name(paths, names):
    got = output_names([Path(p) for p in paths])
    assert got == names
    assert len({n.casefold() for n in got}) == len(paths)


def test_what_earlier_runs_wrote_is_no_image(tmp_path):
    np.save(tmp_path / "cells.npy", np.zeros((4, 4)))
    np.save(tmp_path / "other_labels.npy", np.zeros((4, 4)))
    (tmp_path / "cells_labels.npy").write_bytes(b"")
    run = {"outputs": {"labels": "cells_labels.npy"}}
    (tmp_path / "cells_run.json").write_text(json.dumps(run), encoding="utf-8")
    assert is_output(tmp_path / "cells_labels.npy")
    assert not is_output(tmp_path / "other_labels.npy")
    found = find_images(tmp_path)
    assert [p.name for p in found] == ["cells.npy", "other_labels.npy"]


def test_each_file_once_and_missing_ones_are_kept_to_be_reported(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 4)))
    missing = tmp_path / "b.npy"
    assert find_images([tmp_path / "a.npy", missing, str(tmp_path / "*.npy")]) == [
        tmp_path / "a.npy",
        missing,
    ]
