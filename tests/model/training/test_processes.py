"""Two processes over gloo do the same steps as one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from model.configuration import read_configuration
from model.training import train
from model.training.processes import Processes

ROOT = Path(__file__).parents[3]
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


@pytest.mark.slow
def test_processes_on_a_machine_without_a_gpu_find_each_other(tmp_path):
    text = "from model.training.processes import Processes; p = Processes('auto'); print(p.count, p.index); p.leave()"
    (tmp_path / "count.py").write_text(text)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*launch, str(tmp_path / "count.py")], env=environment, capture_output=True, text=True, check=False
    )
    assert sorted(done.stdout.split("\n")) == ["", "2 0", "2 1"], done.stderr


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


@pytest.mark.slow
def test_two_processes_give_the_weights_of_one(make_release, tmp_path):
    # With an odd number of validation rows, the last row fills up and counts once.
    release = make_release(tmp_path / "r", rows={"train": 16, "validation": 7})
    settings = [word for setting in SETTINGS for word in ("--set", setting)]
    words = ["train", "elsa-tiny", "--data", str(release), "--output", str(tmp_path / "two"), *settings]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launch, "-m", "pipeline.command", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "2 processes" in done.stderr
    # Only one process prints.
    assert done.stdout.count("kept, mAP@10") == 1
    assert done.stderr.count("epoch 2 of 2") == 1
    one = train(read_configuration("elsa-tiny", SETTINGS), [release], tmp_path / "one").run
    first, second = (load_file(run / "model.safetensors") for run in (one, tmp_path / "two"))
    for name, weight in first.items():
        # Rounding differs, and Adam amplifies it where a gradient is almost zero.
        torch.testing.assert_close(second[name], weight, rtol=1e-3, atol=3e-4, msg=name)
