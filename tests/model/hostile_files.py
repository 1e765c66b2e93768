"""Releases, runs and evaluations of strangers: honest ones with one part changed, drawn by a seed.

A change replaces a value in a table or a document, damages bytes, states sizes that the file does not have, or puts a
link, a pipe or a folder in the place of a file. The files stay small; what they claim may be of any size.
"""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
import torch
import yaml

from model.configuration import read_configuration
from model.configuration.run_configuration import CONFIGURATION
from model.runs.checkpoints import save_best, save_files
from model.runs.history import write_history
from model.runs.record import configuration_sha256, data_sha256, write_record
from tests.model.conftest import write_release

#: A text of a file outside. It may appear in nothing that a command writes.
SECRET = "planted-secret-5d1f"
#: A host that no command may ask.
HUB = "stranger/model"
PARTS = ("release", "run", "unfinished", "evaluation")
#: Settings of the commands that train on a case.
SETTINGS = ["training.device=cpu", "training.keep_decoded=true"]


@dataclass(frozen=True)
class Strangers:
    """The folders of one hostile case.

    Attributes:
        release, run, evaluation: as a stranger would hand them over.
        outside: a folder with files of the user, which may not change and whose content may not be read.
        change: what was changed.
        part: the folder in which it was changed: ``release``, ``run``, ``unfinished`` or ``evaluation``.
    """

    release: Path
    run: Path
    evaluation: Path
    outside: Path
    change: str
    part: str


def make_honest(folder: Path) -> None:
    """Makes an honest ``release``, ``run`` (finished), ``unfinished`` (with a checkpoint) and ``evaluation``.

    Nothing is trained: the weights are those that are drawn at the start, and the history is made up.
    """
    from model.runs.checkpoints import Progress, save_checkpoint
    from model.training.processes import Processes
    from model.training.trainer import Trainer, splits

    release = write_release(folder / "release", rows={"train": 4, "validation": 4, "test": 4}, seconds=0.4)
    counts = {"rows": 12, "rows_by_split": {"train": 4, "validation": 4, "test": 4}}
    (release / "release.json").write_text(json.dumps({"format": 1, "counts": counts, "seed": 2**63, "shards": [{}]}))
    line = {
        "phase": "training",
        "epoch": 0,
        "train": {"loss": 1.0},
        "validation": {"loss": 1.5, "map_at_10": 0.5},
        "best_epoch": 0,
    }
    best = {"epoch": 0, "map_at_10": 0.5, "validation_loss": 1.5}
    for name, epochs in (("run", 1), ("unfinished", 2)):
        configuration = read_configuration("elsa-tiny", [*SETTINGS, f"training.epochs={epochs}"])
        trainer = Trainer(configuration, *splits(configuration, [release]), Processes("cpu"))
        run = folder / name
        run.mkdir()
        record = {
            "configuration_sha256": configuration_sha256(configuration),
            "data_sha256": data_sha256([release]),
            **({"best": best, "finished": True} if name == "run" else {}),
        }
        write_record(run, record)
        write_history(run, [line])
        (run / CONFIGURATION).write_text(yaml.safe_dump(configuration.as_dict(), sort_keys=False))
        save_files(run, trainer.tokenizer.save)
        save_best(trainer.model, run)
        if name == "unfinished":
            progress = Progress("training", epoch=1, best_epoch=0, best=[0.5, -1.5], history=[line])
            phase = trainer.phases()[-1]
            optimizer, parameters = trainer.optimizer(phase)
            for parameter in parameters:
                parameter.grad = torch.zeros_like(parameter)
            optimizer.step()
            save_checkpoint(run, trainer.trained, trainer.model, optimizer, progress)
    evaluation = folder / "evaluation"
    evaluation.mkdir()
    score = {"value": 0.5, "n": 4, "chance": 0.25, "interval_95": [0.1, 0.9]}
    shown = [{"written": "a dog", "reference": "A dog barks."}]
    tasks = {
        "zero_shot": {"direction": score, "distance": {"skipped": "no row has a word"}},
        "captioning": {"spatial": {"bleu_1": score, "shown": shown}},
        "errors": {"azimuth": {"0 to 90": {"angle_deg": score}}},
    }
    (evaluation / "metrics.json").write_text(json.dumps({"run": "run", "split": "test", "rows": 4, "tasks": tasks}))
    (evaluation / "zero_shot.png").write_bytes(b"\x89PNG")


