"""LAION-CLAP's weights, from a folder or a model hub's name, for the two encoders that the paper takes from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, ClapConfig, ClapModel

from model.encoders.quiet import quiet
from model.errors import ConfigurationError, one_line


def is_path(source: str) -> bool:
    """Whether a source is a folder, or can only be meant as one: a hub's name has one slash at most."""
    return Path(source).is_dir() or source.startswith((".", "/", "~")) or source.count("/") > 1


def clap_config(source: str, *, key: str) -> ClapConfig:
    """The configuration of a CLAP model in a folder or under a hub's name.

    Raises:
        ConfigurationError: when there is none, or one of another kind; ``key`` is what the user has set.
    """
    try:
        with quiet():
            config = AutoConfig.from_pretrained(source, local_files_only=is_path(source))
    except (OSError, ValueError) as error:
        reason = one_line(error)
        raise ConfigurationError(f"{key}: {source}: no CLAP model in a folder or on a model hub: {reason}") from None
    if not isinstance(config, ClapConfig):
        raise ConfigurationError(f"{key}: {source}: a model of the kind {config.model_type}, clap is expected")
    return config


def load_part(part: nn.Module, source: str, name: str, *, key: str) -> None:
    """Copies the weights of a part of a CLAP model, ``audio_model`` or ``text_model``, from safetensors.

    Raises:
        ConfigurationError: when there is no such model, or its part has another shape.
    """
    clap_config(source, key=key)
    try:
        with quiet():
            clap: Any = ClapModel.from_pretrained(
                source, local_files_only=is_path(source), use_safetensors=True, dtype=torch.float32
            )
        part.load_state_dict(getattr(clap, name).state_dict())
    except (OSError, ValueError, RuntimeError) as error:
        reason = one_line(error)
        raise ConfigurationError(f"{key}: {source}: its weights cannot be used: {reason}") from None


def differing(config: Any) -> dict[str, Any]:
    """The keys of a configuration that differ from its class's defaults."""
    out: dict[str, Any] = config.to_diff_dict()
    for name in ("model_type", "transformers_version", "architectures", "dtype"):
        out.pop(name, None)
    return out
