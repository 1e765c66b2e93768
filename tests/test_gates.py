"""Names that come from outside are opened through the gate alone: this walks the source for every other opening."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: Module → why the names that it opens are the user's own or ours. Whatever a release, a folder of requests, a list or
#: a plan names is opened by transforms.storage.folder_files, which follows no link and does not leave the folder.
MAY_OPEN = {
    "pipeline/batches/answers.py": "the table of answers that the user names with --output",
    "pipeline/beam_options.py": "the limits of this machine, in /proc and /sys",
    "pipeline/build/begin.py": "the folder that the user names with --output, removed if it is empty",
    "pipeline/build/progress.py": "the null device, in place of standard error",
    "pipeline/commands/arguments.py": "the folder of a path that the user has mistyped",
    "pipeline/commands/beam_flags.py": "the source of the installed Beam",
    "pipeline/commands/export.py": "the file of classes that the user names with --classes",
    "pipeline/commands/demo.py": "the recordings that come with the package, copied into the user's folder",
    "pipeline/forecast/measure_sample.py": "a temporary folder of this plan",
    "pipeline/recipe.py": "the recipe that the user names by its path",
    "pipeline/release/gathering.py": "a temporary file of this process",
    "pipeline/report/binaural.py": "the head that the user names in ELSA_SOFA",
    "pipeline/shipped.py": "the recipes that come with the package",
    "prompts/__init__.py": "the prompt that the user's recipe names by its path",
    "transforms/captions/answer_journal.py": "the table of answers that the user names with --answers",
    "transforms/captions/lexicon/derive.py": "the lexicon, which a developer makes from WordNet",
    "transforms/captions/lexicon/wordnet.py": "the lexicon that comes with the package",
    "transforms/bounds/parquet_tables.py": "a table that its caller has opened",
    "transforms/captions/local_model.py": "the weights that the user or a package names, and a temporary folder",
    "transforms/receivers/array_file.py": "the array that the user's recipe names by its path",
    "transforms/receivers/head_file.py": "the head that the user's recipe names by its path",
    "transforms/rooms/own_rooms.py": "the list of rooms that the user's recipe names",
    "transforms/sound/clip_file.py": "a clip that the gate has opened, or a listed object on a remote store",
    "transforms/sound/decoder_process.py": "the null device, and the memory of this process in /proc",
    "transforms/sound/isolated_decoder.py": "a temporary file of this process",
    "transforms/sound/open_sound.py": "a file that its caller has opened",
    "transforms/sources/freesound_ids.py": "the list of ids that the user's recipe names",
    "transforms/sources/input_tree.py": "the listing of the input, which follows no folder and checks each link",
    "transforms/sources/ranged_file.py": "an object on a remote store, by the name that the listing gave",
    "transforms/sources/tars.py": "a file that the gate has opened",
    "transforms/storage/__init__.py": "the backends of storage, for addresses of the user",
    "transforms/storage/beam_files.py": "the backends of storage, for addresses of the user",
    "transforms/storage/below_folder.py": "the gate itself",
    "transforms/storage/folder_files.py": "the gate itself",
    "transforms/storage/temporary.py": "temporary folders of ours, each with our mark",
    "transforms/storage/local_files.py": "the backends of storage, for paths of the user",
}

#: Calls that open, list, change or remove what a name leads to.
OPENING = (
    *("open", "*.open", "*.read_text", "*.read_bytes", "*.write_text", "*.write_bytes", "*.touch", "*.unlink"),
    *("*.mkdir", "*.rmdir", "*.iterdir", "*.glob", "*.rglob", "*.hardlink_to", "*.symlink_to"),
    *(
        f"os.{name}"
        for name in ("makedirs", "replace", "rename", "renames", "remove", "removedirs", "truncate", "link")
    ),
    *(f"os.{name}" for name in ("listdir", "scandir", "walk", "fwalk", "symlink", "mkfifo", "chmod", "utime")),
    *("shutil.*", "tempfile.*", "sqlite3.connect", "np.load", "np.save*", "np.fromfile", "np.memmap"),
    *("storage.read_*", "storage.write_bytes", "storage.list_*", "storage.remove_*", "storage.exists"),
    *("local_files.*", "beam_files.*", "s3_objects.*"),
)
#: Calls that take a path or an open file, and are given an open file.
TAKE_FILES = (
    *("pq.read_*", "pq.ParquetFile", "pq.ParquetWriter", "pq.write_table", "pq.ParquetDataset"),
    *("pd.read_*", "pyarrow.csv.*", "soundfile.read", "soundfile.write", "soundfile.info", "soundfile.SoundFile"),
    *("tarfile.open", "tarfile.TarFile", "zipfile.ZipFile", "np.loadtxt"),
)
#: What gives an open file: the gate, memory, and a file around an open one.
GIVE_FILES = ("folder_files.*", "io.BytesIO", "_kemar_text")
#: These open nothing.
HARMLESS = ("shutil.disk_usage",)


def openings(source: str) -> Iterator[tuple[int, str]]:
    """The line and the call of everything in a module that may open a name, but through the gate."""
    tree = ast.parse(source)
    files = set(_names_of_files(tree))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = _name(node.func)
        # What comes with the package is read by importlib.
        if _matches(name, (*GIVE_FILES, *HARMLESS)) or "resources.files" in ast.unparse(node.func):
            continue
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        has_file = any(_gives_file(value) or ast.unparse(value) in files for value in given)
        if _matches(name, TAKE_FILES) or name == "open":
            if not has_file:
                yield node.lineno, name
        elif _matches(name, OPENING):
            yield node.lineno, name


def _names_of_files(tree: ast.AST) -> Iterator[str]:
    """The names that are bound to what the gate has opened, or to memory."""
    for node in ast.walk(tree):
        if isinstance(node, ast.withitem) and node.optional_vars is not None and _gives_file(node.context_expr):
            yield ast.unparse(node.optional_vars)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and _gives_file(node.value):
            yield from map(ast.unparse, node.targets if isinstance(node, ast.Assign) else [node.target])


def _gives_file(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Call) and _matches(_name(part.func), GIVE_FILES) for part in ast.walk(node))


def _name(function: ast.expr) -> str:
    """The called expression, of which calls inside it are left out: `Path(name).open` is `.open`."""
    text = ast.unparse(function)
    if isinstance(function, ast.Attribute) and any(isinstance(part, ast.Call) for part in ast.walk(function)):
        return f".{function.attr}"
    return text


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def modules() -> dict[str, str]:
    paths = sorted(path for package in ("prompts", "transforms", "pipeline") for path in (ROOT / package).rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def test_names_from_outside_are_opened_through_the_gate_alone() -> None:
    found = [
        f"{module}:{line}: {call}"
        for module, source in modules().items()
        if module not in MAY_OPEN
        for line, call in openings(source)
    ]
    assert not found, "open these through transforms.storage.folder_files, or say in MAY_OPEN whose names they are"


def test_no_module_is_let_through_that_opens_nothing() -> None:
    sources = modules()
    assert [module for module in MAY_OPEN if not any(openings(sources.get(module, "")))] == []


@pytest.mark.parametrize(
    "line",
    [
        "open(name)",
        "Path(name).open('rb')",
        "path.read_bytes()",
        "(release / name).read_text()",
        "os.open(name, os.O_RDONLY)",
        "os.scandir(folder)",
        "pq.read_table(release / name)",
        "pq.ParquetFile(path).metadata",
        "soundfile.SoundFile(path)",
        "soundfile.info(str(path))",
        "pd.read_csv(path)",
        "shutil.copyfile(one, other)",
        "tarfile.TarFile(partial, 'w')",
        "storage.read_bytes(storage.join(release, name))",
        "folder.mkdir(parents=True)",
    ],
)
def test_an_opening_is_found(line: str) -> None:
    assert list(openings(f"def read(release, name):\n    return {line}\n"))


@pytest.mark.parametrize(
    "line",
    [
        "folder_files.read_bytes(release, name)",
        "pq.read_table(io.BytesIO(data)).select(columns)",
        "open(folder_files.open_listed(path), 'rb').read()",
        "resources.files('prompts').joinpath(name).read_text()",
        "name.replace('/', '-')",
    ],
)
def test_what_goes_through_the_gate_is_no_opening(line: str) -> None:
    assert not list(openings(f"def read(release, name):\n    return {line}\n"))
