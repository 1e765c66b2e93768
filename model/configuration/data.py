"""What a model is trained on: how releases are mixed, and what is done to their rows."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from model.augmentation import Augmentation
from model.errors import ConfigurationError


@dataclass(frozen=True)
class DataConfiguration:
    """How releases are mixed and augmented in training."""

    #: each release's share of an epoch, in the order in which they are given; None: as many as it has rows
    weights: tuple[float, ...] | None = None
    #: rows in an epoch; None: as many as the releases have
    rows_an_epoch: int | None = None
    #: false switches every transform off
    augment: bool = True
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        if self.weights is not None and not (
            self.weights and all(math.isfinite(w) and w >= 0 for w in self.weights) and sum(self.weights) > 0
        ):
            raise ConfigurationError(f"data.weights is {list(self.weights)}: numbers from 0, one above it, expected")
        if self.rows_an_epoch is not None and self.rows_an_epoch < 1:
            raise ConfigurationError(f"data.rows_an_epoch is {self.rows_an_epoch}, below 1")

    def as_dict(self) -> dict[str, Any]:
        """Plain data, every field with its value."""
        plain = dataclasses.asdict(self)
        plain["weights"] = None if self.weights is None else list(self.weights)
        return plain

    @property
    def transforms(self) -> Augmentation | None:
        """The augmentation, where it is switched on."""
        return self.augmentation if self.augment else None


def read_data_section(section: Any) -> DataConfiguration:
    """The section ``data`` of a configuration file. ``true`` or ``false`` in place of a transform's ranges switch it.

    Raises:
        ConfigurationError: an unknown key or a value that cannot be used; one line that names it.
    """
    values = _mapping(section, DataConfiguration(), "data")
    for name, kind in (("weights", list), ("rows_an_epoch", int)):
        value = values.get(name)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise ConfigurationError(f"data.{name} is {value!r}, {kind.__name__} is expected")
    if values.get("weights") is not None:
        values["weights"] = tuple(_number(weight, "data.weights") for weight in values["weights"])
    if "augment" in values and not isinstance(values["augment"], bool):
        raise ConfigurationError(f"data.augment is {values['augment']!r}, true or false is expected")
    augmentation = Augmentation()
    ranges = _mapping(values.pop("augmentation", None), augmentation, "data.augmentation")
    for name, value in ranges.items():
        ranges[name] = _transform(getattr(augmentation, name), value, f"data.augmentation.{name}")
    return DataConfiguration(augmentation=dataclasses.replace(augmentation, **ranges), **values)


def _transform(default: Any, value: Any, where: str) -> Any:
    if not dataclasses.is_dataclass(default):
        return _number(value, where)
    if isinstance(value, bool):
        return default if value else dataclasses.replace(default, probability=0.0)  # type: ignore[type-var]
    ranges = {name: _number(each, f"{where}.{name}") for name, each in _mapping(value, default, where).items()}
    return dataclasses.replace(default, **ranges)  # type: ignore[type-var]


def _mapping(section: Any, default: Any, where: str) -> dict[str, Any]:
    if section is None:
        return {}
    if not isinstance(section, Mapping):
        raise ConfigurationError(f"{where} is {section!r}, keys are expected below it")
    names = [entry.name for entry in dataclasses.fields(default)]
    for key in section:
        if key not in names:
            raise ConfigurationError(f"unknown key {where}.{key}; one of {', '.join(names)}")
    return dict(section)


def _number(value: Any, where: str) -> float:
    try:
        if isinstance(value, bool) or not math.isfinite(number := float(value)):
            raise ValueError
    except (TypeError, ValueError):
        raise ConfigurationError(f"{where} is {value!r}, a number is expected") from None
    return number
