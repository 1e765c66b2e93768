"""Writes files of a run so that each exists whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

#: Ending of a file that is being written.
PARTS = ".part"


def write_text(path: Path, text: str) -> None:
    """Writes a text file, and replaces an older one at once."""
    part = path.with_name(path.name + PARTS)
    part.write_text(text, encoding="utf-8")
    replace_file(part, path)


def replace_file(part: Path, path: Path) -> None:
    """Gives a finished file its name."""
    # It must be on the disk first, or a power failure could leave an empty file under the name.
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
