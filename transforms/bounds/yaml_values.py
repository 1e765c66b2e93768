"""Reads YAML that may come from anybody: its size, its depth and what its aliases multiply are limited."""

from __future__ import annotations

import re
from typing import Any

import yaml

from transforms.bounds import Refused
from transforms.bounds.limits import MOST_RECIPE_BYTES, MOST_RECIPE_DEPTH, MOST_RECIPE_DIGITS, MOST_RECIPE_VALUES
from transforms.errors import one_line

#: The parser in C is ten times as fast; a wheel without it has the same parser in Python.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


#: A number with so many digits, or with so many parts of base 60, takes a time that grows with their square.
_LONG_NUMBER = re.compile(rf"[-+0-9_:.]{{{MOST_RECIPE_DIGITS},}}")


class YamlRefused(Refused):
    """YAML that cannot be read, or is larger than a limit allows; one line for the user."""


def parse_yaml(text: str) -> Any:
    """The value of a YAML text with plain types.

    Raises:
        YamlRefused: when it is no YAML, or larger or deeper than a limit allows. The message names line and column and
            not the text there, which may hold a password.
    """
    if len(text) > MOST_RECIPE_BYTES:
        raise YamlRefused(f"it has {len(text)} characters, more than {MOST_RECIPE_BYTES}")
    try:
        _check(text)
        return yaml.load(text, Loader=_Loader)
    except YamlRefused:
        raise
    except yaml.YAMLError as error:
        raise YamlRefused(f"it is not YAML: {_problem(error)}") from error
    # A number of too many digits, a date that no calendar has, a key that is no plain value.
    except (ValueError, OverflowError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise YamlRefused(f"it is not YAML: {one_line(error)}") from error


def _check(text: str) -> None:
    """Raises YamlRefused where values lie too deep, or are too many when each alias stands for what it repeats."""
    values = 0
    sizes: dict[str, int] = {}
    # Each open list or mapping with its anchor and the number of values before it.
    open_ones: list[tuple[str | None, int]] = []
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise YamlRefused("an alias repeats a value that it lies in, or that there is not")
            values += sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            values += 1
            if _LONG_NUMBER.match(event.value):
                raise YamlRefused(f"it holds a number of more than {MOST_RECIPE_DIGITS} digits")
            if event.anchor is not None:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            open_ones.append((event.anchor, values))
            values += 1
            if len(open_ones) > MOST_RECIPE_DEPTH:
                raise YamlRefused(f"its values lie more than {MOST_RECIPE_DEPTH} deep in each other")
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_ones.pop()
            if anchor is not None:
                sizes[anchor] = values - before
        if values > MOST_RECIPE_VALUES:
            raise YamlRefused(f"it holds more than {MOST_RECIPE_VALUES} values with those that its aliases repeat")


def _problem(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return one_line(error)
    return f"line {mark.line + 1}, column {mark.column + 1}: {getattr(error, 'problem', None) or 'not readable'}"
