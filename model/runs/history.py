"""The history of a run: an entry for each epoch, the learning curve, and scalars for TensorBoard."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TextIO

from pydantic import Field, Strict, TypeAdapter
from typing_extensions import TypedDict

from model.documents import MOST_JSON_BYTES, parse_json
from model.errors import RunRefused, one_line
from model.files import PARTS, clear, finish, make_folder, read_bytes, write_text

HISTORY = "history.jsonl"
CURVE = "learning_curve.png"
SCALARS = "tensorboard"

#: Types of values in the files of a run, which may be a stranger's.
Count = Annotated[int, Strict(), Field(ge=0, le=10**9)]
Finite = Annotated[float, Strict(), Field(allow_inf_nan=False)]


class Best(TypedDict):
    """The result of a finished run."""

    epoch: Count
    map_at_10: Finite
    validation_loss: Finite


class Epoch(TypedDict):
    """The values of an epoch in the history that are read again."""

    phase: Literal["pretraining", "training"]
    epoch: Count
    best_epoch: Annotated[int, Strict(), Field(ge=-1, le=10**9)]
    train: dict[str, float]
    validation: dict[str, float]


def check_best(best: Any) -> None:
    """Checks the result of a finished run.

    Raises:
        ValueError: it is none.
    """
    TypeAdapter(Best).validate_python(best)


def check_history(history: Any) -> None:
    """Checks the entries of a history.

    Raises:
        ValueError: an entry has no value that is read again, or another type.
    """
    TypeAdapter(list[Epoch]).validate_python(history)
    for line in history:
        for values, names in ((line["train"], ["loss"]), (line["validation"], ["loss", "map_at_10"])):
            if line["phase"] == "training" and not all(math.isfinite(values.get(name, math.nan)) for name in names):
                raise ValueError(f"epoch {line['epoch']} has no {' or no '.join(names)}")


def loss_of(history: Sequence[Mapping[str, Any]], epoch: int) -> float:
    """The loss on validation after an epoch of training.

    Raises:
        ValueError: the history does not have the epoch.
    """
    for line in history:
        if line["phase"] == "training" and line["epoch"] == epoch:
            return float(line["validation"]["loss"])
    raise ValueError(f"no epoch {epoch} in the history")


def write_history(run: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """Writes history.jsonl, a line for each epoch."""
    write_text(run, HISTORY, "".join(json.dumps(line) + "\n" for line in history))


def draw_curve(run: Path, history: Sequence[Mapping[str, Any]]) -> None:
    """Draws the learning curve of the epochs of training, where there are any."""
    epochs = [line for line in history if line["phase"] == "training"]
    if epochs:
        _draw(run, epochs)


def read_history(run: Path) -> list[dict[str, Any]]:
    """Reads history.jsonl.

    Raises:
        RunRefused: it cannot be read.
    """
    try:
        history = [parse_json(line) for line in read_bytes(run, HISTORY, MOST_JSON_BYTES).splitlines()]
        check_history(history)
        return history
    except (OSError, ValueError) as error:
        raise RunRefused(f"{run / HISTORY}: cannot be read, so the run cannot continue: {one_line(error)}") from None


def _draw(run: Path, epochs: Sequence[Mapping[str, Any]]) -> None:
    # matplotlib takes a second to import.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    loss, precision = figure.subplots(1, 2)
    numbers = [line["epoch"] + 1 for line in epochs]
    for split, colour in (("train", "#8a8f98"), ("validation", "#1f5fa8")):
        loss.plot(numbers, [line[split]["loss"] for line in epochs], color=colour, label=split, marker=".")
    loss.set(xlabel="epoch", ylabel="loss")
    loss.legend(frameon=False)
    values = [line["validation"]["map_at_10"] for line in epochs]
    precision.plot(numbers, values, color="#1f5fa8", marker=".")
    for best in [index for index, line in enumerate(epochs) if line["epoch"] == epochs[-1]["best_epoch"]][:1]:
        precision.plot(numbers[best], values[best], "o", color="#c2410c", label=f"kept: epoch {numbers[best]}")
    precision.set(xlabel="epoch", ylabel="mAP@10, spatial captions", ylim=(0, max(1e-3, 1.1 * max(values))))
    precision.legend(frameon=False, loc="lower right")
    for axes in (loss, precision):
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.get_major_locator().set_params(integer=True)
    figure.savefig(clear(run, CURVE + PARTS), format="png", dpi=120)
    finish(run, CURVE)


class Scalars:
    """Scalars for TensorBoard in the run's folder ``tensorboard``. If TensorBoard is missing, a line says so.

    Args:
        run: the folder.
        step: scalars from this step on are written again.
        stream: gets the line.
    """

    def __init__(self, run: Path, step: int, stream: TextIO) -> None:
        self._writer: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            print("tensorboard is not installed, so it gets no scalars; history.jsonl has them", file=stream)
            return
        # Steps after the checkpoint of a killed training are done again.
        self._writer = SummaryWriter(str(make_folder(run, SCALARS)), purge_step=step)

    def add(self, prefix: str, values: Mapping[str, float], step: int) -> None:
        """Adds numbers at a step."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(f"{prefix}/{name}", value, step)

    def close(self) -> None:
        """Writes everything to the disk."""
        if self._writer is not None:
            self._writer.close()
