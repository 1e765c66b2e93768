"""The command `elsa`: one subcommand a job, found through entry points and loaded late."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Protocol, runtime_checkable

#: Entry points of this group are subcommands; setup.py lists them in the order of a user's work.
GROUP = "elsa.commands"

ORDER = ("build", "plan", "verify", "reproduce", "report", "captions", "export", "train", "evaluate", "embed")

#: Exit codes: done and whole; ran, and something is missing or wrong; could not start.
DONE, INCOMPLETE, UNUSABLE = 0, 1, 2


@runtime_checkable
class Command(Protocol):
    """A subcommand; it prints what is wrong in one line each and returns an exit code."""

    name: str
    help: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Declares its arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Does it."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        fail(f"{message} (see {self.prog} --help)")
        raise SystemExit(UNUSABLE)


def fail(message: str) -> None:
    """One line on stderr."""
    print(f"elsa: {' '.join(str(message).split())}", file=sys.stderr)


def load_commands() -> list[Command]:
    """Every installed subcommand, in the order of a user's work."""
    found = [entry.load() for entry in metadata.entry_points(group=GROUP)]
    return sorted(found, key=lambda command: ORDER.index(command.name) if command.name in ORDER else len(ORDER))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; no traceback reaches the user for what the user can cause."""
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s", force=True)
    commands = load_commands()
    parser = _Parser(prog="elsa", description="Captioned spatial audio: build, check and learn from it.")
    parser.add_argument("--version", action="version", version=f"elsa-spatial-audio {_version()}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    for command in commands:
        subparser = subparsers.add_parser(
            command.name, help=command.help, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
        )
        command.configure(subparser)
    arguments, rest = parser.parse_known_args(argv)
    chosen = next(command for command in commands if command.name == arguments.command)
    if getattr(chosen, "takes_beam_options", False):
        arguments.beam_options = rest
    elif rest:
        fail(f"elsa {chosen.name} knows no {rest[0]} (see elsa {chosen.name} --help)")
        return UNUSABLE
    try:
        return chosen.run(arguments)
    except KeyboardInterrupt:
        fail("stopped; run the same command again to go on")
        return INCOMPLETE
    except BrokenPipeError:
        return INCOMPLETE


def _version() -> str:
    try:
        return metadata.version("elsa-spatial-audio")
    except metadata.PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    raise SystemExit(main())
