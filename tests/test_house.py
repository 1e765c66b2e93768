"""The house: which package may import which, small packages, numerics without Beam, and nothing of one machine."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache, lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: Package → the packages that it may import. A package's own name stands for the modules at its top, its sub-packages
#: have entries of their own. Whatever is not in this table may not exist, and what a row does not name is forbidden.
MAY_IMPORT: dict[str, set[str]] = {
    "prompts": set(),
    # Records, seeds and words stand below everything else.
    "transforms": set(),
    "transforms.storage": {"transforms", "transforms.bounds"},
    # Limits for what strangers send.
    "transforms.bounds": {"transforms"},
    "transforms.sources": {"transforms", "transforms.bounds", "transforms.storage"},
    "transforms.shards": {"transforms", "transforms.bounds", "transforms.storage"},
    # Rooms and sound know nothing of captions.
    "transforms.rooms": {"transforms", "transforms.bounds", "transforms.storage", "transforms.shards"},
    "transforms.rooms.moving": {"transforms", "transforms.rooms"},
    # What rooms and heads have in common: SOFA, and the HDF5 that it is.
    "transforms.sofa": {"transforms", "transforms.bounds"},
    # Measured responses come in files of sound, among others.
    "transforms.rooms.measured": {
        "transforms",
        "transforms.bounds",
        "transforms.storage",
        "transforms.rooms",
        "transforms.sound",
        "transforms.sofa",
    },
    # What a build gives to rows: simulated responses, and those of measured rooms, which it keeps.
    "transforms.rooms.responses": {
        "transforms",
        "transforms.receivers",
        "transforms.storage",
        "transforms.shards",
        "transforms.rooms.measured",
        "transforms.sound",
    },
    # What microphones and ears hear in a room.
    "transforms.receivers": {
        "transforms",
        "transforms.bounds",
        "transforms.rooms",
        "transforms.rooms.moving",
        "transforms.sofa",
    },
    # Sound is rendered through a receiver.
    "transforms.sound": {
        "transforms",
        "transforms.bounds",
        "transforms.storage",
        "transforms.shards",
        "transforms.receivers",
    },
    # Scenes are composed of rooms, paths and sounds; they know nothing of captions.
    "transforms.scenes": {
        "transforms",
        "transforms.bounds",
        "transforms.storage",
        "transforms.shards",
        "transforms.receivers",
        "transforms.rooms",
        "transforms.rooms.moving",
        "transforms.sound",
        "transforms.sources",
    },
    "transforms.captions": {
        "prompts",
        "transforms",
        "transforms.bounds",
        "transforms.storage",
        "transforms.shards",
        "transforms.sound",
    },
    # The recipe and the DAG: they wire what is in transforms.
    # Each section of a recipe checks its values with the settings of what it is for.
    "pipeline.sections": {
        "prompts",
        "transforms",
        "transforms.bounds",
        "transforms.storage",
        "transforms.sources",
        "transforms.receivers",
        "transforms.rooms",
        "transforms.rooms.measured",
        "transforms.scenes",
        "transforms.captions",
    },
    "pipeline": {
        "pipeline.sections",
        "prompts",
        "transforms",
        "transforms.bounds",
        "transforms.storage",
        "transforms.sources",
        "transforms.shards",
        "transforms.receivers",
        "transforms.rooms",
        "transforms.sound",
        "transforms.captions",
        "transforms.scenes",
        "transforms.rooms.measured",
        "transforms.rooms.responses",
    },
    "pipeline.release": {
        "pipeline",
        "transforms",
        "transforms.bounds",
        "transforms.storage",
        "transforms.shards",
        "transforms.captions",
        "transforms.sound",
        "transforms.scenes",
    },
    "pipeline.build": {
        "pipeline",
        "pipeline.release",
        "transforms",
        "transforms.bounds",
        "transforms.storage",
        "transforms.sources",
        "transforms.shards",
        "transforms.receivers",
        "transforms.rooms",
        "transforms.sound",
        "transforms.captions",
        "transforms.scenes",
        "transforms.rooms.measured",
        "transforms.rooms.responses",
    },
    "pipeline.forecast": {
        "prompts",
        "pipeline",
        "pipeline.build",
        "transforms",
        "transforms.bounds",
        "transforms.storage",
        "transforms.shards",
        "transforms.receivers",
        "transforms.rooms",
        "transforms.sound",
        "transforms.captions",
        "transforms.scenes",
        "transforms.rooms.responses",
    },
    "pipeline.check": {
        "pipeline",
        "pipeline.build",
        "pipeline.release",
        "transforms",
        "transforms.bounds",
        "transforms.storage",
        "transforms.sources",
        "transforms.shards",
        "transforms.receivers",
        "transforms.rooms",
        "transforms.sound",
        "transforms.captions",
        "transforms.scenes",
        "transforms.rooms.responses",
    },
    "pipeline.batches": {
        "prompts",
        "pipeline",
        "pipeline.build",
        "pipeline.release",
        "transforms",
        "transforms.bounds",
        "transforms.storage",
        "transforms.shards",
        "transforms.captions",
        "transforms.scenes",
    },
    "pipeline.report": {
        "prompts",
        "pipeline",
        "transforms",
        "transforms.shards",
        "transforms.bounds",
        "transforms.storage",
        "transforms.sound",
        "transforms.captions",
    },
    "pipeline.export": {
        "pipeline",
        "pipeline.check",
        "pipeline.release",
        "transforms",
        "transforms.bounds",
        "transforms.storage",
        "transforms.shards",
        "transforms.rooms",
        "transforms.sound",
        "transforms.sources",
    },
    "pipeline.commands": {
        "pipeline",
        "pipeline.sections",
        "pipeline.batches",
        "pipeline.build",
        "pipeline.check",
        "pipeline.export",
        "pipeline.forecast",
        "pipeline.release",
        "pipeline.report",
        "transforms",
        "transforms.bounds",
        "transforms.storage",
        "transforms.shards",
        "transforms.sources",
        "transforms.captions",
    },
    # The model reads releases from disk, and imports nothing of what made them.
    "model": set(),
    "model.augmentation": {"model"},
    "model.configuration": {"model", "model.augmentation"},
    "model.data": {"model", "model.augmentation"},
    "model.spatial": {"model", "model.configuration"},
    "model.encoders": {"model", "model.configuration"},
    "model.elsa": {"model", "model.configuration", "model.data", "model.encoders", "model.spatial"},
    "model.runs": {"model", "model.configuration", "model.elsa"},
    "model.losses": {"model", "model.augmentation", "model.configuration", "model.elsa", "model.spatial"},
    "model.training": {
        "model",
        "model.configuration",
        "model.data",
        "model.elsa",
        "model.encoders",
        "model.losses",
        "model.runs",
        "model.spatial",
    },
    "model.evaluation": {"model", "model.data", "model.elsa", "model.encoders"},
    "model.search": {"model", "model.data", "model.elsa"},
    "model.parameters": {"model", "model.configuration", "model.elsa"},
    "model.commands": {"model", "model.configuration", "model.elsa", "model.evaluation", "model.training"},
}
TOP = {name.partition(".")[0] for name in MAY_IMPORT}
MOST_MODULES = 14


@lru_cache(maxsize=1)
def modules() -> dict[str, Path]:
    """Dotted name → file of every module of the packages."""
    found = {}
    for top in sorted(TOP):
        for path in sorted((ROOT / top).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported(path: Path) -> frozenset[str]:
    """The modules that a file imports, anywhere in it: `from a import b` is a.b where that is a module, else a."""
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import"
            for alias in node.names:
                below = f"{node.module}.{alias.name}"
                found.add(below if below in modules() else str(node.module))
    return frozenset(found)


def package_of(module: str) -> str:
    """The entry of MAY_IMPORT that a module belongs to: its sub-package, or the top of its package.

    A package of a sub-package may have an entry of its own, and else belongs to the sub-package.
    """
    parts = module.split(".")
    if ".".join(parts[:3]) in MAY_IMPORT:
        return ".".join(parts[:3])
    below_top = ".".join(parts[:2])
    is_package = below_top in modules() and modules()[below_top].name == "__init__.py"
    return below_top if len(parts) > 1 and is_package else parts[0]


def arrows() -> Iterator[tuple[str, str]]:
    """(importing module, imported module) for all imports between modules of ours.

    model/__init__ is left out: it gives the public names of the packages below it to whoever imports model.
    """
    for name, path in modules().items():
        if name == "model":
            continue
        yield from ((name, target) for target in imported(path) if target in modules() and target != name)


def test_every_package_has_an_entry_in_the_table() -> None:
    assert {package_of(name) for name in modules()} == set(MAY_IMPORT)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_only_what_it_may(package: str) -> None:
    allowed = MAY_IMPORT[package] | {package}
    wrong = [
        f"{name} imports {target}"
        for name, target in arrows()
        if package_of(name) == package and package_of(target) not in allowed
    ]
    assert not wrong


def test_the_table_itself_has_no_circle() -> None:
    below: dict[str, set[str]] = {name: set(targets) for name, targets in MAY_IMPORT.items()}
    while below:
        free = {name for name, targets in below.items() if not targets & set(below)}
        assert free, f"a circle among {sorted(below)}"
        below = {name: targets for name, targets in below.items() if name not in free}


def test_no_circle_runs_through_modules() -> None:
    below: dict[str, set[str]] = {name: set() for name in modules()}
    for name, target in arrows():
        # A module of a package always finds the package's own __init__ loaded.
        if not name.startswith(f"{target}."):
            below[name].add(target)
    while below:
        free = {name for name, targets in below.items() if not targets & set(below)}
        assert free, f"a circle among {sorted(below)}"
        below = {name: targets for name, targets in below.items() if name not in free}


def test_a_package_can_be_seen_at_once() -> None:
    counts: dict[Path, int] = {}
    for path in modules().values():
        counts[path.parent] = counts.get(path.parent, 0) + (path.name != "__init__.py")
    crowded = {folder.relative_to(ROOT).as_posix(): count for folder, count in counts.items() if count > MOST_MODULES}
    assert not crowded


def test_only_stages_know_beam_and_stages_hold_no_numerics() -> None:
    """In transforms/, Beam's names stand in stages alone, and no stage touches an array library."""
    wrong = []
    for name, path in modules().items():
        if not name.startswith("transforms.") or package_of(name) == "transforms.storage":
            continue
        beam = bound_names(path, {"apache_beam"})
        numerics = bound_names(path, {"numpy", "scipy", "torch", "pyroomacoustics", "soxr", "soundfile"})
        if not beam:
            continue
        for node in tree_of(path).body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                continue
            used = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
            if isinstance(node, ast.ClassDef) and node.bases and used & beam:
                wrong += [f"{name}.{node.name} is a stage and uses {found}" for found in sorted(used & numerics)]
            else:
                wrong += [f"{name}:{node.lineno} uses {found} outside a stage" for found in sorted(used & beam)]
    assert not wrong


