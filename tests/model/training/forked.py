"""Processes for tests, forked from a server that has imported the model once."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Callable, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch


def start(target: Callable[..., None], *arguments: Any) -> BaseProcess:
    """Starts a process that calls a function of a module."""
    context = multiprocessing.get_context("forkserver")
    # Importing PyTorch and transformers takes seconds, and the server does it once.
    context.set_forkserver_preload(["model.training", "tests.model.training.forked"])
    process = context.Process(target=_call, args=(target, *arguments))
    process.start()
    return process


def _call(target: Callable[..., None], *arguments: Any) -> None:
    torch.set_num_threads(1)
    target(*arguments)


def launch(folder: Path, port: int, target: Callable[..., int], *arguments: Any, count: int = 2) -> list[str]:
    """Runs a function in processes of one group, as torchrun starts them.

    Returns:
        What each process has printed on standard output and error.
    """
    processes = [
        start(_run_member, folder / f"{index}.txt", port, index, count, target, arguments) for index in range(count)
    ]
    for process in processes:
        process.join()
    printed = [(folder / f"{index}.txt").read_text() for index in range(count)]
    assert [process.exitcode for process in processes] == [0] * count, "\n".join(printed)
    return printed


def _run_member(
    log: Path, port: int, index: int, count: int, target: Callable[..., int], arguments: Sequence[Any]
) -> None:
    os.environ |= {
        "RANK": str(index),
        "LOCAL_RANK": str(index),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        # The processes must find each other on a machine without a GPU.
        "CUDA_VISIBLE_DEVICES": "",
    }
    with log.open("w") as stream, contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
        code = target(*arguments)
    if code:
        raise SystemExit(code)
