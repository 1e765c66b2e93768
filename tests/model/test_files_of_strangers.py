"""Only a few modules of the model open, write or parse files, each for a reason; all others use model/files.py."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

MODEL = Path(__file__).parents[2] / "model"

#: Functions that open, list, write, move or remove files, or parse their content, by the last name of the call.
FILE_CALLS = {
    *("open", "fdopen", "scandir", "listdir", "walk", "iterdir", "glob", "rglob"),
    *("read_text", "read_bytes", "write_text", "write_bytes", "touch", "mkdir", "mkfifo", "symlink_to", "link_to"),
    *("unlink", "rmdir", "rmtree", "copyfile", "copytree", "copymode", "memmap", "fromfile", "tofile", "savefig"),
    *("loads", "safe_load", "full_load", "unsafe_load", "load_all", "safe_open", "load_file", "save_file"),
    *("serialize_file", "from_pretrained", "save_pretrained", "cached_file", "snapshot_download", "hf_hub_download"),
    *("SummaryWriter", "SoundFile", "read_table", "read_schema", "read_metadata", "write_table", "ParquetFile"),
    *("TemporaryDirectory", "NamedTemporaryFile", "mkdtemp", "mkstemp", "from_file", "from_buffer", "Popen"),
    *("urlopen", "system", "popen", "check_output", "import_module", "__import__"),
}
#: More of them, whose last name is also one of harmless functions.
WHOLE_NAMES = {
    *("torch.load", "torch.save", "np.load", "np.save", "json.load", "yaml.load", "pickle.load", "joblib.load"),
    *("shutil.copy", "shutil.copy2", "shutil.move", "os.remove", "os.rename", "os.replace", "os.link", "os.symlink"),
    *("subprocess.run", "soundfile.read", "soundfile.write", "soundfile.info", "soundfile.blocks", "exec", "eval"),
}
#: Functions of model/files.py, which are called by their own names.
OURS = {"read_bytes", "write_bytes", "write_text"}

#: Module → calls → why they need not go through model/files.py, or how they do.
ALLOWED: dict[str, dict[str, str]] = {
    "files": {
        "os.open os.fdopen os.scandir os.replace file.open shutil.rmtree inner.iterdir inner.rmdir path.mkdir "
        "path.unlink": "the only module that opens, writes and removes",
    },
    "documents": {"json.loads yaml.safe_load": "parses with limits"},
    "configuration.run_configuration": {"_CONFIGS.glob": "the shipped configurations"},
    "commands.embed": {"pq.write_table": "into a file of files.create"},
    "data.parquet": {"pq.read_metadata pq.ParquetFile": "an open file, with limits"},
    "data.sound": {"soundfile.SoundFile": "the descriptor of an open file"},
    "data.decoded": {"np.memmap": "an open file of the run"},
    "training.frozen": {"np.memmap": "an open file of the run"},
    "training.description": {"tempfile.TemporaryDirectory": "a folder of its own, for the views that a dry run makes"},
    "training.loop": {"run.mkdir": "the folder that the user typed"},
    "evaluation": {"folder.mkdir": "the folder that the user typed"},
    "evaluation.task_table": {"importlib.import_module": "modules of the package by the names in the table"},
    "evaluation.page": {"TEMPLATE.read_text": "the template of the package"},
    "evaluation.figures": {"figure.savefig": "under a path that files.clear has emptied"},
    "runs.history": {
        "figure.savefig": "under a path that files.clear has emptied",
        "SummaryWriter": "in a folder of files.make_folder",
    },
    "runs.record": {"run.iterdir": "names alone, of the folder that the user typed"},
    "runs.checkpoints": {
        "safe_open": "the descriptor of an open file, whose header is checked",
        "save_file shutil.copymode": "under a path that files.clear has emptied",
    },
    "elsa.saved_model": {
        "ElsaModel.from_pretrained": "the gate itself: it reads its source through elsa.saved_files",
        "model.save_pretrained shutil.copymode": "into a new folder of files.make_folder",
    },
    "elsa.saved_files": {
        "load_file": "the descriptor of an open file, whose header is checked",
        "snapshot_download tempfile.TemporaryDirectory shutil.copy": "a name on a hub that the user typed",
    },
    "elsa.network": {
        ".from_pretrained": "no name, but the configuration and the tensors that were checked",
    },
    "elsa.processor": {
        "folder.mkdir": "the folder that the user typed",
    },
    "encoders.aisfx": {"path.read_bytes torch.load": "one file of an installed package, by its SHA-256, weights only"},
    "encoders.clap": {
        "AutoConfig.from_pretrained ClapModel.from_pretrained": "a source that the user typed; no code, no pickle"
    },
    "encoders.text": {
        "AutoTokenizer.from_pretrained AutoConfig.from_pretrained AutoModel.from_pretrained": "a source that the user "
        "typed, or a package; no code, no pickle",
        "self._tokenizer.save_pretrained": "into a new folder of files.make_folder",
        "Tokenizers.from_buffer": "bytes of files.read_bytes",
    },
    "evaluation.tasks.captioner": {
        "AutoTokenizer.from_pretrained AutoModelForCausalLM.from_pretrained": "a source that the user typed; no code"
    },
    "evaluation.recordings.tut": {
        "folder.glob parent.parent.glob": "names alone; the files are opened in their folder"
    },
    "evaluation.recordings.starss": {"folder.glob": "names alone; the files are opened in their folder"},
    "": {"importlib.import_module": "modules of the package"},
}


def file_calls(source: str) -> Iterator[tuple[int, str]]:
    """The line and the name of every call that may touch a file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = dotted(node.func)
            if (name.rpartition(".")[2] in FILE_CALLS or name in WHOLE_NAMES) and name not in OURS:
                yield node.lineno, name


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    if isinstance(node, ast.Subscript):
        return f"{dotted(node.value)}[]"
    if isinstance(node, ast.BinOp):
        return "path"
    return ""


def test_files_are_opened_only_where_the_table_says():
    unknown: list[str] = []
    unused = {(module, call) for module, calls in ALLOWED.items() for text in calls for call in text.split()}
    for path in sorted(MODEL.rglob("*.py")):
        module = ".".join(path.relative_to(MODEL).with_suffix("").parts).removesuffix("__init__").rstrip(".")
        known = {call for text in ALLOWED.get(module, {}) for call in text.split()}
        for line, call in file_calls(path.read_text(encoding="utf-8")):
            unused.discard((module, call))
            if call not in known:
                unknown.append(f"{module}, line {line}: {call}")
    assert unknown == []
    assert unused == set()


def test_no_source_is_loaded_with_code_or_pickle():
    """Whatever transformers loads by a name has code switched off, and weights come from safetensors."""
    for path in MODEL.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = dotted(node.func)
            given = {keyword.arg: keyword.value for keyword in node.keywords}
            if name.startswith("Auto") and name.endswith((".from_pretrained", ".from_config")):
                assert getattr(given.get("trust_remote_code"), "value", None) is False, f"{path}, line {node.lineno}"
            # Our own reads its source through elsa.saved_files.
            is_foreign = name.endswith("Model.from_pretrained") and name != "ElsaModel.from_pretrained"
            if is_foreign and getattr(node.args[0], "value", "") is not None:
                assert getattr(given.get("use_safetensors"), "value", None) is True, f"{path}, line {node.lineno}"
