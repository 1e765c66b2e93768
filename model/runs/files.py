"""Files of a run, which are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

PARTS = ".part"


def write_text(path: Path, text: str) -> None:
    """A text file that is there whole or not at all."""
    part = path.with_name(path.name + PARTS)
    part.write_text(text, encoding="utf-8")
    replace_whole(part, path)


def replace_whole(part: Path, path: Path) -> None:
    """A file in the place of another, at once."""
    # On disk before it has its name, or a machine that goes down could leave an empty file with the right name.
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
