"""What a model and its training are made of: ElsaConfig as transformers knows it, and training as a frozen dataclass.

A configuration is a YAML file with two sections, ``model`` and ``training``; shipped ones lie in ``model/configs``.
"""

# No annotations from __future__ here: huggingface_hub checks the types of fields only where they are types.

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub.dataclasses import strict
from huggingface_hub.errors import StrictDataclassError
from transformers import PreTrainedConfig

_CONFIGS = Path(__file__).parent / "configs"

SPATIAL_BRANCH_NAMES = ("bin-weighting", "paper")
TEXT_ENCODER_NAMES = ("hashing", "pretrained")


class ConfigurationError(ValueError):
    """A configuration that cannot be used; the message names the file or key and the value, on one line."""


@strict
class ElsaConfig(PreTrainedConfig):
    r"""The shape of an ELSA model (ELSA, section 4.1). Lengths in samples or seconds, frequencies in hertz.

    sample_rate: rate of the audio that the model takes. clip_s: length of a training clip; other lengths are taken too.
    n_fft, hop: the STFT, Hann window of n_fft samples. The paper gives no sizes; these are ours.
    mel_bins, mel_from_hz, mel_to_hz: the log-mel of W that the semantic branch reads.
    semantic_channels, semantic_size: widths of the semantic branch's blocks, and of what it gives to the fusion.
    spatial_branch: "bin-weighting" (ours) or "paper" (ELSA, section 4.1).
    spatial_to_hz: the spatial branch reads bins up to here: arrays of microphones alias above.
    spatial_channels, spatial_hidden, spatial_dropout: width of its convolutions, of its MLP, and its dropout.
    spatial_size: what it gives to the fusion (192 in ELSA, section 4.2).
    text_encoder: "hashing" (words to buckets, trained with the model) or "pretrained" (frozen; see text_source).
    text_source: package or folder that a pretrained text encoder first comes from; a saved model needs it no more.
    text_buckets, text_size: rows and width of the hashing encoder; text_size is read off a pretrained one.
    text_config: the pretrained encoder's own configuration, filled in when it is first loaded.
    fusion_size, embedding_size, head_size: hidden width of the fusion and of the text projection, width of the
    embedding (512 in ELSA), hidden width of the three heads (64 gives the paper's 33 k parameters).
    temperature: of the contrastive loss at the start of training; learnt from there.
    """

    model_type = "elsa"

    sample_rate: int = 16000
    clip_s: float | int = 4.0
    n_fft: int = 512
    hop: int = 256
    mel_bins: int = 64
    mel_from_hz: float | int = 50.0
    mel_to_hz: float | int = 8000.0
    semantic_channels: list[int] | tuple[int, ...] = (32, 64, 128, 256)
    semantic_size: int = 768
    spatial_branch: str = "bin-weighting"
    spatial_to_hz: float | int = 4000.0
    spatial_channels: int = 16
    spatial_hidden: int = 128
    spatial_dropout: float | int = 0.3
    spatial_size: int = 192
    text_encoder: str = "hashing"
    text_source: str | None = None
    text_buckets: int = 4096
    text_size: int = 384
    text_config: dict[str, Any] | None = None
    fusion_size: int = 960
    embedding_size: int = 512
    head_size: int = 64
    temperature: float | int = 0.07

    def validate_elsa(self) -> None:
        """Ranges and names; strict dataclasses call it once the types are right."""
        if self.spatial_branch not in SPATIAL_BRANCH_NAMES:
            raise ConfigurationError(
                f"spatial_branch is {self.spatial_branch!r}, not one of {', '.join(SPATIAL_BRANCH_NAMES)}"
            )
        if self.text_encoder not in TEXT_ENCODER_NAMES:
            raise ConfigurationError(
                f"text_encoder is {self.text_encoder!r}, not one of {', '.join(TEXT_ENCODER_NAMES)}"
            )
        if self.text_encoder == "pretrained" and self.text_source is None and self.text_config is None:
            raise ConfigurationError("text_source must name a package or a folder when text_encoder is 'pretrained'")
        for name in ("mel_to_hz", "spatial_to_hz"):
            if not 0 < getattr(self, name) <= self.sample_rate / 2:
                raise ConfigurationError(
                    f"{name} is {getattr(self, name)}, outside (0, {self.sample_rate / 2}], half the sample rate"
                )
        if not 0 < self.hop <= self.n_fft:
            raise ConfigurationError(f"hop is {self.hop}, outside [1, n_fft = {self.n_fft}]")
        if self.clip_s * self.sample_rate < self.n_fft:
            raise ConfigurationError(f"clip_s is {self.clip_s}, shorter than one window of {self.n_fft} samples")

    @property
    def clip_samples(self) -> int:
        """Samples in a training clip."""
        return round(self.clip_s * self.sample_rate)