def make_strangers(seed: int, honest: Path, folder: Path) -> Strangers:
    """Makes the folders of a case.

    Args:
        seed: draws the change.
        honest: a folder with an honest ``release``, ``run`` and ``evaluation``.
        folder: new, for the case.
    """
    shutil.copytree(honest, folder, symlinks=True)
    outside = folder / "outside"
    outside.mkdir()
    (outside / "notes.json").write_text(json.dumps({"secret": SECRET}))
    (outside / "secret.flac").write_bytes(next(honest.glob("release/test/*/*.flac")).read_bytes())
    rng = random.Random(seed)
    name, change = CHANGES[rng.randrange(len(CHANGES))]
    before = {part: _state(folder / part) for part in PARTS}
    detail = change(rng, folder, outside)
    part = next((part for part in PARTS if _state(folder / part) != before[part]), PARTS[0])
    change_text = f"seed {seed}: {name}: {detail}"
    return Strangers(folder / "release", folder / "run", folder / "evaluation", outside, change_text, part)


def _state(folder: Path) -> list[tuple[str, int, int, int]]:
    """Name, kind, size and time of every entry of a folder."""
    paths = sorted(folder.rglob("*"))
    return [(str(path), (of := path.lstat()).st_mode, of.st_size, of.st_mtime_ns) for path in paths]


def junk(rng: random.Random) -> Any:
    """A value that nobody expects."""
    deep: Any = 1
    for _ in range(rng.choice((2, 40, 600))):
        deep = [deep] if rng.random() < 0.5 else {"a": deep}
    return rng.choice(
        (
            None,
            True,
            -1,
            0,
            3,
            2**31,
            10**9,
            10**18,
            10**39,
            10**400,
            1e308,
            -1e-300,
            math.nan,
            math.inf,
            "",
            "x" * 50_000,
            "\x1b[31m\x07\u202egnp.exe",
            "\ud800",
            "../../outside/notes.json",
            "/dev/zero",
            HUB,
            [],
            [[]],
            ["a", None, 1],
            {},
            {"": 0},
            [10**9] * 3,
            [8] * 100_000,
            deep,
        )
    )


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern))


def _special(rng: random.Random, path: Path, outside: Path) -> str:
    """Puts something that is not a regular file in the place of a file or a folder."""
    kind = rng.choice(("pipe", "zeros", "link", "link to nothing", "loop", "folder", "sparse", "empty", "missing"))
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "zeros":
        path.symlink_to("/dev/zero")
    elif kind == "link":
        path.symlink_to(outside / ("secret.flac" if path.suffix == ".flac" else "notes.json"))
    elif kind == "link to nothing":
        path.symlink_to(outside / "new")
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "sparse":
        with path.open("wb") as file:
            file.truncate(1 << 38)
    elif kind == "empty":
        path.touch()
    return f"{path.name} is {kind}"


def _damage(rng: random.Random, path: Path) -> str:
    content = bytearray(path.read_bytes())
    if rng.random() < 0.3:
        cut = rng.randrange(len(content))
        path.write_bytes(content[:cut])
        return f"{path.name} cut at {cut}"
    for _ in range(rng.choice((1, 3, 30))):
        # Headers and footers matter most.
        at = rng.choice((rng.randrange(min(64, len(content))), rng.randrange(len(content)), -1 - rng.randrange(64)))
        content[at % len(content)] = rng.randrange(256)
    path.write_bytes(content)
    return f"{path.name} with bytes changed"


def _column(rng: random.Random, rows: int, old: pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """A column of another type, or of values that nobody expects."""
    bad_text = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.array([0, 2], pa.int32()).buffers()[1], pa.py_buffer(b"\xff\xfe")]
    )
    number = rng.choice((0.0, -1.0, 1e308, -1e308, math.nan, math.inf, 1e-300, 2.0**40, 9e15))
    text = rng.choice(
        ("", " ", "../x.flac", "/etc/passwd", "a\0b", ".", "x" * 300_000, "\x1b]0;title\x07", "💥" * 3000)
    )
    return rng.choice(
        (
            lambda: pa.nulls(rows, old.type),
            lambda: pa.nulls(rows),
            lambda: pa.array([number] * rows),
            lambda: pa.array([rng.choice((0, -1, 2**62, 1000))] * rows),
            lambda: pa.array([text] * rows),
            lambda: pa.array([text.encode()] * rows),
            lambda: pa.array([[text]] * rows),
            lambda: pa.array([[]] * rows, pa.list_(pa.string())),
            lambda: pa.array([[None] * 3] * rows, pa.list_(pa.string())),
            lambda: pa.array([["a"] * 200_000] * rows),
            lambda: pa.array([{"a": [{"b": 1}]}] * rows),
            lambda: pa.concat_arrays([bad_text] * rows),
            lambda: pa.array([True] * rows),
        )
    )()