def bound_names(path: Path, libraries: set[str]) -> set[str]:
    """The names that a file binds by importing these libraries or from them."""
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {
                alias.asname or alias.name.partition(".")[0]
                for alias in node.names
                if alias.name.partition(".")[0] in libraries
            }
        elif isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] in libraries:
            found |= {alias.asname or alias.name for alias in node.names}
    return found


def test_tests_mirror_the_packages() -> None:
    """A folder of tests for a sub-package has the sub-package's name."""
    folders = [path for top in TOP for path in (ROOT / "tests" / top).rglob("*") if path.is_dir()]
    for folder in folders:
        if folder.name != "__pycache__":
            assert (ROOT / folder.relative_to(ROOT / "tests")).is_dir(), folder


def test_pytest_looks_into_every_folder_of_tests(pytestconfig: pytest.Config) -> None:
    """By default it passes over folders called build, and the tests of builds did not run."""
    patterns = [pattern for pattern in pytestconfig.getini("norecursedirs") if pattern != "__pycache__"]
    folders = [path for path in (ROOT / "tests").rglob("*") if path.is_dir()]
    assert not [folder for folder in folders for pattern in patterns if fnmatch(folder.name, pattern)]


def test_every_module_opens_with_a_sentence() -> None:
    for top in (*TOP, "tests"):
        for path in sorted((ROOT / top).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            assert not text.strip() or ast.get_docstring(tree_of(path)), path


def test_no_path_of_a_machine_and_no_address_of_an_index_is_in_the_project() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    pattern = re.compile(r"/(?:work|root|home)/\w|--(?:extra-)?index-url|--find-links")
    for name in tracked.split("\0"):
        path = ROOT / name
        if path.suffix in {".py", ".md", ".txt", ".toml", ".yaml", ".yml", ".j2", ".ipynb", ""} and path.is_file():
            if path.resolve() == Path(__file__).resolve():
                continue
            found = pattern.search(path.read_text(encoding="utf-8", errors="replace"))
            assert not found, f"{name}: {found and found[0]}"
