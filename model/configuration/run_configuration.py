"""A whole configuration, read from a YAML file with the sections ``model``, ``training`` and ``data``.

The configurations that come with the package are in ``model/configs``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from model.configuration.data import DataConfiguration
from model.configuration.shape import ElsaShape, check_shape
from model.configuration.training import TrainingConfiguration
from model.errors import ConfigurationError, one_line
from model.settings import check_section, set_values, unknown_key

if TYPE_CHECKING:
    from model.configuration.elsa_config import ElsaConfig

_CONFIGS = Path(__file__).parents[1] / "configs"
_SECTIONS = ("model", "training", "data")


@dataclass(frozen=True)
class Sections:
    """The checked sections of a configuration file. Making them imports neither PyTorch nor transformers."""

    shape: ElsaShape
    training: TrainingConfiguration
    data: DataConfiguration = field(default_factory=DataConfiguration)

    def __post_init__(self) -> None:
        _check_together(self.shape, self.training)


@dataclass(frozen=True)
class RunConfiguration:
    """A model, its training and its data."""

    model: ElsaConfig
    training: TrainingConfiguration
    data: DataConfiguration = field(default_factory=DataConfiguration)

    def __post_init__(self) -> None:
        _check_together(self.model, self.training)

    def as_dict(self) -> dict[str, Any]:
        """Every section as plain data, every field with its value."""
        return {
            "model": self.model.as_dict(),
            "training": dataclasses.asdict(self.training),
            "data": self.data.as_dict(),
        }


def _check_together(shape: ElsaShape, training: TrainingConfiguration) -> None:
    if shape.spatial_branch == "none" and training.pretraining.epochs:
        raise ConfigurationError("training.pretraining.epochs is not 0, but model.spatial_branch is 'none'")


def shipped_configurations() -> list[str]:
    """Names of the configurations that come with the package."""
    return sorted(path.stem for path in _CONFIGS.glob("*.yaml"))


def read_configuration(name: str | Path, settings: Iterable[str] = ()) -> RunConfiguration:
    """Reads a configuration by its shipped name or from a YAML file, with ``KEY=VALUE`` settings on top.

    A key is a path with dots (``training.epochs``, ``model.spatial_branch``, ``training.losses.branch``); a value is
    read as YAML.

    Raises:
        ConfigurationError: no such configuration, an unknown key, or a value that cannot be used.
    """
    sections = read_sections(name, settings)
    from model.configuration.elsa_config import ElsaConfig

    return RunConfiguration(ElsaConfig(**sections.shape.as_dict()), sections.training, sections.data)


def read_sections(name: str | Path, settings: Iterable[str] = ()) -> Sections:
    """As ``read_configuration``, without importing PyTorch or transformers: a typing error is found at once."""
    path = _CONFIGS / f"{name}.yaml"
    if str(name) not in shipped_configurations():
        path = Path(name)
        if not path.is_file():
            raise ConfigurationError(
                f"{name}: no such configuration; expected a YAML file or one of {', '.join(shipped_configurations())}"
            )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not YAML: {one_line(error)}") from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: a mapping with the sections {', '.join(_SECTIONS)} is expected")
    set_values(content, settings)
    for key in content:
        if key not in _SECTIONS:
            raise ConfigurationError(f"{path}: {unknown_key(str(key), _SECTIONS)}")
    return Sections(
        check_shape(content.get("model")),
        check_section(TrainingConfiguration, content.get("training"), "training"),
        check_section(DataConfiguration, content.get("data"), "data"),
    )