def _change_column(rng: random.Random, folder: Path, outside: Path) -> str:
    file = rng.choice(_files(folder, "release/*/*/metadata.parquet"))
    table = pq.read_table(file)
    index = rng.randrange(table.num_columns)
    name = table.column_names[index]
    if rng.random() < 0.15:
        table = table.remove_column(index)
    elif rng.random() < 0.1:
        table = table.append_column(name, table.column(index))
    else:
        table = table.set_column(index, name, _column(rng, len(table), table.column(index)))
    pq.write_table(table, file)
    return f"{file.parent.parent.name}: column {name}"


def _many_rows(rng: random.Random, folder: Path, outside: Path) -> str:
    """A table of some kilobytes with millions of rows, values or letters."""
    file = rng.choice(_files(folder, "release/*/*/metadata.parquet"))
    table = pq.read_table(file)
    kind = rng.choice(("nulls", "rows", "long text", "long list", "columns"))
    if kind == "nulls":
        table = pa.table({field.name: pa.nulls(2_000_000, field.type) for field in table.schema})
    elif kind == "rows":
        table = pa.concat_tables([table.slice(0, 1)] * 30_000).combine_chunks()
    elif kind == "long text":
        table = table.set_column(0, rng.choice(("file_name", "id")), pa.array(["x" * 20_000_000] * len(table)))
    elif kind == "long list":
        values = pa.array([[None] * 3_000_000] * len(table), pa.list_(pa.string()))
        table = table.set_column(table.column_names.index("captions"), "captions", values)
    else:
        table = pa.table(
            {
                **{name: table.column(name) for name in table.column_names},
                **{f"c{i}": [0] * len(table) for i in range(6000)},
            }
        )
    pq.write_table(table, file)
    return f"{file.parent.parent.name}: {kind}"


def _change_sound(rng: random.Random, folder: Path, outside: Path) -> str:
    file = rng.choice(_files(folder, "release/*/*/*.flac"))
    kind = rng.choice(("header", "unknown length", "hours", "channels", "rate", "format", "float"))
    rate = soundfile.info(file).samplerate
    if kind in ("header", "unknown length"):
        content = bytearray(file.read_bytes())
        last = 0xFF if kind == "header" else 0
        # The number of samples has 36 bits, which end the first 26 bytes.
        content[21] = (content[21] & 0xF0) | (last & 0x0F)
        content[22:26] = bytes([last]) * 4
        file.write_bytes(content)
    elif kind == "hours":
        zeros = np.zeros((1_000_000, 4), np.int16)
        with soundfile.SoundFile(file, "w", rate, 4, subtype="PCM_16", format="FLAC") as out:
            for _ in range(20):
                out.write(zeros)
    elif kind == "channels":
        soundfile.write(file, np.zeros((100, rng.choice((1, 2, 8)))), rate)
    elif kind == "rate":
        soundfile.write(file, np.zeros((100, 4)), rng.choice((1, 8000, 655_350)), format="FLAC")
    else:
        samples = np.full((rate, 4), math.nan if rng.random() < 0.5 else 1e30)
        with file.open("wb") as out:
            soundfile.write(out, samples, rate, format=rng.choice(("WAV", "W64", "AU")), subtype="FLOAT")
    return f"{file.parent.parent.name}/{file.name}: {kind}"


def _change_file(pattern: str) -> Callable[[random.Random, Path, Path], str]:
    def change(rng: random.Random, folder: Path, outside: Path) -> str:
        path = rng.choice(_files(folder, pattern))
        return _damage(rng, path) if path.is_file() and rng.random() < 0.4 else _special(rng, path, outside)

    return change


