"""Reads JSON that may come from anybody: its size, its number of values and its depth are limited."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, BinaryIO, TypeVar

from pydantic import BaseModel, ValidationError

from transforms.bounds import Refused
from transforms.bounds.limits import MOST_JSON_BYTES, MOST_JSON_DEPTH, MOST_JSON_LINE_BYTES, MOST_JSON_VALUES
from transforms.errors import one_line

#: A model of pydantic that says which keys a file has, and of which types.
Model = TypeVar("Model", bound=BaseModel)


class JsonRefused(Refused):
    """JSON that cannot be read, or is larger than a limit allows; one line for the user."""


def parse_json(data: bytes, most_bytes: int = MOST_JSON_BYTES, *, half_characters: bool = False) -> Any:
    """The value of a JSON text in UTF-8. Its numbers are finite, and its texts hold whole characters.

    Args:
        data: the text.
        most_bytes: a longer text is refused.
        half_characters: takes texts with half of a character, as models write them.

    Raises:
        JsonRefused: when it is no JSON, or larger or deeper than a limit allows.
    """
    if len(data) > most_bytes:
        raise JsonRefused(f"it has {len(data)} bytes, more than {most_bytes}")
    # Every value but the first of a list or an object follows one of these signs; some of them stand in texts.
    signs = sum(data.count(sign) for sign in (b",", b"[", b"{"))
    if signs > MOST_JSON_VALUES:
        raise JsonRefused(f"it holds {signs} values, more than {MOST_JSON_VALUES}")
    try:
        value = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
    except RecursionError:
        raise JsonRefused(f"its values lie more than {MOST_JSON_DEPTH} deep in each other") from None
    except ValueError as error:
        raise JsonRefused(f"it is not JSON: {one_line(error)}") from error
    _check(value, half_characters)
    return value


def whole_lines(file: BinaryIO, most_bytes: int = MOST_JSON_LINE_BYTES) -> Iterator[bytes]:
    """The lines of an open file of JSON lines, up to one that has no end or is longer than any line of JSON."""
    while (line := file.readline(most_bytes)).endswith(b"\n"):
        yield line


def parse_json_as(model: type[Model], data: bytes, most_bytes: int = MOST_JSON_BYTES) -> Model:
    """A JSON object with the keys and types of a model.

    Raises:
        JsonRefused: as for `parse_json`, or when a key is missing or holds a value of another type.
    """
    return as_model(model, parse_json(data, most_bytes))


def as_model(model: type[Model], value: Any) -> Model:
    """Plain values as a model; see `parse_json_as`."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise JsonRefused(f"{key[:200]}: {first['msg']}" if key else f"it is no object: {first['msg']}") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _check(value: Any, half_characters: bool) -> None:
    """Raises JsonRefused where values lie too deep, a number is not finite, or half of a character stands alone."""
    waiting = [(value, 1)]
    while waiting:
        found, depth = waiting.pop()
        if isinstance(found, (list, dict)):
            if depth > MOST_JSON_DEPTH:
                raise JsonRefused(f"its values lie more than {MOST_JSON_DEPTH} deep in each other")
            if isinstance(found, dict):
                waiting += [(name, depth) for name in found if not name.isascii()]
                found = found.values()
            waiting += [
                (inner, depth + 1)
                for inner in found
                if isinstance(inner, (list, dict, float)) or (isinstance(inner, str) and not inner.isascii())
            ]
        elif isinstance(found, float):
            if not math.isfinite(found):
                raise JsonRefused("it holds a number that is too large")
        elif isinstance(found, str) and not half_characters:
            try:
                found.encode("utf-8")
            except UnicodeEncodeError:
                raise JsonRefused("it holds half of a character") from None
