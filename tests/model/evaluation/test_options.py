"""Options of an evaluation, as a user sets them."""

from __future__ import annotations

import pytest

from model.errors import ConfigurationError
from model.evaluation.options import EvaluationOptions, read_options


def test_options_are_converted_to_their_types():
    options = read_options(["noise_db=[10, 0]", "tut=/data/tut", "readout_steps=5", "tut_order=WXYZ"])
    assert options == EvaluationOptions(noise_db=(10.0, 0.0), tut="/data/tut", readout_steps=5, tut_order="WXYZ")
    assert read_options(["noise_db=null"]).noise_db == ()
    assert read_options(["noise_db=5"]).noise_db == (5.0,)
    assert read_options(["captioner=null"]).captioner is None


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("readout_steps", "KEY=VALUE is expected"),
        ("louder=1", "unknown key louder; one of noise_db"),
        ("noise=1", "unknown key noise; did you mean noise_db?"),
        ("readout_steps=many", "readout_steps is 'many'; it should be a valid integer"),
        ("readout_steps=1.5", "readout_steps is 1.5; it should be a valid integer"),
        ("readout_steps=true", "readout_steps is True; a number is expected"),
        ("readout_steps=0", "readout_steps is 0; it should be greater than or equal to 1"),
        ("tut_order=WXYY", "tut_order is 'WXYY'"),
        ("tut_normalisation=MaxN", "tut_normalisation is 'MaxN'"),
        ("noise_db=[a]", "noise_db.0 is 'a'; it should be a valid number"),
        ("tut={", "the value is not YAML"),
    ],
)
def test_an_error_names_the_option(setting, message):
    with pytest.raises(ConfigurationError, match=message.replace("[", r"\[")):
        read_options([setting])
