"""Reads JSON and YAML that may come from strangers, with limits on bytes, nesting and numbers."""

from __future__ import annotations

import json
from typing import Any

import yaml

#: Most bytes of a JSON file: metrics.json, run.json, config.json, release.json. The largest of ours has some 100 kB;
#: release.json names each file and shard.
MOST_JSON_BYTES = 16_000_000
#: Most bytes of a YAML file. The shipped configurations have 2 kB, and PyYAML is slow.
MOST_YAML_BYTES = 100_000
#: Most levels of nesting. Ours have six.
DEEPEST = 32
#: Largest whole number. Much larger ones have no float, and Python does not print them. Tokenizers state 10**30.
_LARGEST_WHOLE = 10**40


class DocumentRefused(ValueError):
    """JSON or YAML that is not read: it is broken, nested too deeply, or holds what no file of ours holds."""


def parse_json(content: bytes | str) -> Any:
    """Parses JSON of bounded size.

    Raises:
        DocumentRefused: it cannot be used.
    """
    try:
        parsed = json.loads(content)
    except RecursionError:
        raise DocumentRefused(f"nested more than {DEEPEST} levels deep") from None
    except ValueError as error:
        raise DocumentRefused(f"not JSON: {error}") from None
    check_plain(parsed)
    return parsed


def parse_yaml(content: bytes | str) -> Any:
    """Parses YAML of bounded size. Anchors are refused, because a few lines of them stand for gigabytes.

    Raises:
        DocumentRefused: it cannot be used.
    """
    try:
        text = content.decode("utf-8") if isinstance(content, bytes) else content
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise DocumentRefused("YAML with an anchor and an alias; write the value out")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                raise DocumentRefused(f"nested more than {DEEPEST} levels deep")
        parsed = yaml.safe_load(text)
    except DocumentRefused:
        raise
    # Values that look like dates or numbers and are none raise ValueError.
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DocumentRefused(f"not YAML: {error}") from None
    check_plain(parsed)
    return parsed


def check_plain(value: Any) -> None:
    """Checks nested plain data: its depth, its numbers and its texts.

    Raises:
        DocumentRefused: nested too deeply, a whole number of more than 40 digits, or a text that is no Unicode.
    """
    level = [value]
    for _ in range(DEEPEST + 1):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner += item.keys()
                inner += item.values()
            elif isinstance(item, list | tuple | set | frozenset):
                inner += item
            elif isinstance(item, str):
                if not item.isascii():
                    _check_text(item)
            elif isinstance(item, int) and abs(item) > _LARGEST_WHOLE:
                raise DocumentRefused("a document with a whole number of more than 40 digits")
        if not inner:
            return
        level = inner
    raise DocumentRefused(f"nested more than {DEEPEST} levels deep")


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise DocumentRefused("a document with a text that is not Unicode") from None
