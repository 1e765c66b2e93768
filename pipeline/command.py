"""The command `elsa`: one subcommand a job, found through entry points and imported when it is chosen."""

from __future__ import annotations

import argparse
import difflib
import logging
import os
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Protocol, runtime_checkable

from pipeline.surroundings import is_out_of_memory, is_utf8, restart_in_utf8, working_folder
from transforms.errors import one_line
from transforms.escaping import terminal_text

#: Entry points of this group are subcommands; setup.py lists them in the order of a user's work.
GROUP = "elsa.commands"

ORDER = ("build", "plan", "check", "verify", "reproduce", "report", "captions", "export", "train", "evaluate", "embed")

#: Exit codes: done and whole; ran, and something is missing or wrong; could not start.
DONE, INCOMPLETE, UNUSABLE = 0, 1, 2


@runtime_checkable
class Command(Protocol):
    """A subcommand; it prints one line for each problem and returns an exit code."""

    name: str
    help: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Declares the arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Runs the command."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        fail(f"{message} (see {self.prog} --help)")
        raise SystemExit(UNUSABLE)


def fail(message: str) -> None:
    """Prints one line on stderr. What does not print, as a name from outside may hold it, is escaped."""
    print(f"elsa: {terminal_text(' '.join(str(message).split()))}", file=sys.stderr)


def nearest(word: str, known: Sequence[str]) -> str:
    """`; did you mean build?` where a known word is close to `word`, else an empty string."""
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def load_commands(only: str | None = None) -> list[Command]:
    """Every installed subcommand in the order of a user's work, or the one that is called `only`."""
    entries = [entry for entry in metadata.entry_points(group=GROUP) if only in (None, entry.name)]
    entries.sort(key=lambda entry: ORDER.index(entry.name) if entry.name in ORDER else len(ORDER))
    return [entry.load() for entry in entries]


def make_parser(commands: Sequence[Command]) -> argparse.ArgumentParser:
    """The parser of `elsa` with these subcommands."""
    parser = _Parser(prog="elsa", description="Captioned spatial audio: build, check and learn from it.")
    parser.add_argument("--version", action="version", version=f"elsa-spatial-audio {_version()}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    for command in commands:
        subparser = subparsers.add_parser(
            command.name, help=command.help, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
        )
        command.configure(subparser)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; no traceback reaches the user for what the user can cause."""
    if argv is None:
        restart_in_utf8()
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s", force=True)
    words = list(sys.argv[1:] if argv is None else argv)
    broken = next((word for word in (*words, working_folder()) if not is_utf8(word)), None)
    if broken is not None:
        fail(f"{broken!a} is not UTF-8, and a release states names as text: rename it")
        return UNUSABLE
    try:
        return _run(words)
    except KeyboardInterrupt:
        fail("stopped; run the same command again to go on")
        return INCOMPLETE
    except BrokenPipeError:
        return INCOMPLETE
    except (MemoryError, OSError, RuntimeError, ImportError) as error:
        if not is_out_of_memory(error):
            raise
        fail(f"the system gives no more memory ({one_line(error)}): see ulimit -v and the limits of its container")
        if argv is None:
            # The end of the interpreter takes memory too, and prints an error for each object that gets none.
            sys.stderr.flush()
            os._exit(INCOMPLETE)
        return INCOMPLETE


def _run(words: Sequence[str]) -> int:
    chosen = words[0] if words and not words[0].startswith("-") else None
    if chosen is not None:
        known = [entry.name for entry in metadata.entry_points(group=GROUP)]
        if chosen not in known:
            fail(f"no command is named {chosen}{nearest(chosen, known)} (see elsa --help)")
            return UNUSABLE
    commands = load_commands(chosen)
    arguments, rest = make_parser(commands).parse_known_args(words)
    command = next(command for command in commands if command.name == arguments.command)
    if getattr(command, "takes_beam_options", False):
        arguments.beam_options = rest
    elif rest:
        fail(f"elsa {command.name} has no option {rest[0]} (see elsa {command.name} --help)")
        return UNUSABLE
    return command.run(arguments)


def _version() -> str:
    try:
        return metadata.version("elsa-spatial-audio")
    except metadata.PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    raise SystemExit(main())
