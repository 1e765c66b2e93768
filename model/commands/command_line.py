"""What the commands of the model share: their form, their errors and their exit codes.

A command checks its options and paths before it imports PyTorch, so that a typing error is answered at once, and help
works without PyTorch. Exit codes: 0 done; 1 it ran, and something is missing, on a line each; 2 it could not start, on
one line.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model.errors import (
    ConfigurationError,
    ModelUnreadable,
    OptionError,
    ReleaseUnreadable,
    RunRefused,
    SoundUnreadable,
    one_line,
)

#: Packages of the extra ``model`` that every command needs, by the names of their modules.
_NEEDED_PACKAGES = ("accelerate", "huggingface_hub", "safetensors", "torch", "transformers")
_INSTALL = "run make model, or pip install -e '.[model]', in the project's folder"


@dataclass(frozen=True)
class Command:
    """A subcommand of ``elsa``.

    Attributes:
        name: of the subcommand.
        help: one line about it.
        example: a command line, shown below its help.
    """

    name: str
    help: str
    example: str
    _configure: Callable[[argparse.ArgumentParser], None]
    _run: Callable[[argparse.Namespace], int]

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Declares the arguments, and adds the example to the help."""
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.epilog = f"example:\n  {self.example}"
        self._configure(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        """Runs the command. An error that the user can cause is one line on standard error, without a traceback."""
        missing = [package for package in _NEEDED_PACKAGES if not is_installed(package)]
        if missing:
            return self._refuse(
                f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed; {_INSTALL}"
            )
        try:
            return self._run(arguments)
        except SoundUnreadable as error:
            self._refuse(str(error))
            return 1
        except (ConfigurationError, ModelUnreadable, OptionError, ReleaseUnreadable, RunRefused, OSError) as error:
            return self._refuse(str(error))

    def _refuse(self, text: str) -> int:
        print(f"elsa {self.name}: {one_line(text)}", file=sys.stderr)
        return 2


def is_installed(package: str) -> bool:
    """Whether a package is installed. It is not imported."""
    try:
        return importlib.util.find_spec(package) is not None
    except (ModuleNotFoundError, ValueError):
        return False


def add_data(parser: argparse.ArgumentParser) -> None:
    """Adds the option ``--data`` for releases."""
    parser.add_argument(
        "--data",
        metavar="RELEASE",
        nargs="+",
        action="extend",
        type=Path,
        required=True,
        help="folders of releases, as elsa build writes them",
    )


def add_settings(parser: argparse.ArgumentParser, examples: str) -> None:
    """Adds the option ``--set`` for ``KEY=VALUE`` settings."""
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        dest="settings",
        action="append",
        default=[],
        help=f"another value for a key, such as {examples}; may be given again",
    )
