"""What the commands of ``model`` share: their form, their errors and their exit codes.

Nothing here imports torch before ``run``: help is fast, and works without it. Exit codes: 0 done; 1 it ran and
something is missing, said on one line each; 2 it could not start, on one line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from model.errors import OptionError, one_line

#: The extra's packages: where one of them is missing, the answer is to install the extra.
_EXTRA_PACKAGES = {
    "accelerate",
    "huggingface_hub",
    "matplotlib",
    "safetensors",
    "soundfile",
    "soxr",
    "torch",
    "transformers",
}
_INSTALL = 'pip install "elsa-spatial-audio[model]"'


@dataclass(frozen=True)
class Command:
    """A subcommand of ``elsa``: ``configure`` fills its parser, ``run`` does it and returns the exit code."""

    name: str
    help: str
    example: str
    _configure: Callable[[argparse.ArgumentParser], None]
    _run: Callable[[argparse.Namespace], int]

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Adds the arguments, and an example below the help."""
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        parser.epilog = f"example:\n  {self.example}"
        self._configure(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        """Does it; what a user can cause ends as one line on standard error, not as a traceback."""
        try:
            return self._run(arguments)
        except ModuleNotFoundError as error:
            package = str(error.name).partition(".")[0]
            if package not in _EXTRA_PACKAGES:
                raise
            return self._refuse(f"{package} is not installed: {_INSTALL}")
        except (OptionError, OSError) as error:
            return self._refuse(str(error))
        except ValueError as error:
            # Known only now, since their module needs torch.
            from model.errors import ConfigurationError, ModelUnreadable, ReleaseUnreadable, SoundUnreadable

            if isinstance(error, SoundUnreadable):
                self._refuse(str(error))
                return 1
            if isinstance(error, (ConfigurationError, ReleaseUnreadable, ModelUnreadable)):
                return self._refuse(str(error))
            raise

    def _refuse(self, text: str) -> int:
        print(f"elsa {self.name}: {one_line(text)}", file=sys.stderr)
        return 2


def add_data(parser: argparse.ArgumentParser) -> None:
    """--data, the releases."""
    parser.add_argument(
        "--data",
        metavar="RELEASE",
        nargs="+",
        action="extend",
        type=Path,
        required=True,
        help="folders of releases, as elsa build writes them",
    )
