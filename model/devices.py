"""The device on which a model computes."""

from __future__ import annotations

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
