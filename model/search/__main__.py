"""``python -m model.search``: prints the clips of a release that are nearest to a sentence."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from model.elsa import Embedder
from model.errors import one_line
from model.folders import SPLITS, check_splits
from model.search.index import ReleaseIndex


def main(words: Sequence[str] | None = None) -> int:
    """Prints a line for each hit: likeness, file, caption. Returns 0, or 2 and one line if it cannot start."""
    parser = argparse.ArgumentParser(
        prog="python -m model.search", description="finds clips of a release with a sentence"
    )
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="a folder that elsa train has written")
    parser.add_argument("sentence", metavar="SENTENCE")
    parser.add_argument(
        "--data", metavar="RELEASE", action="append", type=Path, required=True, help="a release; may be given again"
    )
    parser.add_argument("--split", default="test", choices=SPLITS)
    parser.add_argument("--count", type=int, default=10, help="number of clips, 10 by default")
    arguments = parser.parse_args(words)
    try:
        check_splits(arguments.data, arguments.split)
        embedder = Embedder.from_run(arguments.run_folder, "auto")
        index = ReleaseIndex.of_release(embedder, arguments.data, arguments.split)
    # The errors of releases, sounds and models are one line each.
    except (OSError, ValueError) as error:
        print(f"python -m model.search: {one_line(error)}", file=sys.stderr)
        return 2
    for hit in index.search(embedder, arguments.sentence, arguments.count):
        print(f"{hit.likeness:.3f}  {one_line(hit.file)}  {one_line(hit.caption)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
