"""CONTRIBUTING.md: its picture is the table of imports, and its diffs apply to this checkout."""

from __future__ import annotations

import ast
import functools
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.test_house import MAY_IMPORT

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
#: Heading → all diffs below it, in their order, as one patch.
PATCHES = {
    heading: "".join(re.findall(r"^```diff\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    for heading, text in re.findall(r"^### (Add [^\n]+)\n(.*?)(?=^###? |\Z)", PAGE, re.MULTILINE | re.DOTALL)
}
CHANGES = {
    "Add a source layout",
    "Add a stage",
    "Add a recipe key",
    "Add a reason for rejection",
    "Add a prompt",
    "Add an evaluation task",
    "Add a spatial branch",
}
every_change = pytest.mark.parametrize("heading", PATCHES)


# The picture


def reached(table: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """What each package imports, directly or through others."""
    found = {name: set(targets) for name, targets in table.items()}
    for through in table:
        for targets in found.values():
            if through in targets:
                targets |= found[through]
    return found


def drawn_arrows() -> dict[str, set[str]]:
    """The arrows of the picture, by the package that they begin at."""
    block = re.search(r"```mermaid\n(.*?)```", PAGE, re.DOTALL)
    assert block is not None
    labels = dict(re.findall(r"^ *(\w+)\[([\w/]+)\]$", block[1], re.MULTILINE))
    arrows: dict[str, set[str]] = {label.replace("/", "."): set() for label in labels.values()}
    for start, ends in re.findall(r"^ *(\w+) --> ([\w &]+)$", block[1], re.MULTILINE):
        arrows[labels[start].replace("/", ".")] |= {labels[end].replace("/", ".") for end in ends.split(" & ")}
    return arrows


def test_the_picture_shows_the_table_of_imports() -> None:
    drawn, table = reached(drawn_arrows()), reached(MAY_IMPORT)
    assert set(drawn) == set(table)
    for package in table:
        assert drawn[package] == table[package], f"{package}: draw what tests/test_house.py lets it import"


def test_what_is_reached_goes_through_others() -> None:
    assert reached({"a": {"b"}, "b": {"c"}, "c": set()}) == {"a": {"b", "c"}, "b": {"c"}, "c": set()}


# The diffs


def git_apply(patch: str, folder: Path, *options: str) -> None:
    """Applies a patch to the files below a folder; fails with git's own words where it does not fit."""
    command = ["git", "apply", "--whitespace=error-all", *options, "-"]
    done = subprocess.run(command, input=patch, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@functools.cache
def top_names(path: Path) -> set[str]:
    """The names that a module binds at its top level."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return found


def unknown_imports(path: Path, changed: Path) -> list[str]:
    """What a module imports of the project that neither the changed files below `changed` nor this checkout has."""
    unknown = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or str(node.module).partition(".")[0] not in {*MAY_IMPORT, "tests"}:
            continue
        inside = Path(*str(node.module).split("."))
        places = [root / tail for root in (changed, ROOT) for tail in (f"{inside}.py", inside / "__init__.py")]
        module = next((place for place in places if place.is_file()), None)
        for alias in node.names:
            if not (ROOT / inside / f"{alias.name}.py").is_file() and (
                module is None or alias.name not in top_names(module)
            ):
                unknown.append(f"{node.module}.{alias.name}")
    return unknown


def test_every_change_has_its_diffs() -> None:
    assert set(PATCHES) == CHANGES
    assert all(PATCHES.values())


@every_change
def test_the_diffs_of_a_change_apply_to_this_checkout(heading: str) -> None:
    git_apply(PATCHES[heading], ROOT, "--check")


@every_change
def test_the_changed_modules_parse_and_import_what_is_there(heading: str, tmp_path: Path) -> None:
    for name in re.findall(r"^--- a/(\S+)", PATCHES[heading], re.MULTILINE):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    git_apply(PATCHES[heading], tmp_path)
    modules = sorted(tmp_path.rglob("*.py"))
    # A prompt is a text file; every other change has a module. Each has a test.
    assert modules
    assert any(path.is_relative_to(tmp_path / "tests") for path in modules)
    for path in modules:
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path
        assert unknown_imports(path, tmp_path) == []


@every_change
def test_a_diff_is_short_enough_to_read(heading: str) -> None:
    for diff in re.findall(r"^```diff\n(.*?)^```$", PAGE.split(f"### {heading}\n")[1].split("\n### ")[0], re.M | re.S):
        assert len(diff.splitlines()) <= 32


def test_an_import_that_nobody_has_is_found(tmp_path: Path) -> None:
    module = tmp_path / "transforms" / "new.py"
    module.parent.mkdir()
    module.write_text("from transforms.words import words_of, no_such_word\nfrom transforms.nowhere import x\n")
    assert unknown_imports(module, tmp_path) == ["transforms.words.no_such_word", "transforms.nowhere.x"]
