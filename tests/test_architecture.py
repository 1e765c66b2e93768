"""docs/architecture.md names modules and packages that are there, and every package of the two that build datasets."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def named_modules() -> dict[str, set[str]]:
    """Folder → the modules that the tables below "Where things are" name in it; an empty first cell repeats one."""
    section = PAGE.split("\n## Where things are\n")[1].split("\n## ")[0]
    found: dict[str, set[str]] = {}
    folder = ""
    for first, second in re.findall(r"^\| (.*?) ?\| (.*?) \|", section, re.MULTILINE):
        if first.startswith("`"):
            folder = first.strip("`").rstrip("/")
        if folder:
            found.setdefault(folder, set()).update(re.findall(r"`(\w+)`", second))
    return found


def test_every_module_that_the_tables_name_is_there() -> None:
    gone = [
        f"{folder}/{name}" for folder, names in named_modules().items() for name in names if not is_there(folder, name)
    ]
    assert not gone


def is_there(folder: str, name: str) -> bool:
    return (ROOT / folder / f"{name}.py").is_file()


def test_every_package_has_a_row() -> None:
    packages = {
        path.parent.relative_to(ROOT).as_posix()
        for top in ("transforms", "pipeline")
        for path in (ROOT / top).rglob("__init__.py")
    }
    assert set(named_modules()) == packages


def test_the_table_of_stages_names_modules_that_are_there() -> None:
    paths = re.findall(r"\| `(transforms/[\w/]+\.py)` \|", PAGE)
    assert len(paths) >= 9
    assert [path for path in paths if not (ROOT / path).is_file()] == []
