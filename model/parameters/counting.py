"""A table of the parameters of configurations, which needs no weights."""

from __future__ import annotations

import torch

from model.configuration import read_configuration
from model.configuration.elsa_config import ElsaConfig
from model.elsa.network import ElsaModel
from model.elsa.parameter_counts import PAPER, parameter_counts


def count_parameters(config: ElsaConfig) -> dict[str, int]:
    """Numbers of parameters of a model by part. It needs no memory for weights, and no sources of pretrained ones.

    Raises:
        ConfigurationError: the shape is in a package or folder that does not exist.
    """
    # transformers' defaults have the shape of LAION-CLAP.
    if config.semantic_encoder == "htsat":
        config.semantic_source = None
    if config.text_encoder == "roberta":
        config.text_source = None
    with torch.device("meta"):
        return parameter_counts(ElsaModel(config))


def table(names: list[str]) -> str:
    """A Markdown table: a row for each part, a column for each configuration and one for the paper."""
    columns = [count_parameters(read_configuration(name).model) for name in names]
    lines = [f"| | {' | '.join(names)} | ELSA, the paper |", "|---|" + "--:|" * (len(names) + 1)]
    for part in columns[0]:
        numbers = " | ".join(f"{column[part]:,}" for column in columns)
        lines.append(f"| {part.replace('_', ' ')} | {numbers} | {PAPER.get(part, '')} |")
    return "\n".join(lines)
