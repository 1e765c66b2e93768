"""Sections of settings: types with ranges, ``KEY=VALUE`` from a command line, and errors in one line.

A section is a frozen pydantic dataclass. It checks its values whenever it is made, also by ``dataclasses.replace``.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeVar, dataclass_transform, get_type_hints

from pydantic import BeforeValidator, ConfigDict, Field, Strict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as pydantic_dataclass

from model.documents import DocumentRefused, parse_yaml
from model.errors import ConfigurationError, one_line

T = TypeVar("T")


def _reject_boolean(value: Any) -> Any:
    # To Python and pydantic a boolean is also a number.
    if isinstance(value, bool):
        raise ValueError("a number is expected")
    return value


def _empty_if_null(value: Any) -> Any:
    return {} if value is None else value


Whole = Annotated[int, BeforeValidator(_reject_boolean)]
Number = Annotated[float, BeforeValidator(_reject_boolean)]
PositiveWhole = Annotated[Whole, Field(ge=1)]
WholeFromZero = Annotated[Whole, Field(ge=0)]
PositiveNumber = Annotated[Number, Field(gt=0)]
NumberFromZero = Annotated[Number, Field(ge=0)]
Share = Annotated[Number, Field(ge=0, le=1)]
Flag = Annotated[bool, Strict()]
#: For a section inside a section: a key without a value stands for the section's defaults.
NullIsEmpty = BeforeValidator(_empty_if_null)

_CONFIG = ConfigDict(extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True)


@dataclass_transform()
def section(kind: type[T]) -> type[T]:
    """Class decorator that makes a section: a frozen dataclass that takes no unknown keys and no NaN or infinity."""
    made: Any = pydantic_dataclass(frozen=True, config=_CONFIG)(kind)
    decorated: type[T] = made
    return decorated


def set_values(content: dict[str, Any], settings: Iterable[str]) -> None:
    """Sets values in nested dictionaries from ``KEY=VALUE`` strings.

    A key is a path with dots (``training.epochs``); a value is read as YAML.

    Raises:
        ConfigurationError: a setting without a key or a value, or one whose path leads through a value.
    """
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key:
            raise ConfigurationError(f"--set {setting}: KEY=VALUE is expected")
        try:
            value = parse_yaml(text)
        except DocumentRefused as error:
            raise ConfigurationError(f"--set {setting}: the value is {one_line(error)}") from None
        *parents, last = key.split(".")
        inner: Any = content
        for parent in parents:
            if inner.get(parent) is None:
                inner[parent] = {}
            inner = inner[parent]
            if not isinstance(inner, dict):
                raise ConfigurationError(f"--set {setting}: {parent} has no keys below it")
        inner[last] = value


def check_section(kind: type[T], values: Any, name: str = "") -> T:
    """Makes a section from plain data.

    Args:
        kind: a class made with ``section``.
        values: a mapping, or None for the defaults.
        name: what the messages call the section, such as ``training``; empty for keys without a prefix.

    Raises:
        ConfigurationError: an unknown key, or a value that cannot be used.
    """
    if values is None:
        values = {}
    if not isinstance(values, Mapping):
        raise ConfigurationError(f"{name} is {values!r}; keys are expected below it")
    for key in values:
        if not isinstance(key, str):
            raise ConfigurationError(f"{name} has the key {key!r}; a word is expected")
    try:
        return TypeAdapter(kind).validate_python(dict(values))
    except ValidationError as error:
        raise ConfigurationError(_describe(error, kind, name)) from None


def unknown_key(path: str, known: Iterable[str]) -> str:
    """The message for a key that does not exist: the nearest known key, or all of them."""
    known = list(known)
    near = difflib.get_close_matches(path.rpartition(".")[2], known, n=1)
    return f"unknown key {path}; " + (f"did you mean {near[0]}?" if near else f"one of {', '.join(known)} is expected")


def _describe(error: ValidationError, kind: type, name: str) -> str:
    """The first error as one line: the path of the key, its value, and what is expected."""
    first = error.errors()[0]
    # A member of a union appears in the location by its type, and an element of a list by its index.
    keys = [str(part) for part in first["loc"]]
    path = ".".join([*([name] if name else []), *keys])
    if first["type"] == "unexpected_keyword_argument":
        return unknown_key(path, _keys(kind, keys[:-1]))
    value = first["input"]
    if first["type"] in ("dataclass_type", "dataclass_exact_type"):
        return f"{path} is {value!r}; keys are expected below it"
    if first["type"] == "value_error":
        text = one_line(first["ctx"]["error"])
        # An error of a section as a whole names its keys itself.
        if not isinstance(value, str | int | float | list | None):
            return f"{path}: {text}" if path else text
        return f"{path} is {value!r}; {text}"
    return f"{path} is {value!r}; {one_line(first['msg']).replace('Input should', 'it should', 1)}"


def _keys(kind: type, path: list[str]) -> list[str]:
    """The keys of the section that a path leads to."""
    for part in path:
        kind = get_type_hints(kind)[part]
    return [entry.name for entry in dataclasses.fields(kind)]
