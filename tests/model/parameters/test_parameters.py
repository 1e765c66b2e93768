"""The table of parameters: the paper's model, and errors on one line."""

from __future__ import annotations

from model.configuration import read_configuration
from model.elsa.network import ElsaModel
from model.elsa.parameter_counts import parameter_counts
from model.parameters import count_parameters
from model.parameters.__main__ import main


def test_counting_agrees_with_the_model():
    config = read_configuration("elsa-tiny").model
    assert count_parameters(config) == parameter_counts(ElsaModel.create(config))


def test_elsa_base_is_counted_without_weights(capsys):
    assert main(["elsa-base"]) == 0
    rows = {line.split("|")[1].strip(): line.split("|")[2].strip() for line in capsys.readouterr().out.splitlines()}
    assert rows["fusion"] == f"{960 * 960 + 960 + 960 * 512 + 512:,}"
    assert rows["heads"] == f"{(512 * 64 + 64) * 3 + 65 * (3 + 1 + 1):,}"
    # The paper says 158 M. transformers counts 27.5 M and 124.6 M for the two parts of CLAP.
    assert 154_000_000 < int(rows["all"].replace(",", "")) < 158_000_000
    assert rows["trained"] == rows["all"]


def test_an_unknown_configuration_is_one_line(capsys):
    assert main(["elsa-huge"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
