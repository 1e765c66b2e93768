"""What a training needs to go on where it stopped, in one file that is replaced at once; and what the run is of.

The file is safetensors, so nothing is unpickled. It holds the trained weights, all buffers and the optimiser's state;
its header the place in the data, the running means and the history. Random draws are keyed and need no state.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.elsa.network import ElsaModel
from model.elsa.saved_model import save_model
from model.errors import RunRefused, one_line
from model.runs.files import PARTS, replace_whole
from model.runs.record import RECORD

CHECKPOINT = "checkpoint.safetensors"


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
    part = run / f"{CHECKPOINT}{PARTS}"
    header = {"progress": json.dumps(dataclasses.asdict(progress))}
    save_file({name: value.contiguous() for name, value in tensors.items()}, part, metadata=header)
    shutil.copymode(run / RECORD, part)
    replace_whole(part, run / CHECKPOINT)


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
        raise RunRefused(f"{run / CHECKPOINT}: not a checkpoint of ours: {one_line(error)}") from None


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
        raise RunRefused(f"{run / CHECKPOINT}: not of this model: {one_line(error)}") from None
    if seen != len(trained):
        raise RunRefused(f"{run / CHECKPOINT}: not of this model: {seen} of {len(trained)} weights")


def save_best(model: ElsaModel, run: Path) -> None:
    """The model into its run, file by file by renaming, so that a kill leaves whole files."""
    part = run / f"model{PARTS}"
    shutil.rmtree(part, ignore_errors=True)
    save_model(model, part)
    for file in sorted(part.iterdir()):
        replace_whole(file, run / file.name)
    part.rmdir()