def _change_document(*names: str) -> Callable[[random.Random, Path, Path], str]:
    """Replaces a value somewhere in a JSON document, or adds a key."""

    def change(rng: random.Random, folder: Path, outside: Path) -> str:
        path = folder / rng.choice(names)
        lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
        which = rng.randrange(len(lines))
        document = json.loads(lines[which])
        inner, keys = document, []
        while True:
            key = rng.choice(list(inner) if isinstance(inner, dict) else list(range(len(inner))))
            keys.append(str(key))
            if not isinstance(inner[key], dict | list) or not inner[key] or rng.random() < 0.3:
                break
            inner = inner[key]
        if isinstance(inner, dict) and rng.random() < 0.2:
            key = rng.choice(_FOREIGN_KEYS)
            keys[-1] = key
        if rng.random() < 0.1 and key in (inner if isinstance(inner, dict) else range(len(inner))):
            del inner[key]
        else:
            inner[key] = junk(rng)
        text = json.dumps(document)
        lines[which] = text if rng.random() < 0.95 else rng.choice(("[" * 100_000, "{}" + text, text * 2, "null", "3"))
        path.write_text("\n".join(lines), encoding="utf-8", errors="surrogatepass")
        return f"{path.name}: {'.'.join(keys)}"

    return change


_FOREIGN_KEYS = (
    "auto_map",
    "attn_implementation",
    "_attn_implementation",
    "quantization_config",
    "transformers_weights",
    "base_model_name_or_path",
    "_name_or_path",
    "text_config",
    "semantic_config",
    "dtype",
    "use_timm_backbone",
    "tokenizer_class",
    "extensions",
    "skipped",
    "shown",
)


