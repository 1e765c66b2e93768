"""The device and the threads on which a model computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from model.errors import ConfigurationError


def device_of(name: str) -> torch.device:
    """The device for ``cpu``, ``cuda`` or ``auto``, which is CUDA if there is one.

    Raises:
        ConfigurationError: ``cuda`` on a machine where PyTorch finds no CUDA device.
    """
    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        raise ConfigurationError("the device is cuda, but PyTorch finds no CUDA device here; cpu or auto will work")
    return torch.device("cuda" if name == "auto" and found else "cpu" if name == "auto" else name)


@contextmanager
def one_thread(wanted: bool = True) -> Iterator[None]:
    """Computes with one thread inside the block if wanted.

    Small products take longer with several threads. On a busy machine they take up to fifty times as long, because each
    product waits for the slowest thread.
    """
    threads = torch.get_num_threads()
    try:
        if wanted:
            torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(threads)
