"""Sums of losses as users write them."""

from __future__ import annotations

import pytest

from stellate.errors import ConfigError
from stellate.losses.terms import OPTIONS, LossTerm, parse_losses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dice", [("dice", 1.0, {})]),
        ("cross-entropy+dice", [("cross-entropy", 1.0, {}), ("dice", 1.0, {})]),
        (" 0.5*dice + binary-cross-entropy ", [("dice", 0.5, {}), ("binary-cross-entropy", 1.0, {})]),
        ("focal", [("focal", 1.0, {"gamma": 2.0})]),
        ("2 * focal(gamma = 3)", [("focal", 2.0, {"gamma": 3.0})]),
        ("tversky( beta=0.9 )+dice()", [("tversky", 1.0, {"alpha": 0.3, "beta": 0.9}), ("dice", 1.0, {})]),
    ],
)
def test_sums_are_read(text, expected):
    assert [(t.name, t.weight, t.options) for t in parse_losses(text)] == expected


def test_the_usual_numbers_are_not_changed_by_others():
    parse_losses("tversky(alpha=1, beta=1)")
    assert parse_losses("tversky") == (LossTerm("tversky", 1.0, {"alpha": 0.3, "beta": 0.7}),)
    assert OPTIONS["tversky"] == {"alpha": 0.3, "beta": 0.7}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dise", "loss 'dise': no loss is called 'dise'; did you mean 'dice'"),
        (
            "cross-entropy+hinge",
            "no loss is called 'hinge'; there are: cross-entropy, binary-cross-entropy, dice",
        ),
        ("Dice", "no loss is called 'Dice'; did you mean 'dice'"),
        ("", "loss '': cannot read ''; write e.g. cross-entropy"),
        ("dice+", "cannot read ''"),
        ("dice dice", "cannot read 'dice dice'"),
        ("dice+0.5*dice", "dice occurs twice"),
        ("half*dice", "the weight of dice is 'half', which is no number"),
        ("*dice", "the weight of dice is '', which is no number"),
        ("-1*dice", "the weight of dice is -1; expected a finite number from 0"),
        ("nan*dice", "the weight of dice is nan; expected a finite number"),
        ("inf*dice", "the weight of dice is inf; expected a finite number"),
        ("0*dice", "the weight of dice is 0; leave it out"),
        ("focal(gama=2)", "focal has no number called 'gama'; did you mean 'gamma'"),
        ("dice(gamma=2)", "dice has no number called 'gamma'; there are: none"),
        ("focal(gamma)", "gamma of focal is '', which is no number"),
        ("focal(gamma=0.5)", "gamma of focal is 0.5; expected 0, or a number from 1"),
        ("tversky(alpha=0,beta=0)", "alpha and beta of tversky are both 0"),
        ("tversky(alpha=-0.1)", "alpha of tversky is -0.1"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, message):
    with pytest.raises(ConfigError) as caught:
        parse_losses(text)
    assert message in str(caught.value)
