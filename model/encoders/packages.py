"""Weights and vocabularies that come inside Python packages: where their files lie, without importing the packages."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from model.errors import ConfigurationError


def package_folder(package: str) -> Path | None:
    """The folder of an installed package; none when it is not installed. Its code does not run."""
    name = package.replace("-", "_")
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def source_in(source: str, inside: str, *, key: str) -> Path:
    """What ``source`` names: a folder, or the folder ``inside`` an installed package.

    Raises:
        ConfigurationError: when there is neither; ``key`` is what the user has set.
    """
    if Path(source).is_dir():
        return Path(source)
    package = package_folder(source)
    folder = package / inside if package is not None else None
    if folder is None or not folder.is_dir():
        raise ConfigurationError(f"{key}: no folder and no installed package {source}; pip install {source}")
    return folder
