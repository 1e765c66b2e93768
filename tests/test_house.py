"""The house: who imports whom, one sentence at the top of each file, and nothing of this machine in the project."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "prompts": set(),
    "transforms": {"prompts"},
    "pipeline": {"transforms", "prompts"},
    "model": set(),
}
PACKAGES = set(MAY_IMPORT)


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    for path in sorted((ROOT / room).rglob("*.py")):
        assert imported(path) & PACKAGES <= MAY_IMPORT[room] | {room}, path


def test_numerics_know_nothing_of_beam() -> None:
    for name in ("acoustics", "geometry", "words", "seeds", "records", "clip_audio", "render", "check_caption"):
        assert "apache_beam" not in imported(ROOT / "transforms" / f"{name}.py"), name


def test_every_module_opens_with_a_sentence() -> None:
    for room in (*MAY_IMPORT, "tests"):
        for path in sorted((ROOT / room).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            assert not text.strip() or ast.get_docstring(ast.parse(text)), path


def test_no_path_of_a_machine_and_no_address_of_an_index_is_in_the_project() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    pattern = re.compile(r"/(?:work|root|home)/\w|--(?:extra-)?index-url|--find-links")
    for name in tracked.split("\0"):
        path = ROOT / name
        if path.suffix in {".py", ".md", ".txt", ".toml", ".yaml", ".yml", ".j2", ""} and path.is_file():
            if path.resolve() == Path(__file__).resolve():
                continue
            found = pattern.search(path.read_text(encoding="utf-8", errors="replace"))
            assert not found, f"{name}: {found and found[0]}"
