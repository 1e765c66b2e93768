"""What a model and its training are made of, read from a file.

A configuration is a YAML file with the sections ``model``, ``training`` and ``data``; shipped ones lie in
``model/configs``.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub.errors import StrictDataclassError

from model.configuration.data import DataConfiguration, read_data_section
from model.configuration.elsa_config import ElsaConfig
from model.configuration.training import LossWeights, PretrainingConfiguration, TrainingConfiguration
from model.errors import ConfigurationError

_CONFIGS = Path(__file__).parents[1] / "configs"


@dataclass(frozen=True)
class RunConfiguration:
    """A model, its training and the data for it, as a configuration file states them."""

    model: ElsaConfig
    training: TrainingConfiguration
    data: DataConfiguration = field(default_factory=DataConfiguration)

    def __post_init__(self) -> None:
        if self.model.spatial_branch == "none" and self.training.pretraining.epochs:
            raise ConfigurationError("training.pretraining.epochs is not 0, but model.spatial_branch is 'none'")

    def as_dict(self) -> dict[str, Any]:
        """Every section as plain data, every field with its value."""
        names = _model_fields()
        model = {name: _plain(getattr(self.model, name)) for name in names}
        return {"model": model, "training": dataclasses.asdict(self.training), "data": self.data.as_dict()}

    def sha256(self) -> str:
        """A hash of the configuration: SHA-256 of its JSON with sorted keys."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _model_fields() -> list[str]:
    return [name for name in ElsaConfig.__annotations__ if name != "model_type"]


def shipped_configurations() -> list[str]:
    """Names of the configurations that come with the package."""
    return sorted(path.stem for path in _CONFIGS.glob("*.yaml"))


def read_configuration(name: str | Path, settings: Iterable[str] = ()) -> RunConfiguration:
    """A configuration by its shipped name or from a YAML file, with ``KEY=VALUE`` settings on top.

    A key is a path with dots (``training.epochs``, ``model.spatial_branch``, ``training.losses.branch``), a value is
    read as YAML.

    Raises:
        ConfigurationError: no such configuration, an unknown key or a value out of its range; one line that names it.
    """
    path = _CONFIGS / f"{name}.yaml"
    if str(name) not in shipped_configurations():
        path = Path(name)
        if not path.is_file():
            raise ConfigurationError(
                f"{name}: no such configuration; a YAML file or one of {', '.join(shipped_configurations())}"
            )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: a mapping with the sections model, training and data is expected")
    for setting in settings:
        _set(content, setting)
    unknown = sorted(set(map(str, content)) - {"model", "training", "data"})
    if unknown:
        raise ConfigurationError(f"{path}: unknown key {unknown[0]}; one of model, training, data")
    model = _checked(content.get("model"), "model", _model_fields())
    training = _checked(content.get("training"), "training", _fields(TrainingConfiguration))
    losses = _checked(training.pop("losses", None), "training.losses", _fields(LossWeights))
    before = training.pop("pretraining", None)
    pretraining = _checked(before, "training.pretraining", _fields(PretrainingConfiguration))
    try:
        weights = LossWeights(**_typed(losses, LossWeights, "training.losses"))
        phase = PretrainingConfiguration(**_typed(pretraining, PretrainingConfiguration, "training.pretraining"))
        return RunConfiguration(
            model=ElsaConfig(**model),
            training=TrainingConfiguration(
                losses=weights, pretraining=phase, **_typed(training, TrainingConfiguration, "training")
            ),
            data=read_data_section(content.get("data")),
        )
    except StrictDataclassError as error:
        # Its own text wraps the cause in two lines.
        cause = error.__cause__ or error
        raise ConfigurationError(f"model: {' '.join(str(cause).split())}") from None


def _fields(kind: type) -> list[str]:
    return [entry.name for entry in dataclasses.fields(kind)]


def _set(content: dict[str, Any], setting: str) -> None:
    key, equals, text = setting.partition("=")
    if not equals or not key:
        raise ConfigurationError(f"--set {setting}: KEY=VALUE is expected")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigurationError(f"--set {setting}: the value is not YAML") from None
    *parents, last = key.split(".")
    section: Any = content
    for parent in parents:
        section = section.setdefault(parent, {})
        if not isinstance(section, dict):
            raise ConfigurationError(f"--set {setting}: {parent} has no keys below it")
    section[last] = value


def _checked(section: Any, where: str, names: list[str]) -> dict[str, Any]:
    if section is None:
        return {}
    if not isinstance(section, Mapping):
        raise ConfigurationError(f"{where} is {section!r}, keys are expected below it")
    for key in section:
        if key not in names:
            raise ConfigurationError(f"unknown key {where}.{key}; one of {', '.join(names)}")
    return dict(section)


def _typed(values: dict[str, Any], kind: type, where: str) -> dict[str, Any]:
    """The values with the types of the dataclass's defaults; YAML reads 1e-3 as a string."""
    typed = {}
    for name, value in values.items():
        wanted = type(getattr(kind, name))
        try:
            if isinstance(value, bool) != (wanted is bool) or (wanted is int and float(value) != int(value)):
                raise ValueError
            typed[name] = wanted(value)
        except (TypeError, ValueError):
            raise ConfigurationError(f"{where}.{name} is {value!r}, {wanted.__name__} is expected") from None
    return typed
