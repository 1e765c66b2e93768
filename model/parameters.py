"""Parameters of a configuration beside the paper's: ``python -m model.parameters elsa-base``. Loads no weights."""

from __future__ import annotations

import argparse
import sys

import torch

from model.configuration import ConfigurationError, ElsaConfig, read_configuration, shipped_configurations
from model.elsa import ElsaModel, parameter_counts

#: What the paper says (ELSA, sections 3 and 4), by part as ``parameter_counts`` has them.
PAPER = {
    "semantic_branch": "30 M",
    "spatial_branch": "485,828",
    "heads": "3 × about 33 k",
    "all": "158 M",
}


def counted(config: ElsaConfig) -> dict[str, int]:
    """Parameters of a model by part, without memory for its weights and without the sources of pretrained ones.

    Raises:
        ConfigurationError: when the shape itself must be read from a package or folder that is not there.
    """
    # Where LAION-CLAP's configuration cannot be read, transformers' defaults are its shape.
    if config.semantic_encoder == "htsat":
        config.semantic_source = None
    if config.text_encoder == "roberta":
        config.text_source = None
    with torch.device("meta"):
        return parameter_counts(ElsaModel(config))


def table(names: list[str]) -> str:
    """A row for each part, a column for each configuration, the paper's numbers last; Markdown."""
    columns = [counted(read_configuration(name).model) for name in names]
    lines = [f"| | {' | '.join(names)} | ELSA, the paper |", "|---|" + "--:|" * (len(names) + 1)]
    for part in columns[0]:
        numbers = " | ".join(f"{column[part]:,}" for column in columns)
        lines.append(f"| {part.replace('_', ' ')} | {numbers} | {PAPER.get(part, '')} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Prints the table; 0, or 2 with one line on standard error."""
    parser = argparse.ArgumentParser(prog="python -m model.parameters", description=__doc__)
    parser.add_argument("configurations", metavar="CONFIG", nargs="*", help="shipped names or files; all by default")
    names = parser.parse_args(arguments).configurations or shipped_configurations()
    try:
        print(table(names))
    except ConfigurationError as error:
        print(f"model.parameters: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
