"""What a training needs to go on where it stopped, in one file that is replaced at once; and what the run is of.

The file is safetensors, so nothing is unpickled. It holds the trained weights, all buffers and the optimiser's state;
its header the place in the data, the running means and the history. Random draws are keyed and need no state.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.configuration import RunConfiguration
from model.elsa import ElsaModel, save_model

CHECKPOINT = "checkpoint.safetensors"
RECORD = "run.json"
_PARTS = ".part"


class RunRefused(ValueError):
    """A folder in which this training cannot go on; the message is one line that names it."""


@dataclass
class Progress:
    """How far a training is.

    Attributes:
        phase: pretraining or training.
        epoch, batch: of the phase and of the epoch, the next to do, from 0.
        sums, count: of the loss's terms over the clips of the epoch so far.
        best_epoch, best: of the best model so far, its epoch and its score; −1 and nothing before there is one.
        history: a line for each finished epoch.
    """

    phase: str
    epoch: int = 0
    batch: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    count: int = 0
    best_epoch: int = -1
    best: list[float] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)


def data_sha256(releases: Sequence[Path | str]) -> str:
    """A hash of what is trained on and validated with: the tables of both splits, wherever the releases lie."""
    digest = hashlib.sha256()
    for release in map(Path, releases):
        for split in ("train", "validation"):
            for file in sorted((release / split).glob("*/metadata.parquet")):
                content = hashlib.sha256(file.read_bytes()).hexdigest()
                digest.update(f"{split}/{file.parent.name}:{content}\n".encode())
        digest.update(b"\n")
    return digest.hexdigest()


def configuration_sha256(configuration: RunConfiguration) -> str:
    """A hash of what decides a run's weights: the configuration without the number of workers."""
    content = configuration.as_dict()
    del content["training"]["workers"]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def read_record(run: Path) -> dict[str, Any]:
    """run.json; nothing for a folder that is not there, or empty.

    Raises:
        RunRefused: a folder that holds something else.
    """
    if not run.exists():
        return {}
    if not run.is_dir():
        raise RunRefused(f"{run}: not a folder")
    file = run / RECORD
    if not file.is_file():
        if any(not path.name.endswith(_PARTS) for path in run.iterdir()):
            raise RunRefused(f"{run}: exists and is not an empty folder")
        return {}
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(record, dict):
            raise ValueError("not a mapping")
    except ValueError as error:
        raise RunRefused(f"{file}: not the record of a run: {error}") from None
    return record


def check_record(run: Path, record: dict[str, Any], identity: dict[str, str]) -> None:
    """Whether a run is of this configuration and of this data.

    Raises:
        RunRefused: when it is of others.
    """
    for key, what in (("configuration_sha256", "another configuration"), ("data_sha256", "other data")):
        if record.get(key) != identity[key]:
            raise RunRefused(f"{run}: a run of {what}; take another folder")


def save_checkpoint(
    run: Path,
    trained: dict[str, torch.nn.Parameter],
    model: ElsaModel,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
) -> None:
    """Writes the checkpoint beside the old one, then in its place."""
    tensors: dict[str, Tensor] = {}
    for name, parameter in trained.items():
        tensors[f"weights/{name}"] = parameter.detach()
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer/{key}/{name}"] = value
    for name, buffer in model.named_buffers():
        tensors[f"buffers/{name}"] = buffer
    part = run / f"{CHECKPOINT}{_PARTS}"
    header = {"progress": json.dumps(dataclasses.asdict(progress))}
    save_file({name: value.contiguous() for name, value in tensors.items()}, part, metadata=header)
    shutil.copymode(run / RECORD, part)
    _replace(part, run / CHECKPOINT)


def load_progress(run: Path) -> Progress | None:
    """How far the run in a folder is; none when it has no checkpoint yet.

    Raises:
        RunRefused: a checkpoint that cannot be read.
    """
    if not (run / CHECKPOINT).is_file():
        return None
    try:
        with safe_open(run / CHECKPOINT, framework="pt") as file:
            return Progress(**json.loads(file.metadata()["progress"]))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise RunRefused(f"{run / CHECKPOINT}: not a checkpoint of ours: {' '.join(str(error).split())}") from None


def load_checkpoint(
    run: Path, trained: dict[str, torch.nn.Parameter], model: ElsaModel, optimizer: torch.optim.Optimizer | None
) -> None:
    """Weights, buffers and the optimiser's state as they were; ``optimizer`` none leaves its state out.

    Raises:
        RunRefused: a checkpoint that cannot be read, or of another model.
    """
    buffers = dict(model.named_buffers())
    seen = 0
    try:
        with safe_open(run / CHECKPOINT, framework="pt") as file, torch.no_grad():
            for key in file.keys():  # noqa: SIM118, it is no mapping
                kind, _, name = key.partition("/")
                if kind == "weights":
                    trained[name].copy_(file.get_tensor(key))
                    seen += 1
                elif kind == "buffers":
                    buffers[name].copy_(file.get_tensor(key))
                elif optimizer is not None:
                    entry, _, name = name.partition("/")
                    value = file.get_tensor(key)
                    # A copy: the file's mapping lies at any address. PyTorch keeps the count of steps on the CPU.
                    place = value.device if value.ndim == 0 else trained[name].device
                    optimizer.state[trained[name]][entry] = value.to(place, copy=True)
    except (OSError, KeyError, RuntimeError, SafetensorError) as error:
        raise RunRefused(f"{run / CHECKPOINT}: not of this model: {' '.join(str(error).split())}") from None
    if seen != len(trained):
        raise RunRefused(f"{run / CHECKPOINT}: not of this model: {seen} of {len(trained)} weights")


def save_best(model: ElsaModel, run: Path) -> None:
    """The model into its run, file by file by renaming, so that a kill leaves whole files."""
    part = run / f"model{_PARTS}"
    shutil.rmtree(part, ignore_errors=True)
    save_model(model, part)
    for file in sorted(part.iterdir()):
        _replace(file, run / file.name)
    part.rmdir()


def write_text(path: Path, text: str) -> None:
    """A text file that is there whole or not at all."""
    part = path.with_name(path.name + _PARTS)
    part.write_text(text, encoding="utf-8")
    _replace(part, path)


def _replace(part: Path, path: Path) -> None:
    # On disk before it has its name, or a machine that goes down could leave an empty file with the right name.
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
