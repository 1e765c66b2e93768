"""The checkpoint, with which a training continues where it stopped, and the best model.

The checkpoint is one safetensors file, so nothing is unpickled. It holds the trained weights, all buffers and the state
of the optimiser. Its header holds the position in the data, the running means and the history. Random draws are keyed
and have no state.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field, Strict, TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.configuration.run_configuration import RECORD
from model.documents import parse_json
from model.elsa.network import ElsaModel
from model.elsa.saved_model import save_model
from model.errors import RunRefused, one_line
from model.files import PARTS, clear, descriptor_path, exists, finish, make_folder, open_file, take_files
from model.runs.history import Count, Finite, check_history, loss_of
from model.weights import read_header

CHECKPOINT = "checkpoint.safetensors"
#: The state that our optimisers keep of a tensor.
OPTIMIZER_ENTRIES = ("step", "exp_avg", "exp_avg_sq")


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
    epoch: Count = 0
    batch: Count = 0
    sums: dict[str, float] = field(default_factory=dict)
    count: Annotated[int, Strict(), Field(ge=0)] = 0
    best_epoch: Annotated[int, Strict(), Field(ge=-1)] = -1
    best: list[Finite] = field(default_factory=list)
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
    part = clear(run, f"{CHECKPOINT}{PARTS}")
    header = {"progress": json.dumps(dataclasses.asdict(progress))}
    save_file({name: value.contiguous() for name, value in tensors.items()}, part, metadata=header)
    shutil.copymode(run / RECORD, part, follow_symlinks=False)
    finish(run, CHECKPOINT)


def load_progress(run: Path) -> Progress | None:
    """Reads the progress of a run; None if it has no checkpoint yet.

    Raises:
        RunRefused: the checkpoint cannot be read.
    """
    if not exists(run, CHECKPOINT):
        return None
    try:
        with open_file(run, CHECKPOINT) as file:
            progress = parse_json(read_header(file).metadata["progress"])
        return _check_progress(progress)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunRefused(f"{run / CHECKPOINT}: not a checkpoint of a training: {one_line(error)}") from None


def _check_progress(content: Any) -> Progress:
    progress = TypeAdapter(Progress).validate_python(content)
    check_history(progress.history)
    if progress.best or progress.best_epoch >= 0:
        if len(progress.best) != 2:
            raise ValueError("best is not two numbers")
        loss_of(progress.history, progress.best_epoch)
    return progress


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
        with open_file(run, CHECKPOINT) as opened, torch.no_grad():
            for key, (_, shape) in read_header(opened).tensors.items():
                _check_tensor(key, shape, trained, buffers)
            with safe_open(descriptor_path(opened), framework="pt") as file:
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
                        # A copy, because the mapped file may be unaligned. PyTorch keeps the number of steps on the
                        # CPU.
                        device = value.device if value.ndim == 0 else trained[name].device
                        optimizer.state[trained[name]][entry] = value.to(device, copy=True)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise RunRefused(f"{run / CHECKPOINT}: not of this model: {one_line(error)}") from None
    if loaded != len(trained):
        raise RunRefused(f"{run / CHECKPOINT}: not of this model: {loaded} of {len(trained)} weights")


def _check_tensor(
    key: str, shape: tuple[int, ...], trained: Mapping[str, Tensor], buffers: Mapping[str, Tensor]
) -> None:
    """Checks that a tensor of a checkpoint is one of this model and has its shape, before it is read."""
    kind, _, name = key.partition("/")
    if kind == "optimizer":
        entry, _, name = name.partition("/")
        if entry not in OPTIMIZER_ENTRIES:
            raise ValueError(f"{one_line(key)} is no state of an optimiser")
    expected = tuple((buffers if kind == "buffers" else trained)[name].shape)
    if shape != expected and not (kind == "optimizer" and shape == ()):
        raise ValueError(f"{one_line(key)} has the shape {shape}, not {expected}")


def save_best(model: ElsaModel, run: Path) -> None:
    """Writes the model into its run. Each file is renamed when it is whole, so that a kill leaves whole files."""
    save_files(run, lambda folder: save_model(model, folder))


def save_files(run: Path, save: Callable[[Path], None]) -> None:
    """Writes files into a run, each at once. ``save`` writes them into the folder that it is given."""
    name = f"model{PARTS}"
    clear(run, name)
    save(make_folder(run, name))
    take_files(run, name)
