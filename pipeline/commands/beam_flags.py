"""The names of Beam's options, read from its source, so that a misspelt option is named before Beam is imported."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from pipeline.command import nearest

_OPTIONS_FILE = "options/pipeline_options.py"


class UnknownFlag(ValueError):
    """An option that neither the command nor Beam has, or a value that it cannot take; one line for the user."""


@lru_cache(maxsize=1)
def _beam_source() -> ast.Module | None:
    """The module of Beam that declares all options; None where it cannot be read."""
    package = importlib.util.find_spec("apache_beam")
    if package is None or package.origin is None:
        return None
    try:
        return ast.parse((Path(package.origin).parent / _OPTIONS_FILE).read_text(encoding="utf-8"))
    except (OSError, SyntaxError):
        return None


@lru_cache(maxsize=1)
def beam_flags() -> frozenset[str]:
    """Every option that Beam declares, such as `--runner`; empty where its source cannot be read."""
    source = _beam_source()
    if source is None:
        return frozenset()
    return frozenset(
        argument.value
        for node in ast.walk(source)
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "").startswith("add_")
        for argument in node.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and argument.value.startswith("--")
    )


@lru_cache(maxsize=1)
def runner_names() -> tuple[str, ...]:
    """The short names of Beam's runners, such as `DirectRunner`; empty where its source cannot be read."""
    source = _beam_source()
    for node in ast.walk(source) if source is not None else ():
        if isinstance(node, ast.Assign) and any(
            getattr(name, "id", "") == "ALL_KNOWN_RUNNERS" for name in node.targets
        ):
            return tuple(str(path).rpartition(".")[2] for path in ast.literal_eval(node.value))
    return ()


def refuse_unknown_flags(flags: Sequence[str], own: Sequence[str]) -> None:
    """Looks at the options that argparse left over; `own` are the command's options.

    Beam's own parser looks at them again later: this is only the fast answer to a slip of the pen.

    Raises:
        UnknownFlag: for an option that nobody has, a runner that Beam does not have, workers that are no number.
    """
    known = beam_flags()
    if not known:
        return
    for flag, value in _pairs(flags):
        if flag not in known:
            raise UnknownFlag(f"neither this command nor Beam has the option {flag}{nearest(flag, [*own, *known])}")
        if flag == "--runner" and value is not None:
            _refuse_unknown_runner(value)
        if flag == "--direct_num_workers" and value is not None and not value.isdecimal():
            raise UnknownFlag(f"--direct_num_workers takes a number of processes, or 0 for all cores, not {value}")


def _pairs(flags: Sequence[str]) -> list[tuple[str, str | None]]:
    """(option, value) of `--option=value` and `--option value`; words that are no options are their values."""
    found: list[tuple[str, str | None]] = []
    for word in flags:
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            found.append((name, value if equals else None))
        elif found and found[-1][1] is None:
            found[-1] = (found[-1][0], word)
        else:
            found.append((word, None))
    return found


def _refuse_unknown_runner(value: str) -> None:
    names = runner_names()
    # A dotted name is a class of the user's, and Beam also takes direct, DirectRunner, directrunner and the like.
    plain = {name.lower() for name in names} | {name.lower().removesuffix("runner") for name in names}
    if "." not in value and names and value.lower() not in plain:
        raise UnknownFlag(f"--runner: Beam has no runner {value}{nearest(value, names)}; it has {', '.join(names)}")