@dataclass(frozen=True)
class LossWeights:
    """What each term of the loss counts for; 0 switches it off (ELSA, section 4.3, where each is 1)."""

    contrastive: float = 1.0
    #: one minus the cosine between the embedding's and the true direction
    direction: float = 1.0
    #: squared error of the embedding's log distance and log floor area
    distance: float = 1.0
    area: float = 1.0
    #: the same two kinds of error on what the spatial branch itself says; ours, it stands in for pre-training
    branch: float = 1.0

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if value < 0:
                raise ConfigurationError(f"training.losses.{name} is {value}, below 0")


@dataclass(frozen=True)
class TrainingConfiguration:
    """How a model is trained; every field has a use on one CPU."""

    seed: int = 0
    epochs: int = 10
    batch_size: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    #: steps over which the learning rate rises from 0, before the cosine
    warmup_steps: int = 50
    #: the gradient's norm is cut here
    gradient_norm: float = 1.0
    #: share of the samples served without space: W in all four channels, with the original caption
    nonspatial_share: float = 0.2
    #: processes that decode FLAC; 0 decodes in the training process
    workers: int = 0
    #: cpu, cuda, or auto for CUDA where there is one
    device: str = "auto"
    losses: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        # A contrastive loss over one pair is zero whatever the model does.
        bounds = {"epochs": 1, "batch_size": 2, "warmup_steps": 0, "workers": 0}
        for name, least in bounds.items():
            if getattr(self, name) < least:
                raise ConfigurationError(f"training.{name} is {getattr(self, name)}, below {least}")
        if not 0 <= self.nonspatial_share <= 1:
            raise ConfigurationError(f"training.nonspatial_share is {self.nonspatial_share}, outside [0, 1]")
        for name in ("learning_rate", "gradient_norm"):
            if getattr(self, name) <= 0:
                raise ConfigurationError(f"training.{name} is {getattr(self, name)}, not above 0")
        if self.device not in ("auto", "cpu", "cuda"):
            raise ConfigurationError(f"training.device is {self.device!r}, not auto, cpu or cuda")


@dataclass(frozen=True)
class RunConfiguration:
    """A model and its training, as a configuration file states them."""

    model: ElsaConfig
    training: TrainingConfiguration

    def as_dict(self) -> dict[str, Any]:
        """Both sections as plain data, every field with its value."""
        names = _model_fields()
        model = {name: _plain(getattr(self.model, name)) for name in names}
        return {"model": model, "training": dataclasses.asdict(self.training)}

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
        raise ConfigurationError(f"{path}: a mapping with the sections model and training is expected")
    for setting in settings:
        _set(content, setting)
    unknown = sorted(set(map(str, content)) - {"model", "training"})
    if unknown:
        raise ConfigurationError(f"{path}: unknown key {unknown[0]}; one of model, training")
    model = _checked(content.get("model"), "model", _model_fields())
    training = _checked(content.get("training"), "training", _fields(TrainingConfiguration))
    losses = _checked(training.pop("losses", None), "training.losses", _fields(LossWeights))
    try:
        weights = LossWeights(**_typed(losses, LossWeights, "training.losses"))
        return RunConfiguration(
            model=ElsaConfig(**model),
            training=TrainingConfiguration(losses=weights, **_typed(training, TrainingConfiguration, "training")),
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
            if isinstance(value, bool) or (wanted is int and float(value) != int(value)):
                raise ValueError
            typed[name] = wanted(value)
        except (TypeError, ValueError):
            raise ConfigurationError(f"{where}.{name} is {value!r}, {wanted.__name__} is expected") from None
    return typed
