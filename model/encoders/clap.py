"""Weights of LAION-CLAP, from a folder or a model hub, for the two encoders that the paper takes from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, ClapConfig, ClapModel

from model.encoders.quiet import quiet
from model.errors import ConfigurationError, one_line


def is_path(source: str) -> bool:
    """Whether a source is a folder, or cannot be a name on a hub, which has at most one slash."""
    return Path(source).is_dir() or source.startswith((".", "/", "~")) or source.count("/") > 1


def clap_config(source: str, *, key: str) -> ClapConfig:
    """Reads the configuration of a CLAP model.

    Args:
        source: a folder, or a name on a hub.
        key: the setting that names the source, for the message.

    Raises:
        ConfigurationError: there is no model, or one of another type.
    """
    try:
        with quiet():
            config = AutoConfig.from_pretrained(source, local_files_only=is_path(source), trust_remote_code=False)
    except (OSError, ValueError) as error:
        reason = one_line(error)
        raise ConfigurationError(f"{key}: {source}: no CLAP model in a folder or on a model hub: {reason}") from None
    if not isinstance(config, ClapConfig):
        raise ConfigurationError(f"{key}: {source}: a model of type {config.model_type}; clap is expected")
    return config


def load_part(part: nn.Module, source: str, name: str, *, key: str) -> None:
    """Copies the weights of a part of a CLAP model from safetensors.

    Args:
        part: the module that gets the weights.
        source: a folder, or a name on a hub.
        name: ``audio_model`` or ``text_model``.
        key: the setting that names the source, for the message.

    Raises:
        ConfigurationError: there is no such model, or its part has another shape.
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
    """The keys of a configuration that differ from the defaults of its class."""
    out: dict[str, Any] = config.to_diff_dict()
    for name in ("model_type", "transformers_version", "architectures", "dtype"):
        out.pop(name, None)
    return out
