"""What an evaluation can be told beside its model and releases, as ``KEY=VALUE``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from model.errors import ConfigurationError


@dataclass(frozen=True)
class EvaluationOptions:
    """Every option has a default with which an evaluation is whole.

    Attributes:
        noise_db: signal-to-noise ratios at which localisation is measured again, in diffuse noise.
        train_rows: how many train rows the readout, the classifier, the map and the captioner learn from, at most.
        readout_steps: of gradient, for the readout and the classifier.
        cluster_rows: of a cluster, at most, in the distances between clusters.
        tut: folder of TUT Sound Events 2018 REAL as DCASE lays it out, or null.
        tut_order: order of its four channels.
        tut_normalisation: SN3D or N3D, of its channels.
        captioner: folder or hub's name of GPT-2's weights; null draws the weights of a small one.
        caption_steps, caption_batch: of the captioner's training.
        caption_rows: clips that are captioned, at most.
        seed: of what these tasks train.
    """

    noise_db: tuple[float, ...] = (20.0, 5.0)
    train_rows: int = 20000
    readout_steps: int = 2000
    cluster_rows: int = 200
    tut: str | None = None
    tut_order: str = "WYZX"
    tut_normalisation: str = "SN3D"
    captioner: str | None = None
    caption_steps: int = 600
    caption_batch: int = 32
    caption_rows: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("train_rows", "readout_steps", "cluster_rows", "caption_steps", "caption_batch", "caption_rows"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)}, below 1")
        if sorted(self.tut_order) != sorted("WXYZ"):
            raise ConfigurationError(f"tut_order is {self.tut_order!r}, not an order of W, X, Y, Z")
        if self.tut_normalisation not in ("SN3D", "N3D"):
            raise ConfigurationError(f"tut_normalisation is {self.tut_normalisation!r}, not SN3D or N3D")


def read_options(settings: Iterable[str]) -> EvaluationOptions:
    """Options from ``KEY=VALUE`` settings; a value is read as YAML.

    Raises:
        ConfigurationError: an unknown key or a value of another kind; one line that names it.
    """
    known = {entry.name: entry for entry in dataclasses.fields(EvaluationOptions)}
    values: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise ConfigurationError(f"--set {setting}: KEY=VALUE is expected")
        if key not in known:
            raise ConfigurationError(f"--set {setting}: unknown key {key}; one of {', '.join(known)}")
        try:
            values[key] = _typed(key, yaml.safe_load(text))
        except (yaml.YAMLError, TypeError, ValueError):
            raise ConfigurationError(f"--set {setting}: the value is of another kind than {known[key].type}") from None
    return EvaluationOptions(**values)


def _typed(key: str, value: Any) -> Any:
    default = getattr(EvaluationOptions, key)
    if isinstance(value, bool):
        raise TypeError
    if isinstance(default, tuple):
        return tuple(float(entry) for entry in (value if isinstance(value, list) else [] if value is None else [value]))
    if isinstance(default, int):
        if int(value) != float(value):
            raise ValueError
        return int(value)
    if value is None and default is None:
        return None
    return str(value)