def _change_encoder(rng: random.Random, folder: Path, outside: Path) -> str:
    """A configuration that names another encoder, a hub, a folder or code."""
    path = folder / "run" / "config.json"
    config = json.loads(path.read_text())
    bert = {"model_type": "bert", "vocab_size": 10, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    config |= rng.choice(
        (
            {"text_encoder": "roberta", "text_source": HUB, "text_config": None},
            {"text_encoder": "pretrained", "text_source": str(outside), "text_config": None},
            {
                "text_encoder": "pretrained",
                "text_source": HUB,
                "text_config": {**bert, "auto_map": {"AutoModel": f"{HUB}--a.B"}},
            },
            {
                "text_encoder": "pretrained",
                "text_source": "x",
                "text_config": {**bert, rng.choice(list(bert)): junk(rng)},
            },
            {
                "text_encoder": "pretrained",
                "text_source": "x",
                "text_config": {"model_type": "detr", "use_timm_backbone": True},
            },
            {"text_encoder": "roberta", "text_source": None, "text_config": {"num_hidden_layers": 10**7}},
            {"text_encoder": "roberta", "text_source": None, "text_config": {"vocab_size": 5, "pad_token_id": 5}},
            {"semantic_encoder": "htsat", "semantic_source": HUB, "semantic_config": None},
            {"semantic_encoder": "htsat", "semantic_config": {"depths": [10**6] * 4}},
            {"semantic_encoder": "htsat", "semantic_config": {"attn_implementation": HUB, "spec_size": 10**6}},
            {"auto_map": {"AutoModel": f"{HUB}--a.B", "AutoConfig": f"{HUB}--a.B"}},
            {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
            {"transformers_weights": "../outside/notes.json"},
        )
    )
    path.write_text(json.dumps(config), encoding="utf-8", errors="surrogatepass")
    return "config.json: encoder"


def _change_weights(rng: random.Random, folder: Path, outside: Path) -> str:
    """A safetensors file whose header lies."""
    path = rng.choice((folder / "run" / "model.safetensors", folder / "unfinished" / "checkpoint.safetensors"))
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header, tensors = json.loads(content[8 : 8 + length]), content[8 + length :]
    kind = rng.choice(("length", "shape", "type", "offsets", "more", "less", "junk", "numbers", "progress"))
    name = rng.choice([name for name in header if name != "__metadata__"])
    if kind == "shape":
        header[name]["shape"] = rng.choice(([10**9, 10**9], [2**63], [-1], [], [0], header[name]["shape"][::-1], "x"))
    elif kind == "type":
        header[name]["dtype"] = rng.choice(("F64", "I8", "F8_E4M3", "", 7, None))
    elif kind == "offsets":
        header[name]["data_offsets"] = rng.choice(([0, 2**62], [4, 0], [0], None, [-8, 8], [0, len(tensors)]))
    elif kind == "more":
        header[f"more.{name}"] = header[name]
    elif kind == "less":
        del header[name]
    elif kind == "junk":
        header[name] = junk(rng)
    elif kind == "numbers":
        values = np.frombuffer(tensors[: len(tensors) // 4 * 4], dtype=np.float32).copy()
        values[:] = rng.choice((math.nan, math.inf, 1e38))
        tensors = values.tobytes() + tensors[len(tensors) // 4 * 4 :]
    elif kind == "progress":
        progress = json.loads(header.get("__metadata__", {}).get("progress", '{"a": 1}'))
        progress[rng.choice(list(progress))] = junk(rng)
        header["__metadata__"] = {"progress": json.dumps(progress)}
    text = json.dumps(header).encode("utf-8", "replace")
    stated = rng.choice((0, 1, 2**62, 2**64 - 1, len(content) * 2)) if kind == "length" else len(text)
    path.write_bytes(struct.pack("<Q", stated) + text + tensors)
    return f"{path.name}: {kind} of {name}"


def _plant_links(rng: random.Random, folder: Path, outside: Path) -> str:
    """Links under the names that a command writes, so that it would write to a file of the user."""
    where, names = rng.choice(
        (
            (
                "evaluation",
                ("metrics.json.part", "index.html.part", "index.html", "zero_shot.png", "zero_shot.png.part"),
            ),
            ("unfinished", ("run.json.part", "history.jsonl.part", "history.jsonl", "learning_curve.png.part")),
            ("unfinished", ("configuration.yaml.part", "checkpoint.safetensors.part", "model.part", "tensorboard")),
            ("unfinished", ("sound.part", "views.part", "hashing_tokenizer.json", "config.json", "learning_curve.png")),
        )
    )
    name = rng.choice(names)
    path = folder / where / name
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    target = rng.choice((outside / "notes.json", outside, outside / "new"))
    path.symlink_to(target)
    return f"{where}/{name} leads to {target.name}"


def _change_yaml(rng: random.Random, folder: Path, outside: Path) -> str:
    path = folder / "unfinished" / "configuration.yaml"
    laughs = "\n".join(
        ["a0: &a0 [x,x,x,x,x,x,x,x,x]", *(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 10))]
    )
    text = rng.choice(
        (
            laughs + "\nmodel: {clip_s: *a9}",
            "model: {text_encoder: pretrained, text_source: " + str(outside) + "}",
            "model: {semantic_encoder: htsat, semantic_source: " + HUB + "}",
            "training: {seed: 2001-13-45}",
            "model: {clip_s: " + "9" * 5000 + "}",
            "model: " + "[" * 3000,
            "training: {epochs: 1" + "0" * 300 + ", batch_size: 100000000000}",
            "model: !!python/object/apply:os.system ['true']",
            "? [a]\n: b",
            "model: {text_buckets: 10000000000, semantic_channels: " + str([8] * 5000) + "}",
            "\x00",
            "training: {semantic_views: 1000000000, workers: 1000000}",
            "x: y\n" * 50_000,
        )
    )
    path.write_text(text)
    return f"configuration.yaml: {text[:40]!r}"


CHANGES: list[tuple[str, Callable[[random.Random, Path, Path], str]]] = [
    ("column", _change_column),
    ("column", _change_column),
    ("rows", _many_rows),
    ("sound", _change_sound),
    ("file of the release", _change_file("release/**/*")),
    ("file of the release", _change_file("release/*/*/*")),
    ("release.json", _change_document("release/release.json")),
    ("file of the run", _change_file("run/*")),
    ("file of the run", _change_file("unfinished/*")),
    ("config.json", _change_document("run/config.json")),
    ("config.json", _change_document("run/config.json")),
    ("encoder", _change_encoder),
    ("weights", _change_weights),
    ("weights", _change_weights),
    (
        "record",
        _change_document("unfinished/run.json", "unfinished/history.jsonl", "run/run.json", "run/history.jsonl"),
    ),
    ("configuration", _change_yaml),
    ("metrics", _change_document("evaluation/metrics.json")),
    ("metrics", _change_document("evaluation/metrics.json")),
    ("file of the evaluation", _change_file("evaluation/*")),
    ("links", _plant_links),
    ("links", _plant_links),
]
