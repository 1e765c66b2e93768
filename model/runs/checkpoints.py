"""The checkpoint, with which a training continues where it stopped, and the best model.

The checkpoint is one safetensors file, so nothing is unpickled. It holds the trained weights, all buffers and the state
of the optimiser. Its header holds the position in the data, the running means and the history. Random draws are keyed
and have no state.
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
from model.runs.files import PARTS, replace_file
from model.runs.record import RECORD

CHECKPOINT = "checkpoint.safetensors"


@dataclass
class Progress:
    """The progress of a training.

    Attributes:
        phase: ``pretraining`` or ``training``.
        epoch, batch: next epoch of the phase and next batch of the epoch, from 0.
        sums, count: sums of the loss's terms over the clips of the epoch so far, and the number of these clips.
        best_epoch, best: epoch and score of the best model so far; −1 and empty before the first.
        history: an entry for each finished epoch.
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
    """Writes the checkpoint, and replaces an older one at once."""
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
    replace_file(part, run / CHECKPOINT)


def load_progress(run: Path) -> Progress | None:
    """Reads the progress of a run; None if it has no checkpoint yet.

    Raises:
        RunRefused: the checkpoint cannot be read.
    """
    if not (run / CHECKPOINT).is_file():
        return None
    try:
        with safe_open(run / CHECKPOINT, framework="pt") as file:
            return Progress(**json.loads(file.metadata()["progress"]))
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise RunRefused(f"{run / CHECKPOINT}: not a checkpoint of a training: {one_line(error)}") from None


def load_checkpoint(
    run: Path, trained: dict[str, torch.nn.Parameter], model: ElsaModel, optimizer: torch.optim.Optimizer
) -> None:
    """Loads weights, buffers and the state of the optimiser.

    Raises:
        RunRefused: the checkpoint cannot be read, or is of another model.
    """
    buffers = dict(model.named_buffers())
    loaded = 0
    try:
        with safe_open(run / CHECKPOINT, framework="pt") as file, torch.no_grad():
            for key in file.keys():  # noqa: SIM118, the file is no mapping
                kind, _, name = key.partition("/")
                if kind == "weights":
                    trained[name].copy_(file.get_tensor(key))
                    loaded += 1
                elif kind == "buffers":
                    buffers[name].copy_(file.get_tensor(key))
                else:
                    entry, _, name = name.partition("/")
                    value = file.get_tensor(key)
                    # A copy, because the mapped file may be unaligned. PyTorch keeps the number of steps on the CPU.
                    device = value.device if value.ndim == 0 else trained[name].device
                    optimizer.state[trained[name]][entry] = value.to(device, copy=True)
    except (OSError, KeyError, RuntimeError, SafetensorError) as error:
        raise RunRefused(f"{run / CHECKPOINT}: not of this model: {one_line(error)}") from None
    if loaded != len(trained):
        raise RunRefused(f"{run / CHECKPOINT}: not of this model: {loaded} of {len(trained)} weights")


def save_best(model: ElsaModel, run: Path) -> None:
    """Writes the model into its run. Each file is renamed when it is whole, so that a kill leaves whole files."""
    part = run / f"model{PARTS}"
    shutil.rmtree(part, ignore_errors=True)
    save_model(model, part)
    for file in sorted(part.iterdir()):
        replace_file(file, run / file.name)
    part.rmdir()
