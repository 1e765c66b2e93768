"""Finds files of weights and vocabularies inside Python packages, without importing the packages."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from model.errors import ConfigurationError


def package_folder(package: str) -> Path | None:
    """The folder of a package; None if it is not installed. The package's code does not run."""
    name = package.replace("-", "_")
    spec = importlib.util.find_spec(name) if name.isidentifier() else None
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def source_in(source: str, inside: str, *, key: str) -> Path:
    """Finds a source: a folder, or the folder ``inside`` an installed package.

    Args:
        source: path of a folder, or name of a package.
        inside: path of the folder in the package.
        key: the setting that names the source, for the message.

    Raises:
        ConfigurationError: there is no such folder and no such package.
    """
    if Path(source).is_dir():
        return Path(source)
    package = package_folder(source)
    folder = package / inside if package is not None else None
    if folder is None or not folder.is_dir():
        raise ConfigurationError(
            f"{key}: no folder and no installed package {source}; install it with: pip install {source}"
        )
    return folder
