import subprocess
import sys

import pytest

from stellate.errors import ConfigError, InputError
from stellate.prediction.options import PredictOptions


def test_importing_options_does_not_import_torch():
    code = "import stellate.prediction.options, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": "gpu"}, "device 'gpu'.*auto, cpu"),
        ({"prob_threshold": 1.5}, "prob_threshold 1.5.*0 to 1"),
        ({"nms_threshold": -0.1}, "nms_threshold"),
        ({"plane": "middle"}, "plane 'middle'.*'max'"),
        ({"plane": -1}, "counted from 0"),
        ({"rescale": "yes"}, "'auto', 'off' or a factor"),
        ({"rescale": 0}, "rescale 0: expected a number above 0"),
        ({"rescale": float("nan")}, "above 0"),
        ({"object_diameter": -3.0}, "object_diameter -3.0"),
        ({"object_diameter": 20.0, "rescale": 2.0}, "give one of them"),
        ({"precision": "float8"}, "precision"),
        ({"tile": 0}, "tile 0"),
        ({"prob_treshold": 0.5}, "no option 'prob_treshold'; did you mean 'prob_threshold'"),
        ({"colour": 1}, "no option 'colour'; there are: device, "),
    ],
)
def test_wrong_values_are_refused_with_what_is_expected(changes, message):
    with pytest.raises(ConfigError, match=message):
        PredictOptions().changed(changes)


def test_wrong_axes_are_refused():
    with pytest.raises(InputError, match="unknown letter Q"):
        PredictOptions(axes="YXQ")


def test_a_single_channel_may_stand_alone():
    assert PredictOptions(channels="DAPI").channels == ("DAPI",)
    assert PredictOptions(channels=2).channels == (2,)
    assert PredictOptions(channels=[0, "GFP"]).channels == (0, "GFP")


def test_results_do_not_depend_on_device_and_tiles():
    base = PredictOptions()
    assert base.for_results() == base.changed({"device": "cpu", "tile": 512}).for_results()
    assert base.for_results() != base.changed({"prob_threshold": 0.1}).for_results()
