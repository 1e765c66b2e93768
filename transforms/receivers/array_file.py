"""Reads the description of a microphone array from a YAML file."""

from __future__ import annotations

from pathlib import Path

from transforms.bounds import Refused
from transforms.bounds.limits import MOST_RECIPE_BYTES
from transforms.bounds.yaml_values import parse_yaml
from transforms.errors import reason_of
from transforms.receivers.array_description import ArrayDescription, array_of_values


class ArrayFileUnusable(ValueError):
    """The description of an array cannot be used; the message is one line that names the file and the field."""


def read_array(path: str) -> ArrayDescription:
    """Reads an array from a YAML file with radius_m, baffle and capsules.

    Raises:
        ArrayFileUnusable: the file cannot be read, or a value in it is missing, unknown or impossible.
    """
    try:
        with Path(path).open(encoding="utf-8") as file:
            # One character more than a limit allows, so that a longer file is rejected by its length.
            text = file.read(MOST_RECIPE_BYTES + 1)
        return array_of_values(parse_yaml(text))
    except (OSError, Refused, ValueError) as error:
        raise ArrayFileUnusable(f"{path}: {reason_of(error)}") from error
