"""``python -m model.parameters``: prints a table of the parameters of configurations."""

from __future__ import annotations

import argparse
import sys

from model.configuration import shipped_configurations
from model.errors import ConfigurationError
from model.parameters.counting import table


def main(arguments: list[str] | None = None) -> int:
    """Prints the table. The exit code is 0, or 2 with one line on standard error."""
    parser = argparse.ArgumentParser(prog="python -m model.parameters", description=__doc__)
    parser.add_argument("configurations", metavar="CONFIG", nargs="*", help="shipped names or files; all by default")
    names = parser.parse_args(arguments).configurations or shipped_configurations()
    try:
        print(table(names))
    except ConfigurationError as error:
        print(f"model.parameters: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
