"""Two processes over gloo do the same steps as one."""

from __future__ import annotations

import argparse

import pytest
import torch
from safetensors.torch import load_file

from model.commands.train import train as train_command
from model.configuration import read_configuration
from model.training import train
from model.training.processes import Processes
from tests.model.training.forked import launch
from tests.ports import free_port

# Without dropout, because each process draws its own.
SETTINGS = [
    "training.device=cpu",
    "training.epochs=2",
    "training.pretraining.epochs=1",
    "training.pretraining.batch_size=8",
    "training.chunk_size=2",
    "model.spatial_dropout=0",
    "model.semantic_frozen=true",
    "training.semantic_views=1",
]


def test_after_an_error_in_the_first_process_the_others_do_not_wait(monkeypatch):
    processes, waits = Processes("cpu"), []
    monkeypatch.setattr(processes, "wait", lambda: waits.append(processes.index))

    def full() -> None:
        assert not waits
        raise OSError("full")

    with pytest.raises(OSError, match="full"), processes.first_alone():
        full()
    assert waits == [0]
    processes.index = 1
    with processes.first_alone():
        assert waits == [0, 1]
    assert waits == [0, 1]


def run_train_command(words: list[str]) -> int:
    parser = argparse.ArgumentParser()
    train_command.configure(parser)
    return train_command.run(parser.parse_args(words))


@pytest.mark.slow
def test_two_processes_give_the_weights_of_one(make_release, tmp_path):
    # With an odd number of validation rows, the last row fills up and counts once.
    release = make_release(tmp_path / "r", rows={"train": 16, "validation": 7})
    # With the device auto, the processes must find out that they share a CPU.
    settings = [word for setting in [*SETTINGS, "training.device=auto"] for word in ("--set", setting)]
    words = ["elsa-tiny", "--data", str(release), "--output", str(tmp_path / "two"), *settings]
    first, second = launch(tmp_path, free_port(), run_train_command, words)
    assert "2 processes" in first
    # Only one process prints.
    assert first.count("kept, mAP@10") == 1
    assert first.count("epoch 2 of 2") == 1
    assert "epoch" not in second
    one = train(read_configuration("elsa-tiny", SETTINGS), [release], tmp_path / "one").run
    first, second = (load_file(run / "model.safetensors") for run in (one, tmp_path / "two"))
    for name, weight in first.items():
        # Rounding differs, and Adam amplifies it where a gradient is almost zero.
        torch.testing.assert_close(second[name], weight, rtol=1e-3, atol=3e-4, msg=name)
