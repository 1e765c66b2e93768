"""Where a model computes."""

from __future__ import annotations

import torch


def device_of(name: str) -> torch.device:
    """cpu, cuda, or for ``auto`` CUDA where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
