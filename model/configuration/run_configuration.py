"""A whole configuration, read from a YAML file with the sections ``model``, ``training`` and ``data``.

The configurations that come with the package are in ``model/configs``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.configuration.data import DataConfiguration
from model.configuration.shape import ElsaShape, check_shape
from model.configuration.training import TrainingConfiguration
from model.documents import MOST_YAML_BYTES, parse_yaml
from model.errors import ConfigurationError
from model.files import is_file, read_typed, unreadable_as
from model.packages import package_folder
from model.settings import check_section, set_values, unknown_key

if TYPE_CHECKING:
    from model.configuration.elsa_config import ElsaConfig

_CONFIGS = Path(__file__).parents[1] / "configs"
_SECTIONS = ("model", "training", "data")
#: Files of a run: its configuration, and the record that a folder is a run by.
CONFIGURATION, RECORD = "configuration.yaml", "run.json"
#: Keys of a model that name a folder, a package or a model on a hub.
_SOURCES = ("semantic_source", "text_source")


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
        if not path.exists() or path.is_dir():
            raise ConfigurationError(
                f"{name}: no such configuration; expected a YAML file or one of {', '.join(shipped_configurations())}"
            )
    content = _read_yaml(path) or {}
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: a mapping with the sections {', '.join(_SECTIONS)} is expected")
    settings = list(settings)
    if path.name == CONFIGURATION and is_file(path.parent, RECORD):
        _check_sources(path, content, settings)
    set_values(content, settings)
    for key in content:
        if key not in _SECTIONS:
            raise ConfigurationError(f"{path}: {unknown_key(str(key), _SECTIONS)}")
    return Sections(
        check_shape(content.get("model")),
        check_section(TrainingConfiguration, content.get("training"), "training"),
        check_section(DataConfiguration, content.get("data"), "data"),
    )


def _read_yaml(path: Path) -> Any:
    with unreadable_as(ConfigurationError, path):
        return parse_yaml(read_typed(path, MOST_YAML_BYTES))


def _check_sources(path: Path, content: Mapping[str, Any], settings: Iterable[str]) -> None:
    """Checks that the configuration of a run names no folder and no hub. The run may be a stranger's.

    Packages that are installed may be named, and any source that a setting names too.
    """
    shape = content.get("model")
    for key in _SOURCES:
        source = shape.get(key) if isinstance(shape, Mapping) else None
        is_set = any(setting.startswith(f"model.{key}=") for setting in settings)
        if source is not None and not is_set and package_folder(str(source)) is None:
            raise ConfigurationError(
                f"{path}: {key} is {source!r}, which a run may not name by itself; to read it, add "
                f"--set model.{key}={source}"
            )
